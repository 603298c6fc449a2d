"""A data set with fixed splits, and batches that are a pure function of seed and step."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, TensorDataset, default_collate

from hypernas.data.buckets import bucketed
from hypernas.data.draws import DrawnBatches
from hypernas.data.workers import Crew
from hypernas.subnet.structure import map_tensors

Inputs = Any  # of a batch, as `hypernas.subnet.arguments.Arguments` reads them
Batch = tuple[Inputs, Any]  # inputs and targets
Collate = Callable[[list[Any]], Batch]
Order = Callable[
    [int, int, torch.Generator], Tensor | None
]  # epoch, N and a generator of its own -> the examples that it reads, shape (N,); None for all, shuffled
_CPU = torch.device("cpu")


class DataNotFound(FileNotFoundError):
    """A data set whose files or package are not there; the message says what to get."""


@dataclass(frozen=True)
class Data:
    """Three splits of (inputs, target) examples; several inputs come as (input, ..., target).

    Examples that are mappings are keyword inputs, all of them, and their `labels` the targets too (None
    without), as models take them that compute their own loss.

    The validation split is for selection and search; the test split is to be reported once. A
    `TensorDataset` is moved to the device whole; any other dataset is read through a `DataLoader`.

    Attributes:
        input_shape: of one example, without a batch axis.
        num_classes: of the targets.
        collate_fn: a list of examples -> a batch, a pair of inputs and targets of whatever the target
            and the objective read (tensors in tuples, lists and mappings are moved to the device);
            None stacks the columns of (inputs, ..., target) examples.
        lengths: of each training example, shape (N,): batches are of examples of like lengths; None shuffles freely.
        preparation: what was learned from the training data to make inputs and targets of them, such as a vocabulary; None if
            nothing was. A run does not open with another one.
    """

    name: str
    train: Dataset[Any]
    validation: Dataset[Any]
    test: Dataset[Any]
    input_shape: tuple[int, ...]
    num_classes: int
    collate_fn: Collate | None = None
    lengths: Tensor | None = None
    preparation: bytes | None = None

    def example(self, split: str = "train", num: int = 2) -> Inputs:
        """The first `num` inputs of a split, stacked."""
        if (size := min(num, num_examples(self._examples_of(split)))) < 1:
            raise ValueError(f"expected an example or more of the split {split!r}, got {size}.")
        return next(self.in_order(split, batch_size=size))[0]

    def in_order(
        self, split: str, *, batch_size: int = 500, device: torch.device | str = "cpu"
    ) -> Iterator[Batch]:
        """Every example of a split once, in batches."""
        dataset = self._examples_of(split)
        return in_order(dataset, batch_size=batch_size, device=device, collate_fn=self.collate_fn)

    def _examples_of(self, split: str) -> Dataset[Any]:
        if split in (names := ("train", "validation", "test")):
            return getattr(self, split)
        raise ValueError(f"there is no split {split!r}, expected one of {names}.")

    def batches(
        self,
        *,
        batch_size: int,
        seed: int = 0,
        device: torch.device | str = "cpu",
        num_workers: int = 0,
    ) -> "Batches":
        """Shuffled batches of the training split, without end."""
        return Batches(
            self.train,
            batch_size=batch_size,
            seed=seed,
            device=device,
            num_workers=num_workers,
            collate_fn=self.collate_fn,
            lengths=self.lengths,
        )

    def calibration(
        self, num: int, *, batch_size: int = 128, device: torch.device | str = "cpu"
    ) -> list[Inputs]:
        """The inputs of the first `num` training batches, by which norms are calibrated."""
        size = min(batch_size, num_examples(self.train))
        batches = self.batches(batch_size=size, device=device).starting_at(0)
        return [inputs for inputs, _ in itertools.islice(batches, num)]

    def check_validation(self) -> None:
        """Refuse a validation split that is not there, before work is done whose end needs it.

        Raises:
            ValueError: telling what to do.
        """
        if self.validation is None or not num_examples(self.validation):
            raise ValueError(
                f"the data {self.name!r} have no validation split, and subnets are chosen and compared by "
                f"nothing else: expected examples in `Data.validation`, got none. Set some of the training "
                f"examples apart (see split_tensors), and train on the others: the test split is read once, "
                f"at the end."
            )


def num_examples(dataset: Dataset[Any]) -> int:
    """The number of examples of a data set.

    Raises:
        TypeError: if it has no length, as a stream of examples has none, or is a mapping of names.
    """
    if isinstance(dataset, Mapping):
        raise TypeError(f"a split has examples 0, 1, ..., got a mapping: give one of {[*dataset]}.")
    if not isinstance(dataset, Sized):
        raise TypeError(
            f"a split must have a length, got {type(dataset).__name__}: give it `__len__` beside "
            f"`__getitem__`. Streams of unknown length cannot be entered at any step."
        )
    return len(dataset)


class Batches:
    """An endless stream of shuffled batches that can be entered at any step.

    Step s is batch s mod n of epoch s // n, and an epoch's order depends on the seed and its number alone, so a
    resumed run reads exactly what an uninterrupted one would have, random draws of the data set among it (see
    `DrawnBatches`). The examples that do not fill a last batch are left out of that epoch.

    Args:
        num_workers: of the `DataLoader`, for datasets that are not tensors.
        collate_fn, lengths: see `Data`.

    Raises:
        ValueError: if a batch is larger than the data set, or not every example has a length.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        *,
        batch_size: int,
        seed: int = 0,
        device: torch.device | str = "cpu",
        num_workers: int = 0,
        collate_fn: Collate | None = None,
        lengths: Tensor | None = None,  # shape: (N,)
    ) -> None:
        self.num_examples = num_examples(dataset)
        if not 0 < batch_size <= self.num_examples:
            raise ValueError(
                f"batch_size must be between 1 and the {self.num_examples} examples there are, "
                f"got {batch_size}."
            )
        self.dataset, self.batch_size, self.seed = dataset, batch_size, seed
        self.device, self.num_workers = torch.device(device), num_workers
        if lengths is not None and getattr(lengths, "shape", None) != (self.num_examples,):
            raise ValueError(
                f"expected lengths as a tensor of the shape ({self.num_examples},), one of each example, got "
                f"{lengths!r:.200}."
            )
        self.collate_fn, self.lengths = collate_fn, lengths
        self.per_epoch = self.num_examples // batch_size
        self._resident: list[Tensor] = []  # the whole of a `TensorDataset`, on the device
        self.crew = Crew()

    def starting_at(self, step: int, order: Order | None = None) -> Iterator[Batch]:
        """The batches of step, step + 1, ...

        Args:
            order: of the examples of each epoch, asked for as it begins; None shuffles them.
        """
        if isinstance(self.dataset, TensorDataset) and self.collate_fn is None:
            if not self._resident:
                self._resident = [_moved(tensor, self.device) for tensor in self.dataset.tensors]
            for rows in self._rows(step, self.device, order):
                yield _pair([tensor[rows] for tensor in self._resident])
        if order is None:
            yield from self._loaded(step, self._rows(step, _CPU))
        while True:  # an epoch at a time, as batches are read ahead, and an order may follow what came before
            end = (step // self.per_epoch + 1) * self.per_epoch
            yield from self._loaded(
                step, itertools.islice(self._rows(step, _CPU, order), end - step)
            )
            step = end

    def examples(self, step: int, order: Order | None = None) -> Iterator[Tensor]:
        """The numbers of the examples of the same batches, on their device, each of shape (batch_size,)."""
        return self._rows(step, self.device, order)

    def _loaded(self, step: int, rows: Iterator[Tensor]) -> Iterator[Batch]:
        with self.crew.hired(self.num_workers) as begin:
            loader = DataLoader(
                DrawnBatches(
                    self.dataset, collate=self.collate_fn or default_collate, seed=self.seed
                ),
                sampler=enumerate((r.tolist() for r in rows), step),
                batch_size=None,  # each is read whole
                num_workers=self.num_workers,
                pin_memory=self.device.type == "cuda",
                generator=torch.Generator().manual_seed(self.seed),  # not torch's own
                collate_fn=_same,
                worker_init_fn=begin,
            )
            for batch in loader:
                batch = _on(self.device, batch)
                yield batch if self.collate_fn else _pair(batch)

    def _rows(
        self, step: int, device: torch.device, order: Order | None = None
    ) -> Iterator[Tensor]:
        """The examples of each batch; an epoch's order goes to the device once, and no step waits."""
        epoch, position = divmod(step, self.per_epoch)
        while True:
            rng = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) % 2**63)
            rows = None if order is None else order(epoch, self.num_examples, rng)
            if rows is None:
                rows = torch.randperm(self.num_examples, generator=rng)
            if self.lengths is not None:
                rows = bucketed(rows.cpu(), self.lengths, self.batch_size, rng)
            rows = rows.to(device)
            for start in range(position, self.per_epoch):
                yield rows[start * self.batch_size : (start + 1) * self.batch_size]
            epoch, position = epoch + 1, 0


def _moved(tensor: Tensor, device: torch.device) -> Tensor:
    """`tensor` on a device, where overlapping windows go on sharing their memory."""
    steps = zip(tensor.shape, tensor.stride(), strict=True)
    span = 1 + sum((size - 1) * stride for size, stride in steps)  # from first to last element
    if tensor.device == device or tensor.numel() <= span:
        return tensor.to(device)
    return tensor.as_strided((span,), (1,)).to(device).as_strided(tensor.shape, tensor.stride())


def in_order(
    dataset: Dataset[Any],
    *,
    batch_size: int = 500,
    device: torch.device | str = "cpu",
    collate_fn: Collate | None = None,
) -> Iterator[Batch]:
    """Every example once, in batches."""
    if isinstance(dataset, TensorDataset) and collate_fn is None:
        for i in range(0, len(dataset), batch_size):
            # cut one after the other, as the first may be enough
            yield _pair([t[i : i + batch_size].to(device) for t in dataset.tensors])
        return
    rows = filter(len, torch.arange(num_examples(dataset)).split(batch_size))
    loader = DataLoader(
        DrawnBatches(dataset, collate=collate_fn or default_collate, seed=0),
        sampler=enumerate(part.tolist() for part in rows),
        batch_size=None,  # each is read whole
        generator=torch.Generator(),
        collate_fn=_same,
    )
    for batch in loader:
        batch = _on(device, batch)
        yield batch if collate_fn else _pair(batch)


def _same(batch: Any) -> Any:
    return batch


def _on(device: torch.device | str, batch: Any) -> Any:
    """The tensors of a batch on a device, as deep as they are; all else as it is."""
    return map_tensors(lambda tensor: tensor.to(device, non_blocking=True), batch)


def _pair(batch: Sequence[Any] | Mapping[str, Any]) -> Batch:
    """The inputs and the target of a batch: of its columns, or of one that is keyword inputs."""
    if isinstance(batch, Mapping):
        return batch, batch.get("labels")
    *inputs, target = batch
    return (inputs[0] if len(inputs) == 1 else tuple(inputs)), target
