"""The memory of a finished run's optimizer, for another run to begin with."""

import os

from hypernas.generators import Generator
from hypernas.training import checkpoint
from hypernas.training.optimizer import Groups, Memory, OptimizerMaker


def memory_of(
    folder: str | os.PathLike[str], generator: Generator, optimizer: OptimizerMaker
) -> Memory:
    """The memory of an optimizer at the newest checkpoint, by name of a generator's parameters.

    The generator too is put back to that checkpoint.

    Raises:
        CheckpointError: if there is none, or it does not fit.
    """
    state = checkpoint.load(checkpoint.newest(folder), generator=generator)
    groups = Groups(generator, optimizer)
    state.restore_optimizer(groups.optimizer)
    return groups.memory()
