"""A trained module, read: its tensors by the names of the largest architecture."""

import os
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from hypernas.border import checked
from hypernas.generators.start.names import renamed
from hypernas.space import SearchSpace
from hypernas.subnet.norms import norm_statistics
from hypernas.subnet.skeleton import build_skeleton
from hypernas.subnet.target import generated_shapes, weight_shapes

Start = nn.Module | Mapping[str, Any] | str | os.PathLike[str]  # a mapping is of tensors

_SHOWN = 6  # names of a long list that a sentence gives


@dataclass(frozen=True)
class Trained:
    """Tensors that a generator is to begin at.

    Attributes:
        weights: name of a parameter that generators make -> tensor of its largest shape; tied ones
            stand under their first name.
        buffers: buffer, or parameter that requires no gradient -> tensor of its shape in the largest
            architecture.
        notes: sentences on what was not taken as it came.
    """

    weights: Mapping[str, Tensor]
    buffers: Mapping[str, Tensor]
    notes: tuple[str, ...] = ()

    def of(self, names: Container[str]) -> "Trained":
        """The weights of these names, and all buffers."""
        return Trained({n: w for n, w in self.weights.items() if n in names}, self.buffers)


@checked
def read(space: SearchSpace, start: Start) -> Trained:
    """The tensors of a trained module that is the largest architecture of a space.

    Names may have a prefix more than the builder's, or one less. Parameters that the largest
    architecture lacks, as other categorical values have them, are taken where the start has them.

    Args:
        start: a module, its `state_dict()`, or a file of that, `.safetensors`.

    Raises:
        ValueError: naming at once every tensor that is missing, or of another shape or kind.
        FileNotFoundError: if there is no such file.
    """
    reference, *others = space.references()
    largest = build_skeleton(space, reference)
    shapes = weight_shapes(largest)
    same = {n: [n, *aliases] for n, aliases in _aliases(largest).items()}
    beside = {
        name: shape
        for other in others
        for name, shape in generated_shapes(build_skeleton(space, other)).items()
        if name not in shapes
    }
    frozen = set(shapes) - set(generated_shapes(largest))
    kept = {name: buffer.shape for name, buffer in largest.named_buffers()}
    known = {*(n for names in same.values() for n in names), *beside, *kept}
    given, notes = renamed(_tensors(start), known)
    held = {name: [given[n] for n in names if n in given] for name, names in same.items()}
    held |= {name: [given[name]] for name in (*beside, *kept) if name in given}
    needed = [n for n in norm_statistics(largest) if not n.endswith("num_batches_tracked")]
    unused = [name for name in given if name not in known]
    expected = {**shapes, **beside, **kept}
    problems = [
        f"{n}: missing, expected {tuple(expected[n])}"
        for n in (*shapes, *needed)
        if not held.get(n)
    ]
    problems += [words for n, found in held.items() for words in _misfits(n, expected[n], found)]
    if problems:
        raise ValueError(
            f"the start is not of the largest architecture, {reference}:\n  "
            + "\n  ".join([*problems, *(f"{name}: there is no such tensor" for name in unused)])
            + "\nIt must have the names and shapes of space.build(space.largest()), but for a prefix."
        )
    taken = {name: found[0] for name, found in held.items()}
    notes += _asides(unused, [name for name in beside if name not in taken])
    return Trained(
        {name: taken[name] for name in (*generated_shapes(largest), *beside) if name in taken},
        {name: tensor for name, tensor in taken.items() if name in kept or name in frozen},
        (*notes, *_conversions(taken[n] for n in shapes if n not in frozen)),
    )


def _tensors(start: Start) -> dict[str, Tensor]:
    """Every tensor of a start by name; tied ones under each of their names."""
    if isinstance(start, nn.Module):
        own = dict(start.named_parameters(remove_duplicate=False))
        return own | dict(start.named_buffers(remove_duplicate=False))
    if isinstance(start, Mapping):
        wrong = [
            f"{n}: {type(t).__name__}"
            for n, t in start.items()
            if not (isinstance(n, str) and isinstance(t, Tensor))
        ]
        if wrong:
            raise ValueError(
                "a start is a mapping of names to tensors, as module.state_dict() is, but it holds:\n  "
                + "\n  ".join(wrong)
            )
        return dict(start)
    path = Path(start)
    if path.suffix != ".safetensors":
        raise ValueError(
            f"start={path}: expected a file .safetensors. Of another kind of file load the mapping of "
            f"names to tensors, and give that or save it by safetensors.torch.save_file."
        )
    if not path.is_file():
        raise FileNotFoundError(f"start={path}: there is no such file.")
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"start={path} cannot be read as safetensors: {error}.") from None


def _aliases(module: nn.Module) -> dict[str, list[str]]:
    """Every parameter's first name -> its other names, where it is tied."""
    first: dict[int, str] = {}
    found: dict[str, list[str]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        own = first.setdefault(id(parameter), name)
        found.setdefault(own, []).extend([name] if name != own else [])
    return found


def _misfits(name: str, shape: torch.Size, found: list[Tensor]) -> list[str]:
    for tensor in found:
        if tensor.shape != shape:
            return [f"{name}: expected {tuple(shape)}, got {tuple(tensor.shape)}"]
    if any(not torch.equal(tensor, found[0]) for tensor in found[1:]):
        return [f"{name}: tied to others in the builder's module, but their values differ"]
    return []


def _asides(unused: list[str], left: list[str]) -> list[str]:
    told = []
    if unused:
        told.append(f"not used, as the largest architecture has no such tensors: {_listed(unused)}")
    if left:
        told.append(
            f"left as the builder draws them, as the largest architecture lacks them: {_listed(left)}"
        )
    return told


def _conversions(weights: Iterable[Tensor]) -> list[str]:
    dtype = torch.get_default_dtype()
    found = {str(weight.dtype) for weight in weights if weight.dtype != dtype}
    return [f"converted from {' and '.join(sorted(found))} to {dtype}"] if found else []


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
