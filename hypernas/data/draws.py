"""Python's, NumPy's and torch's global random generators, which data sets and modules draw from."""

import contextlib
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, get_worker_info

from hypernas.data.workers import note

# ruff: noqa: NPY002 - others draw from the global generator, so it is what has to be seeded


def seed_all(seed: int) -> None:
    """Seed the global generators, those of every GPU among them."""
    torch.manual_seed(seed)
    _seed_others(seed)


def states(device: torch.device) -> dict[str, Tensor]:
    """The states of the global generators, torch's of the CPU and a device, by name."""
    found = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        found["cuda"] = torch.cuda.get_rng_state(device)
    _, words, normal = random.getstate()
    found["python"] = torch.tensor(words)
    found["python.normal"] = torch.tensor([] if normal is None else [normal], dtype=torch.double)
    whole: dict[str, Any] = np.random.get_state(legacy=False)  # pyright: ignore[reportAssignmentType]
    position = [whole["state"]["pos"], whole["has_gauss"]]
    found["numpy"] = torch.tensor([*whole["state"]["key"].tolist(), *position])
    found["numpy.normal"] = torch.tensor([whole["gauss"]], dtype=torch.double)
    return found


def restore(saved: Mapping[str, Tensor], device: torch.device) -> None:
    """Put the global generators back to `states`; those that are missing there stay as they are."""
    torch.set_rng_state(saved["cpu"])
    if "cuda" in saved and device.type == "cuda":
        torch.cuda.set_rng_state(saved["cuda"], device)
    if "python" in saved:
        normal = [*saved["python.normal"].tolist(), None]
        random.setstate((3, tuple(saved["python"].tolist()), normal[0]))
    if "numpy" in saved:
        *keys, position, has_normal = saved["numpy"].tolist()
        normal = float(saved["numpy.normal"])
        np.random.set_state(("MT19937", np.array(keys, np.uint32), position, has_normal, normal))


class DrawnBatches(Dataset[Any]):
    """Batches of a data set by their number and rows, each with random draws of its own.

    What examples and their collation draw from the global generators of Python and NumPy is a function of
    the seed and the number of the batch, in whichever process it is read; so is what they draw from torch's in
    a worker. Here torch's are left to whoever seeds them, and the others are as they were afterwards.

    Args:
        collate: examples -> a batch.
    """

    def __init__(
        self, dataset: Dataset[Any], *, collate: Callable[[list[Any]], Any], seed: int
    ) -> None:
        self.dataset, self.collate, self.seed = dataset, collate, seed

    def __getitem__(self, batch: tuple[int, Sequence[int]]) -> Any:
        number, rows = batch
        note(number, rows)
        with _drawing(self.seed, number):
            several = getattr(self.dataset, "__getitems__", None)  # as torch's own loader asks
            return self.collate(several(rows) if several else [self.dataset[i] for i in rows])


@contextlib.contextmanager
def _drawing(seed: int, number: int) -> Iterator[None]:
    """Within, draws are a function of both numbers."""
    own = int(np.random.SeedSequence([seed % 2**64, number]).generate_state(1, np.uint64)[0])
    before = random.getstate(), np.random.get_state()
    if get_worker_info() is not None:
        torch.manual_seed(own)
    _seed_others(own)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])


def _seed_others(seed: int) -> None:
    random.seed(seed)
    np.random.seed(np.random.SeedSequence(seed % 2**64).generate_state(4))
