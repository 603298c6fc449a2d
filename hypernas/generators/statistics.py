"""The running statistics of norms, as generators keep them."""

from collections.abc import Mapping

from torch import Tensor, nn

from hypernas.slicing import Slice
from hypernas.subnet.supernet import Supernet
from hypernas.subnet.target import norm_statistics


class SharedStatistics(nn.Module):
    """One set of running statistics, of the largest shapes, that all subnets share.

    They are buffers: saved with the generator, moved with it, and updated in place by the batch
    norms of whichever subnet is in training mode. What one subnet leaves there rarely suits another;
    see `hypernas.subnet.target.calibrate`.

    Args:
        supernet: the largest shapes.
    """

    def __init__(self, supernet: Supernet) -> None:
        super().__init__()
        for name, buffer in supernet.statistics().items():
            self.register_buffer(name.replace(".", "/"), buffer)

    def forward(self, slices: Mapping[str, Slice]) -> dict[str, Tensor]:
        """The statistics of a subnet, as views wherever they can be: buffer name -> tensor."""
        return {name: where(self._shared(name)) for name, where in slices.items()}

    def update(self, slices: Mapping[str, Slice], statistics: Mapping[str, Tensor]) -> None:
        """Write the statistics of a subnet to their places, where they were copies."""
        for name, where in slices.items():
            if not where.is_view:
                where.put(self._shared(name), statistics[name])

    def _shared(self, name: str) -> Tensor:
        return self._buffers[name.replace(".", "/")]


def running_statistics(module: nn.Module) -> list[Tensor]:
    """All running statistics that a generator holds: what training changes beside its parameters."""
    shared = [part for part in module.modules() if isinstance(part, SharedStatistics)]
    held = [buffer for part in shared for buffer in part.buffers()]
    return held + list(norm_statistics(module).values())
