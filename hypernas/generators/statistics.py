"""The running statistics of norms, as generators keep them."""

from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from hypernas.slicing import Slice
from hypernas.subnet.norms import norm_statistics
from hypernas.subnet.supernet import Supernet


class Statistics:
    """The running statistics of one subnet, to be read, and written by training.

    Attributes:
        tensors: by buffer name; the generator's own memory, or copies of parts of it.
    """

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        places: Iterable[tuple[str, Slice, Tensor]] = (),
    ) -> None:
        """Statistics whose copies belong to some places.

        Args:
            places: of each copy its name, and where it is in which tensor of the generator.
        """
        self.tensors = dict(tensors)
        self._places = list(places)

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
        return Statistics(self.tensors | other.tensors, [*self._places, *other._places])


class SharedStatistics(nn.Module):
    """One set of running statistics, of the largest shapes, that all subnets share.

    They are buffers: saved with the generator, moved with it, and updated in place by the batch
    norms of whichever subnet is in training mode. What one subnet leaves there rarely suits another;
    see `hypernas.subnet.norms.calibrate`.

    Args:
        supernet: the largest shapes.
    """

    def __init__(self, supernet: Supernet) -> None:
        super().__init__()
        for name, buffer in supernet.statistics().items():
            self.register_buffer(name.replace(".", "/"), buffer)

    def forward(self, slices: Mapping[str, Slice]) -> Statistics:
        """The statistics of a subnet, as views wherever they can be."""
        shared = {
            name: buffer
            for name in slices
            if (buffer := self._buffers[name.replace(".", "/")]) is not None
        }
        return Statistics(
            {name: where(shared[name]) for name, where in slices.items()},
            [(n, where, shared[n]) for n, where in slices.items() if not where.is_view],
        )


def running_statistics(module: nn.Module) -> list[Tensor]:
    """All running statistics that a generator holds: what training changes beside its parameters."""
    shared = [part for part in module.modules() if isinstance(part, SharedStatistics)]
    held = [buffer for part in shared for buffer in part.buffers()]
    return held + list(norm_statistics(module).values())
