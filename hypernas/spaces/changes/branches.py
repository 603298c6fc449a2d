"""The norms at the ends of residual branches, found by what hangs on them."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.space import SearchSpace
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.law.inputs import guesses
from hypernas.subnet.law.weights import drawn
from hypernas.subnet.skeleton import build_seeded
from hypernas.subnet.structure import tensors

_NORMS = ("norm", "bn")  # in the names of the classes of norms, in lower case


def branch_norms(space: SearchSpace) -> list[str]:
    """Names of the norms whose output is added to a shortcut as it is, in the modules of a space.

    With its scale and shift at 0 such a norm cuts off its branch: what comes before it in the branch has no gradient any more,
    nothing that runs later lacks one, and what runs first has one still, by the shortcut. Of two branches that meet and
    both have weights, that with more of them is cut. A norm before the layers of a branch, as in most
    transformers, is none of these.

    Raises:
        ValueError: if there are none, or the module cannot be run on what `space.inputs` or a guess gives.
    """
    found: dict[str, None] = {}
    for architecture in space.references():
        module = build_seeded(space, architecture).eval()
        with torch.no_grad():  # the builder may have made some zero
            for name, parameter in module.named_parameters():
                parameter.copy_(drawn(name, parameter.shape))
        found |= dict.fromkeys(_ends(module, _inputs(space, module)))
    if not found:
        raise ValueError(
            f"no norm of {space.largest()} ends a residual branch: name the parameters that are to start at "
            f"0, or the modules that are branches, by patterns such as '*.project_norm.*'."
        )
    return list(found)


def _inputs(space: SearchSpace, module: nn.Module) -> Arguments:
    given = [] if space.inputs is None else [Arguments.of(space.inputs)]
    for arguments in itertools.chain(given, guesses(module)):
        try:
            with torch.no_grad():
                module(*arguments.positional, **arguments.keywords)
        except Exception:  # of any kind: it was a guess
            continue
        return arguments
    raise ValueError(
        "the module runs on no inputs that were guessed: give SearchSpace(inputs=an example)."
    )


def _ends(module: nn.Module, inputs: Arguments) -> Iterator[str]:
    """The names of the norms of one module, by falling size of what they cut off."""
    order, alive = _run(module, inputs)
    first = min(order, key=lambda name: order[name])
    sizes = {name: parameter.numel() for name, parameter in module.named_parameters()}
    candidates: dict[str, int] = {}
    for name in order:
        if not _is_norm(module.get_submodule(name)):
            continue
        dead = alive - _run(module, inputs, {name})[1]
        parts = {parameter.rpartition(".")[0] for parameter in dead} - {name}
        if parts and first not in parts and all(order[part] < order[name] for part in parts):
            candidates[name] = sum(sizes[parameter] for parameter in dead)
    cut: set[str] = set()
    for name in sorted(candidates, key=lambda own: -candidates[own]):
        left = _run(module, inputs, {*cut, name})[1]
        if any(parameter.rpartition(".")[0] == first for parameter in left):
            cut.add(name)
            yield name


def _run(
    module: nn.Module, inputs: Arguments, cut: set[str] | frozenset[str] = frozenset()
) -> tuple[dict[str, int], set[str]]:
    """Place of each part that has parameters in the order of execution, and parameters with a gradient.

    Args:
        cut: norms whose outputs are replaced by zeros.
    """
    order: dict[str, int] = {}

    def note(name: str) -> Any:
        def hook(part: nn.Module, given: Any, output: Tensor) -> Tensor | None:
            order[name] = len(order)
            return output * 0 if name in cut else None

        return hook

    handles = [
        part.register_forward_hook(note(name))
        for name, part in module.named_modules()
        if part._parameters
    ]
    try:
        outputs = module(*inputs.positional, **inputs.keywords)
    finally:
        for handle in handles:
            handle.remove()
    total = sum(((x * x).sum() for x in tensors(outputs) if x.requires_grad), torch.zeros(()))
    parameters = dict(module.named_parameters())
    found = torch.autograd.grad(total, list(parameters.values()), allow_unused=True)
    gradients: Mapping[str, Tensor | None] = dict(zip(parameters, found, strict=True))
    return order, {n for n, g in gradients.items() if g is not None and bool(g.any())}


def _is_norm(part: nn.Module) -> bool:
    return any(word in type(part).__name__.lower() for word in _NORMS)
