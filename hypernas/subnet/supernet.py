"""The largest shapes of a search space: what every subnet's parameters are slices of."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.border import checked
from hypernas.slicing import PREFIX, Layout, Slice, layout_of, prefix, slice_of
from hypernas.slicing.fused import ruling_layout
from hypernas.slicing.layout import layout_of_statistic
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.subnet.anatomy import Anatomy
from hypernas.subnet.cache import Cache
from hypernas.subnet.law import caution, enforce
from hypernas.subnet.norms import norm_statistics, statistics_of
from hypernas.subnet.placement import Placement
from hypernas.subnet.skeleton import build_anatomy, build_seeded, build_skeleton
from hypernas.subnet.subnet import Slices
from hypernas.subnet.target import generated_shapes

_NUM_PROBES = 4  # random architectures whose fit is checked before training
_NUM_SLICES = 8192  # that are remembered, about a kilobyte each


class Supernet:
    """The union of the parameters of a space's reference architectures, but for frozen ones.

    Args:
        space: the search space. Its largest architecture has every parameter, or shares that with
            architectures of other categorical values (`SearchSpace.references`).

    Attributes:
        shapes: parameter name -> largest shape.

    Raises:
        ValueError: if a subnet does not fit inside, naming each parameter and both shapes; if a
            layout matches no parameter; or if there is no parameter, or one not of torch's default
            dtype.
    """

    @checked
    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        self._references = [(a, build_skeleton(space, a)) for a in space.references()]
        self._home: dict[str, tuple[Architecture, nn.Module]] = {}  # of statistics too
        self.shapes: dict[str, torch.Size] = {}
        self._placements: dict[str, Placement] = {}
        self._known_slices: Cache[Slice] = Cache(_NUM_SLICES)
        for architecture, module in self._references:
            self._take_in(architecture, module)
        rng = torch.Generator().manual_seed(0)
        samples = [space.smallest(), *(space.sample(rng) for _ in range(_NUM_PROBES))]
        probes = [(a, build_skeleton(space, a)) for a in samples]
        if any(self._outgrown(module) for _, module in probes):
            self._take_in_every_value()
        self._check_dtypes()
        known = {*self._home, *(n for _, m in self._references for n, _ in m.named_buffers())}
        unused = [p for p in space.layouts if not any(layout_of(n, {p: 1}) for n in known)]
        if unused:
            raise ValueError(
                f"the layouts {unused} match none of the parameters {list(self.shapes)}."
            )
        self._proved = enforce(space)
        for architecture, module in [*self._references, *probes]:
            self.place(architecture, Anatomy(module))
        caution(space)

    def _take_in(self, architecture: Architecture, module: nn.Module, *, new: bool = True) -> None:
        """Keep a module as the home of what it has in the largest shape so far.

        Args:
            new: also of what no other has.
        """
        for name, tensor in {**_generated(module), **norm_statistics(module)}.items():
            if name in self._home and not _exceeds(tensor.shape, self._large(name)):
                continue
            if name not in self._home and not new:
                continue
            self._home[name] = architecture, module
            if name in generated_shapes(module):
                self.shapes[name] = tensor.shape

    def _large(self, name: str) -> torch.Size:
        return _tensor(self._home[name][1], name).shape

    def _outgrown(self, module: nn.Module) -> bool:
        """True if something of a subnet is larger than in the references."""
        return any(
            name in self._home and _exceeds(tensor.shape, self._large(name))
            for name, tensor in _generated(module).items()
        )

    def _take_in_every_value(self) -> None:
        """Make references of each smaller value too, of choices that make some tensors larger, others smaller."""
        for name, choice in self.space.choices.items():
            for value in choice.values[:-1] if choice.ordered else ():
                architecture = self.space.largest_with(name, value)
                module = build_skeleton(self.space, architecture)
                if self._outgrown(module):
                    self._references.append((architecture, module))
                    self._take_in(architecture, module, new=False)

    def _check_dtypes(self) -> None:
        dtype = torch.get_default_dtype()
        wrong = [
            f"{name}: {parameter.dtype}"
            for name, parameter in ((n, _tensor(self._home[n][1], n)) for n in self.shapes)
            if parameter.dtype != dtype
        ]
        if wrong:
            raise ValueError(
                f"generated weights are of torch's default type, {dtype}, but these parameters are not:"
                "\n  "
                + "\n  ".join(wrong)
                + "\nBuild the module in the default type, and move the "
                "generator to another (generator.to(torch.float64)); keep what is no weight by register_buffer or with requires_grad=False."
            )
        if not self.shapes:
            raise ValueError(
                f"the module of {self.space.largest()} has no parameters that require a gradient, so there is nothing to "
                f"generate."
            )

    def owner(self, name: str) -> nn.Module:
        """The module that holds parameter `name`, on the meta device."""
        return self._home[name][1].get_submodule(name.rpartition(".")[0])

    def factors(self, name: str) -> tuple[tuple[int, ...], ...]:
        """The factors of each axis of the largest shape of a parameter, or of a norm's statistic.

        Raises:
            ValueError: if its layout does not describe it.
        """
        architecture, module = self._home[name]
        shape = _tensor(module, name).shape
        layout = ruling_layout(module, name, self.layout(name))
        if layout is None:
            return tuple((size,) for size in shape)
        parts = layout.factors(name, tuple(shape), module, architecture)
        if any(len(axis) > 1 for axis in parts):
            raise ValueError(
                f"{name}: the layout {layout.pattern!r} has a sum, whose parts are no factors of an axis."
            )
        return tuple(axis[0] for axis in parts)

    def slices(self, architecture: Mapping[str, Any]) -> Slices:
        """The index sets of an architecture, of which the module is built for it.

        Raises:
            ValueError: if the architecture is not of the space, or does not fit.
        """
        architecture = self.space.architecture(architecture)
        return self.place(architecture, build_anatomy(self.space, architecture))

    def place(self, architecture: Architecture, anatomy: Anatomy) -> Slices:
        """The index sets of an architecture whose module, or its skeleton, is there.

        Raises:
            ValueError: if it does not fit, naming every parameter that does not.
        """
        weights = {n: p for n, p in anatomy.parameters.items() if p.requires_grad}
        statistics = statistics_of(anatomy.parts)
        slices: dict[str, Slice] = {}
        misfits: list[str] = []
        for name, tensor in (*weights.items(), *statistics.items()):
            if name not in self._home:
                misfits.append(f"{name}: not a parameter of the largest architecture")
                continue
            if name not in self._placements:
                self._placements[name] = self._placement(name)
            try:
                slices[name] = self._placements[name](architecture, anatomy, tensor.shape)
            except ValueError as error:
                misfits.append(str(error))
        if misfits:
            raise ValueError(
                f"the subnet {architecture} does not fit inside the largest of its space:\n  "
                + "\n  ".join(misfits)
                + "\nEvery parameter of a subnet must be a part of the largest subnet's parameter of "
                "the same name; give parameters that never share weights different names."
            )
        return Slices(
            {name: slices[name] for name in weights},
            {name: slices[name] for name in statistics},
        )

    def _placement(self, name: str) -> Placement:
        layout = self.layout(name)
        doubted = not self._proved and layout is None and name in self.shapes
        return Placement(
            name, self._home[name], layout=layout, doubted=doubted, known=self._known_slices
        )

    def place_buffer(self, architecture: Architecture, module: nn.Module, name: str) -> Slice:
        """The index set of a buffer that is no statistic of a norm: a prefix, or what its layout says.

        Raises:
            ValueError: if its layout does not describe it.
        """
        layout = layout_of(name, self.space.layouts)
        home, large = next((a, m) for a, m in self._references if name in dict(m.named_buffers()))
        if layout is None or layout == PREFIX:
            return prefix(tuple(large.get_buffer(name).shape), tuple(module.get_buffer(name).shape))
        return slice_of(large, module, name, layout, architectures=(home, architecture))

    def layout(self, name: str) -> Layout | str | None:
        """The layout of a parameter or statistic; that of a norm's statistics is its weight's."""
        return (layout_of if name in self.shapes else layout_of_statistic)(name, self.space.layouts)

    def draw(self, seed: int, num: int = 0) -> dict[str, Tensor]:
        """Parameters of the largest shapes as the user's builder initialises them.

        Args:
            seed: draw 0 is what `torch.manual_seed(seed)` before building would give.
            num: which of the independent draws under that seed.

        The builder draws from torch's global generator, whose state is put back afterwards.
        """
        drawn: dict[str, Tensor] = {}
        for architecture, module in self._real((seed + num * 4_294_967_311) % 2**63):
            for name, parameter in module.named_parameters():
                if parameter.requires_grad and self._home[name][0] == architecture:
                    drawn[name] = parameter.detach().clone()
        return {name: drawn[name] for name in self.shapes}

    def statistics(self) -> dict[str, Tensor]:
        """The running statistics of the norms as the builder leaves them, of the largest shapes."""
        drawn: dict[str, Tensor] = {}
        for architecture, module in self._real(0):
            for name, buffer in norm_statistics(module).items():
                if self._home[name][0] == architecture:
                    drawn[name] = buffer.clone()
        return drawn

    def buffers(self) -> dict[str, Tensor]:
        """All buffers as the builder leaves them, of the largest architecture that has them."""
        drawn: dict[str, Tensor] = {}
        for _, module in self._real(0):
            for name, buffer in module.named_buffers():
                drawn.setdefault(name, buffer.clone())
        return drawn

    def _real(self, seed: int) -> Iterator[tuple[Architecture, nn.Module]]:
        for architecture, _ in self._references:
            yield architecture, build_seeded(self.space, architecture, seed)


def _generated(module: nn.Module) -> dict[str, Tensor]:
    return {n: p for n, p in module.named_parameters() if p.requires_grad}


def _exceeds(shape: torch.Size, other: torch.Size) -> bool:
    """True if a shape holds another of as many axes, and more."""
    return (
        shape != other
        and len(shape) == len(other)
        and all(size >= part for size, part in zip(shape, other, strict=True))
    )


def _tensor(module: nn.Module, name: str) -> Tensor:
    owner, _, leaf = name.rpartition(".")
    return getattr(module.get_submodule(owner), leaf)
