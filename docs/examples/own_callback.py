"""Callbacks of your own: a function, and a class whose state is kept in checkpoints.

    python own_callback.py
    hypernas train space=mlp callbacks=[default,own] \
        callbacks.own._target_=own_callback.LossByChoice +callbacks.own.choice=depth
"""

import functools

import torch

from hypernas import generators
from hypernas.data import digits
from hypernas.events import Ended, Event, Stateful, Stepped, Validated
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Uniform
from hypernas.spaces import mlp
from hypernas.training import Callback, Strategy, Task, Training, TrainingRun
from hypernas.training.callbacks import Validation


def stop_when_good(run: TrainingRun, event: Event) -> None:
    """Ask the run to end once subnets are right in 97 of 100 cases."""
    if isinstance(event, Validated) and event.means["accuracy"] > 0.97:
        run.stop("all is well")


class LossByChoice(Callback, Stateful):
    """Tells at the end the mean training loss by the value of one choice.

    Args:
        choice: its name in the search space.
    """

    def __init__(self, choice: str) -> None:
        self.choice = choice
        self.sums: dict[str, list[float]] = {}  # value -> sum of losses, and their number

    def __call__(self, run: TrainingRun, event: Event) -> None:
        match event:
            case Stepped(architectures=architectures, losses=losses):
                for architecture, loss in zip(architectures, losses.tolist(), strict=True):
                    value = str(architecture.get(self.choice, "not active"))
                    total, count = self.sums.get(value, [0.0, 0])
                    self.sums[value] = [total + loss, count + 1]
            case Ended(step=step):
                for value, (total, count) in sorted(self.sums.items()):
                    print(f"{self.choice}={value}: {total / count:.3f} in {step} steps")

    def state(self) -> dict[str, object]:
        return {"sums": self.sums}

    def restore(self, state: dict[str, object]) -> None:
        self.sums = state["sums"]


def main() -> None:
    """Train with both."""
    data = digits()
    generator = generators.shared(mlp(input_shape=data.input_shape, num_classes=data.num_classes))
    strategy = Strategy(sampler=Uniform(), optimizer=functools.partial(torch.optim.AdamW, lr=0.005))
    Training(steps=300, batch_size=64).run(
        generator,
        Task(data, CrossEntropy()),
        strategy,
        callbacks=[stop_when_good, LossByChoice("depth"), Validation(every=50)],
    )


if __name__ == "__main__":
    main()
