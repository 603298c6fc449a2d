"""The running statistics of norms, as generators keep them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Iterable, Mapping
from functools import partial
from operator import gt
from typing import Any, cast

import torch
from torch import Tensor, nn

from hypernas.border import checked
from hypernas.slicing import Slice
from hypernas.space.architecture import Architecture
from hypernas.subnet.anatomy import Anatomy
from hypernas.subnet.moving import moving_buffers, strays
from hypernas.subnet.norms import norm_statistics
from hypernas.subnet.skeleton import build_skeleton
from hypernas.subnet.subnet import Subnet
from hypernas.subnet.supernet import Supernet
from hypernas.subnet.target import placing

Adopt = Callable[[Mapping[str, Tensor]], None]  # buffers by name, as training has changed them


class Statistics:
    """The running statistics of one subnet, and other buffers that training changes, to be read and written.

    Attributes:
        tensors: by buffer name; the generator's own memory, or copies of parts of it.
    """

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        places: Iterable[tuple[str, Slice, Tensor]] = (),
        *,
        adopt: Adopt | None = None,
    ) -> None:
        """Statistics whose copies belong to some places.

        Args:
            places: of each copy its name, and where it is in which tensor of the generator.
            adopt: makes the generator keep more buffers.
        """
        self.tensors = dict(tensors)
        self._places = list(places)
        self._adopt = adopt

    def adopt(self, changed: Mapping[str, Tensor]) -> None:
        """Keep more buffers of the target from now on, which a step of training was found to change.

        Raises:
            ValueError: naming those that cannot be kept.
        """
        if self._adopt is None:
            raise ValueError(f"nothing keeps the target's buffers {list(changed)} while it trains.")
        self._adopt(changed)

    def overlaid(self, given: Mapping[str, Tensor] | None) -> "Statistics":
        """These, but for some that somebody has, by whom the run of a subnet is not training."""
        if given is None:
            return self
        places = [place for place in self._places if place[0] not in given]
        return Statistics({**self.tensors, **given}, places, adopt=_nobody)

    def put_back(self) -> None:
        """Write what training made of copies to the generator's own memory."""
        for name, where, shared in self._places:
            where.put(shared, self.tensors[name])

    def fill(self, values: Mapping[str, Tensor]) -> None:
        """Overwrite the statistics, in the generator, with others of their names."""
        for name, value in values.items():
            self.tensors[name].copy_(value)
        self.put_back()

    def clones(self) -> dict[str, Tensor]:
        """Copies by name, which may be written to and are nobody's."""
        return {name: tensor.clone() for name, tensor in self.tensors.items()}

    def __or__(self, other: "Statistics") -> "Statistics":
        """Those of two disjoint parts of a subnet."""
        places = [*self._places, *other._places]
        return Statistics(self.tensors | other.tensors, places, adopt=self._adopt or other._adopt)


def _nobody(changed: Mapping[str, Tensor]) -> None:
    """Keep nothing."""


class BufferKeeper(ABC):
    """A second interface of a generator or its part: keeps buffers that training turns out to change.

    Attributes:
        late: names of those that are kept beside norm statistics.
    """

    @property
    @abstractmethod
    def late(self) -> list[str]: ...

    @abstractmethod
    def take_in(self, names: Iterable[str]) -> None:
        """Keep these too, as the builder leaves them."""

    @abstractmethod
    def running(self) -> dict[str, Tensor]:
        """All that is kept, by names of its own."""

    @abstractmethod
    def as_built(self) -> dict[str, Tensor]:
        """The late ones as the builder leaves them, by names of its own."""


class SharedStatistics(nn.Module, BufferKeeper):
    """One set of running statistics, of the largest shapes, that all subnets share.

    They are buffers: saved with the generator, moved with it, and updated in place by the batch
    norms of whichever subnet is in training mode. What one subnet leaves there rarely suits another;
    see `hypernas.subnet.norms.calibrate`. Other buffers come to them in the step of training that is found to
    change them (`Statistics.adopt`): subnets share their first entries.

    Args:
        supernet: the largest shapes.
    """

    def __init__(self, supernet: Supernet) -> None:
        super().__init__()
        self._supernet = supernet
        self._late: dict[str, torch.Size] = {}
        _check_moving(supernet)
        self.register_buffer("_like", torch.empty(0), persistent=False)  # our device and dtype
        for name, buffer in supernet.statistics().items():
            self.register_buffer(name.replace(".", "/"), buffer)
        self.register_load_state_dict_pre_hook(_take_in_saved)

    def forward(self, subnet: Subnet, slices: Mapping[str, Slice]) -> Statistics:
        """The statistics of a subnet, as views wherever they can be.

        Args:
            slices: of norm statistics.
        """
        located = dict(slices) | self._places(subnet, [n for n in self._late if n not in slices])
        shared = {name: self._shared(name) for name in located}
        return Statistics(
            {name: where(shared[name]) for name, where in located.items()},
            [(n, where, shared[n]) for n, where in located.items() if not where.is_view],
            adopt=partial(self._adopt, subnet),
        )

    @property
    def late(self) -> list[str]:
        return list(self._late)

    def take_in(self, names: Iterable[str]) -> None:
        if new := [name for name in names if name not in self._late]:
            for name, buffer in self._as_built(new).items():
                self._late[name] = buffer.shape
                self.register_buffer(_late_key(name), buffer)

    def running(self) -> dict[str, Tensor]:
        return {name: buffer for name, buffer in self.named_buffers() if name != "_like"}

    def as_built(self) -> dict[str, Tensor]:
        return {_late_key(name): buffer for name, buffer in self._as_built(self._late).items()}

    def _as_built(self, names: Container[str]) -> dict[str, Tensor]:
        like = self.get_buffer("_like")
        placed = placing(like.device, like.dtype)
        every = self._supernet.buffers()
        return {name: placed(buffer) for name, buffer in every.items() if name in names}

    def _shared(self, name: str) -> Tensor:
        # `get_buffer` takes longer than all else of a statistic
        own = cast("Mapping[str, Tensor]", self._buffers)
        return own[_late_key(name) if name in self._late else name.replace(".", "/")]

    def _adopt(self, subnet: Subnet, changed: Mapping[str, Tensor]) -> None:
        shapes = {name: buffer.shape for name, buffer in self._as_built(changed).items()}
        smallest = self._supernet.space.smallest()
        for architecture, module in (
            (subnet.architecture, subnet.target.module),
            (smallest, build_skeleton(self._supernet.space, smallest)),
        ):
            there = {n: b.shape for n, b in module.named_buffers() if n in changed}
            _check_fit(architecture, there, shapes)
        self.take_in(changed)
        for name, where in self._places(subnet, changed).items():
            where.put(self._shared(name), changed[name])

    def _places(self, subnet: Subnet, names: Iterable[str]) -> dict[str, Slice]:
        """Places, in the largest shapes, of a subnet's buffers that came late."""
        module = subnet.target.module
        own = {n: module.get_buffer(n).shape for n in names if n in subnet.target.buffers}
        _check_fit(subnet.architecture, own, self._late)
        place = self._supernet.place_buffer
        return {name: place(subnet.architecture, module, name) for name in own}


def _check_moving(supernet: Supernet) -> None:
    """Refuse, before anything is trained, buffers of which training would keep the wrong part."""
    space = supernet.space
    if not (moving := moving_buffers(space)):
        return
    smallest = space.smallest()
    large = build_skeleton(space, space.largest_like(smallest))
    shapes = {name: buffer.shape for name, buffer in large.named_buffers()}
    _check_fit(smallest, moving, shapes)
    module = build_skeleton(space, smallest)
    weights = supernet.place(smallest, Anatomy(module)).weights
    if wrong := strays(module, moving, shapes, weights, space.layouts):
        raise ValueError(
            f"training changes the buffers {wrong}, of which subnets would keep the first entries, but "
            f"the weights beside them are cut otherwise. Write layouts for these buffers too, as for the "
            f'weights, or "..." if their first entries are meant.'
        )


def _check_fit(
    architecture: Architecture, own: Mapping[str, torch.Size], shapes: Mapping[str, torch.Size]
) -> None:
    """Refuse buffers of a subnet that are not within the largest shapes."""
    wrong = [
        f"{name}: {tuple(shape)}, in the largest {tuple(shapes[name]) if name in shapes else None}"
        for name, shape in own.items()
        if name not in shapes
        or len(shape) != len(shapes[name])
        or any(map(gt, shape, shapes[name]))
    ]
    if wrong:
        raise ValueError(
            f"training changes buffers of the target of {architecture} that are no part of the largest "
            "network's, which would be kept:\n  "
            + "\n  ".join(wrong)
            + "\nGive such a buffer the same axes in all subnets, none longer than in the largest."
        )


def _late_key(name: str) -> str:
    """The name of a buffer that came late, unlike that of any attribute."""
    return "/" + name.replace(".", "/")


def _take_in_saved(
    part: SharedStatistics, state: Mapping[str, Tensor], prefix: str, *_: Any
) -> None:
    """Keep the buffers that a state has, and no others but those of norms."""
    start = f"{prefix}/"
    saved = [n.removeprefix(start).replace("/", ".") for n in state if n.startswith(start)]
    for name in [name for name in part.late if name not in saved]:
        del part._late[name], part._buffers[_late_key(name)]
    part.take_in(saved)


@checked
def late_buffers(generator: nn.Module) -> dict[str, BufferKeeper]:
    """The parts of a generator that may keep more buffers than norm statistics, by name."""
    return {n: part for n, part in generator.named_modules() if isinstance(part, BufferKeeper)}


@checked
def running_statistics(module: nn.Module) -> dict[str, Tensor]:
    """All running statistics that a generator holds, by name: what training changes beside its parameters."""
    held = {
        f"{part}:{name}": buffer
        for part, keeper in late_buffers(module).items()
        for name, buffer in keeper.running().items()
    }
    return held | norm_statistics(module)
