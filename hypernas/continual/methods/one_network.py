"""One network for all tasks, which none of them has anything of its own."""

import contextlib
from collections.abc import Iterator, Mapping

from torch import Tensor, nn

from hypernas.continual.method import Method, Phase, Stored, as_part, num_bytes, part_of
from hypernas.generators import Generator


class OneNetwork(Method):
    """A method whose generator is trained on and on, and answers for every task as it is."""

    @contextlib.contextmanager
    def using(self, task: int) -> Iterator[Generator]:
        yield self.generator

    def whole(self) -> Phase:
        """The phase that trains all parameters."""
        return Phase(self.generator.parameter_groups())

    @property
    def trained(self) -> list[nn.Parameter]:
        """The parameters of the generator, each once."""
        return [p for group in self.generator.parameter_groups() for p in group.parameters]

    def stored(self) -> Stored:
        return Stored({"network": num_bytes(self.generator)})

    def state(self) -> dict[str, Tensor]:
        return as_part(self.generator.state_dict(), "generator")

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self.generator.load_state_dict(part_of(state, "generator"))
