"""The running statistics of norms, as generators keep them."""

from collections.abc import Mapping

from torch import Tensor, nn

from hypernas.envelope import Envelope
from hypernas.slicing import Slice


class SharedStatistics(nn.Module):
    """One set of running statistics, of the largest shapes, that all subnets share.

    They are buffers: saved with the generator, moved with it, and updated in place by the batch
    norms of whichever subnet is in training mode. What one subnet leaves there rarely suits another;
    see `hypernas.target.calibrate`.

    Args:
        envelope: the largest shapes.
    """

    def __init__(self, envelope: Envelope) -> None:
        super().__init__()
        for name, buffer in envelope.statistics().items():
            self.register_buffer(name.replace(".", "/"), buffer)

    def forward(self, slices: Mapping[str, Slice]) -> dict[str, Tensor]:
        """The statistics of a subnet, as views: buffer name -> tensor."""
        return {
            name: where(self.get_buffer(name.replace(".", "/"))) for name, where in slices.items()
        }
