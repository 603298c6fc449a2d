"""Tasks that are data sets of one's own."""

from collections.abc import Sequence

from hypernas.border import checked
from hypernas.continual.tasks import Tasks
from hypernas.data import Data


class Listed(Tasks):
    """The data sets of a list, in its order.

    Args:
        sets: one or more, of inputs of one shape; there are as many outputs as the most that one of them has classes.

    Raises:
        ValueError: if there is none, or shapes differ, naming them.
    """

    def __init__(self, sets: Sequence[Data]) -> None:
        shapes = {data.name: data.input_shape for data in sets}
        if len(set(shapes.values())) != 1:
            raise ValueError(
                f"tasks are one or more data sets whose inputs have one shape, got {shapes or 'none'}."
            )
        self.sets, self.num, self.name = list(sets), len(sets), "listed"
        self.input_shape = self.sets[0].input_shape
        self.num_classes = max(data.num_classes for data in self.sets)

    def task(self, number: int) -> Data:
        return self.sets[self.check(number)]


@checked
def listed(data: Data, *, sets: Sequence[Data] = ()) -> Listed:
    """The data of a command as the first task, and others after it.

    Args:
        sets: of the other tasks, in their order.
    """
    return Listed([data, *sets])
