"""Fine-tuning: each task is trained where the last one ended."""

from collections.abc import Iterator

from hypernas.continual.method import Phase
from hypernas.continual.methods.one_network import OneNetwork
from hypernas.data import Data


class FineTuning(OneNetwork):
    """Nothing against forgetting: what any method has to beat."""

    def learn(self, task: int, data: Data) -> Iterator[Phase]:
        yield self.whole()
