"""Samplers that change while training goes on."""

from hypernas.events import Begun, Event, Observer, Stepped
from hypernas.sampling.sampler import Sampler


class Timed(Sampler, Observer):
    """A sampler that knows where training stands.

    Attributes:
        step: of the architectures that are drawn next, from 1.
        steps: of the whole run; 0 before it begins.
    """

    step: int = 1
    steps: int = 0

    def see(self, event: Event) -> None:
        if isinstance(event, Begun | Stepped):
            self.step, self.steps = event.step + 1, event.steps

    def check_begun(self) -> None:
        """Refuse to draw outside of training.

        Raises:
            RuntimeError: if no run has begun.
        """
        if not self.steps:
            raise RuntimeError(
                f"{type(self).__name__} draws by how far training is, and none has begun: tell it "
                f"hypernas.events.Begun(0, steps), or use it in a Strategy."
            )
