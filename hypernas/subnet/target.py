"""A target: the user's module, run on weights that come from elsewhere."""

import contextlib
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.subnet.aliases import follow
from hypernas.subnet.anatomy import Anatomy
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.fixed import Fixed
from hypernas.subnet.recomputation import Holding, recomputing


def skeleton(module: nn.Module) -> nn.Module:
    """Move what is generated of `module`, in place, to the meta device: shapes without storage.

    Buffers and parameters that require no gradient keep their values (building under
    `torch.device("meta")` would lose those computed in `__init__`), and tied parameters stay tied.
    Embeddings give dense gradients, as generated weights are seldom a whole table of their own.

    Raises:
        ValueError: if the module keeps views of parameters: see `hypernas.subnet.aliases.follow`.
    """
    return stripped(Anatomy(module)).module


def stripped(anatomy: Anatomy) -> Anatomy:
    """The anatomy of the `skeleton` that a module becomes, in place."""
    aliases = follow(anatomy.parameters, anatomy.kept)
    made = [kept for kept in anatomy.kept if kept.tensor.grad_fn is not None and kept.place]
    moved = {
        id(parameter): without_storage(parameter)
        for parameter in anatomy.parameters.values()
        if parameter.requires_grad and not parameter.is_meta
    }
    for _, owner in anatomy.parts:
        if isinstance(owner, nn.Embedding | nn.EmbeddingBag):
            owner.sparse = False
        for name, parameter in owner._parameters.items() if moved else ():
            owner._parameters[name] = moved.get(id(parameter), parameter)
    for parameter, places in aliases.items():
        for kept, leaf in places:
            kept[leaf] = moved.get(parameter, kept[leaf])
    for _, tensor, place in made:  # of parameters, and made anew
        if place is not None:
            kept, leaf = place
            kept[leaf] = tensor.detach()  # what has a history cannot be copied
    return Anatomy(anatomy.module) if moved or made else anatomy


def without_storage(parameter: nn.Parameter) -> nn.Parameter:
    """A parameter on the meta device, as large as the given one."""
    return nn.Parameter(parameter.detach().to("meta"), requires_grad=parameter.requires_grad)


def weight_shapes(module: nn.Module) -> dict[str, torch.Size]:
    """Parameter name -> shape. Tied parameters stand once, under their first name."""
    return {name: parameter.shape for name, parameter in module.named_parameters()}


def generated_shapes(module: nn.Module) -> dict[str, torch.Size]:
    """The `weight_shapes` of what generators make: parameters that require a gradient."""
    return {
        n: parameter.shape for n, parameter in module.named_parameters() if parameter.requires_grad
    }


def placing(device: torch.device, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
    """The function that moves a module's tensor; one of torch's default type becomes `dtype`.

    Tensors of other types (integers, tables in half precision) keep theirs, as in the builder's module.
    One that is in its place is returned as it is.
    """
    default = torch.get_default_dtype()

    def placed(tensor: Tensor) -> Tensor:
        if tensor.device == device and (tensor.dtype == dtype or tensor.dtype != default):
            return tensor  # `to` takes longer to see it
        return tensor.to(device, dtype if tensor.dtype == default else None, non_blocking=True)

    return placed


def check_weights(
    shapes: Mapping[str, torch.Size], weights: Mapping[str, Tensor], *, of: object = "the module"
) -> None:
    """Compare generated weights with what a target needs.

    Raises:
        ValueError: naming every missing, superfluous or wrongly shaped weight at once.
    """
    if all(n in weights and weights[n].shape == s for n, s in shapes.items()) and len(
        weights
    ) == len(shapes):
        return
    misfits = [
        f"{name}: expected {tuple(shape)}, got {tuple(weights[name].shape)}"
        for name, shape in shapes.items()
        if name in weights and weights[name].shape != shape
    ]
    misfits += [f"{name}: not generated" for name in shapes if name not in weights]
    misfits += [
        f"{name}: generated, but no such parameter" for name in weights if name not in shapes
    ]
    raise ValueError(
        f"generated weights do not fit the target of {of}:\n  "
        + "\n  ".join(misfits)
        + "\nA generator returns exactly the names and shapes of "
        "weight_shapes(space.build(architecture))."
    )


def call(
    module: nn.Module,
    weights: Mapping[str, Tensor],
    *inputs: Any,
    buffers: Mapping[str, Tensor] | None = None,
    **keywords: Any,
) -> Any:
    """Run `module` on `weights` instead of its own parameters; names and shapes are checked.

    Batch norm in training mode updates `buffers` where they are given, and the module's own
    otherwise. The target may use `torch.utils.checkpoint`: see `hypernas.subnet.recomputation`.

    Raises:
        ValueError: if the weights do not fit the module.
    """
    target = Target(module)
    check_weights(target.shapes, weights)
    return target.run(weights, *inputs, buffers=buffers, **keywords)


class UnkeptBuffer(ValueError):
    """A buffer that training replaces by one that cannot be kept in its place."""


class Target:
    """A module, and where it keeps its tensors: what runs often is looked up once.

    It computes what `torch.func.functional_call` does, at a fraction of its cost for small modules.
    The module's own tensors are put back after each run, also when it fails.

    Attributes:
        module: an ordinary module or its skeleton; its parameters and buffers keep their names.
        shapes: parameter name -> shape; tied parameters stand once, under their first name.
        buffers: names of the buffers.
        fixed: the weights that are not generated.
    """

    def __init__(self, module: nn.Module, anatomy: Anatomy | None = None) -> None:
        """A module to be run.

        Args:
            anatomy: the module's, where it is known.
        """
        anatomy = Anatomy(module) if anatomy is None else anatomy
        self.module = module
        self._mode: bool | None = None  # that the module was told last
        self.shapes = {name: parameter.shape for name, parameter in anatomy.parameters.items()}
        self.fixed = Fixed(anatomy)
        self.buffers = dict.fromkeys(anatomy.buffers)
        own = [*anatomy.parameters.items(), *anatomy.buffers.items()]
        first = {id(tensor): name for name, tensor in own}
        # the dictionaries of a module's tensors, which take any tensor while a target runs
        self._places: list[tuple[Any, Any, str]] = [
            (kept, leaf, first[id(tensor)])
            for _, owner in anatomy.parts
            for kept in (owner._parameters, owner._buffers)
            for leaf, tensor in kept.items()
            if tensor is not None
        ]
        self._registered = [
            (owner, leaf, f"{prefix}.{leaf}" if prefix else leaf)
            for prefix, owner in anatomy.parts
            for leaf, buffer in owner._buffers.items()
            if buffer is not None
        ]
        self._kept = [
            (kept, frozenset(kept))
            for _, p in anatomy.parts
            for kept in (p._parameters, p._buffers)
        ]
        self._shortened = [
            first[id(owner.weight)]
            for _, owner in anatomy.parts
            if isinstance(owner, nn.Embedding | nn.EmbeddingBag) and owner.max_norm is not None
        ]
        self._attributes: list[tuple[Any, Any]] = []
        for _, tensor, place in anatomy.kept:
            if place is not None and id(tensor) in first:
                self._places.append((*place, first[id(tensor)]))
            elif place is not None and isinstance(place[0], dict):
                self._attributes.append(place)

    def train(self, mode: bool) -> None:
        """Tell the module the mode, by its own `train`, if it was told none or another before."""
        if self._mode is not mode:
            self._mode = mode
            self.module.train(mode)

    def run(
        self,
        weights: Mapping[str, Tensor],
        *inputs: Any,
        buffers: Mapping[str, Tensor] | None = None,
        **keywords: Any,
    ) -> Any:
        """The module's output on weights that were checked before: see `call`.

        Args:
            inputs, keywords: the module's arguments, or all of them as one `Arguments`.

        Raises:
            ValueError: if the module has no such buffers.
        """
        if unknown := [name for name in buffers or () if name not in self.buffers]:
            raise ValueError(f"the module has no buffers {unknown}; it has {list(self.buffers)}.")
        given = Arguments.called(inputs, keywords)
        if self._shortened:  # in place, what may be a part of a bank
            weights = {**weights, **{n: weights[n].clone() for n in self._shortened}}
        with self._holding(weights, buffers or {}):
            held = [owner._buffers[leaf] for owner, leaf, _ in self._registered]
            outputs = self.module(*given.positional, **given.keywords)
            self._write_replaced(held)
        return outputs

    def _write_replaced(self, held: Sequence[Tensor | None]) -> None:
        """Write what parts in training mode put in the place of buffers into these themselves."""
        for (owner, leaf, name), buffer in zip(self._registered, held, strict=True):
            new = owner._buffers.get(leaf)
            if new is buffer or buffer is None or not owner.training:
                continue
            if new is None or new.shape != buffer.shape:
                raise UnkeptBuffer(
                    f"while it trains, the target puts {_described(new)} in the place of its buffer {name} "
                    f"of shape {tuple(buffer.shape)}. A buffer that is to be kept has one shape; "
                    f"what is computed for a batch alone belongs in a variable of forward."
                )
            with torch.no_grad():
                buffer.copy_(new)

    def versions(self, kept: Container[str]) -> dict[str, int]:
        """Numbers of writes to each of the module's own buffers, but for those that are kept elsewhere."""
        own = {name: owner._buffers[leaf] for owner, leaf, name in self._registered}
        return {n: b._version for n, b in own.items() if b is not None and n not in kept}

    def changed(self, versions: Mapping[str, int]) -> dict[str, Tensor]:
        """The module's own buffers that were written to since."""
        now = self.versions(())
        return {
            n: self.module.get_buffer(n) for n, version in versions.items() if now[n] != version
        }

    @contextlib.contextmanager
    def _holding(
        self, weights: Mapping[str, Tensor], buffers: Mapping[str, Tensor]
    ) -> Iterator[None]:
        """Within, the module has these tensors; so it does where parts of it are recomputed."""

        def held() -> Holding:
            # Recomputation must neither see nor repeat what this run makes of buffers.
            copies = {name: buffer.detach().clone() for name, buffer in buffers.items()}
            return lambda: self._holding(weights, copies)

        tensors = {**weights, **buffers}
        before = [kept[leaf] for kept, leaf, _ in self._places]
        attributes = [kept.get(leaf) for kept, leaf in self._attributes]
        try:
            for kept, leaf, name in self._places:
                if name in tensors:
                    kept[leaf] = tensors[name]
            with recomputing(held):
                yield
        finally:
            for (kept, leaf, _), tensor in zip(self._places, before, strict=True):
                kept[leaf] = tensor
            for kept, leaves in self._kept:
                # a weight that was parametrized meanwhile came back as a buffer
                if len(kept) != len(leaves):
                    for leaf in kept.keys() - leaves:
                        del kept[leaf]
            for (kept, leaf), tensor in zip(self._attributes, attributes, strict=True):
                if getattr(kept.get(leaf), "grad_fn", None) is not None:
                    kept[leaf] = tensor  # what was made of the weights goes with them


def _described(tensor: Tensor | None) -> str:
    return "None" if tensor is None else f"a tensor of shape {tuple(tensor.shape)}"
