"""The processes that train one generator together, as each of them sees the others."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist

from hypernas.data.draws import seed_all
from hypernas.distributed.buckets import all_reduce_buckets
from hypernas.distributed.optimizer_state import Maker, shard, state_to_first
from hypernas.distributed.share import Share, share
from hypernas.generators import Generator, late_buffers, running_statistics


class RankLost(RuntimeError):
    """Another rank ended, or did not answer in time."""


class ProcessGroup:
    """Some ranks, 0 to `size` - 1, that take steps together; `Placement` says what each one holds.

    N ranks take the steps that one would: of a step's architectures and its batch each rank trains
    its share, and the gradients are added up. One process, the default, is a group of its own, in
    which nothing is sent; several are those of the default group of torch.distributed, which has to
    be initialised: see `join`.

    *Gradients.* Each rank scales its losses as one process would (by 1 / number of architectures of
    the step where gradients are averaged, by the share of rows where a batch is divided), and
    the gradients are summed over the ranks. So a layer that only some architectures have is averaged
    over all architectures of the step, those without it counting 0, as on one process; and what no
    rank used keeps no gradient, so an optimizer passes over it. Only what some rank used is
    sent, a rank that did not use it sends zeros.

    *What is as on one process:* batches, architectures, gradients up to the order of their sum,
    batch norms in whole batches (where ranks divide one, each has the norms of its rows),
    the auxiliary loss (rank 0 computes it), free channels (every rank chooses all of them),
    validation (each subnet by one rank).

    *What is not:* a teacher that another rank trains is run here once more without gradient; that
    costs one forward pass, and waits for nobody. Dropout is of each rank's own, a function of seed,
    step and rank, and so is what a data set draws as it is read. Running statistics of norms change,
    element by element, by the mean of the changes on the ranks that changed them; one process goes
    through its architectures one by one.

    *What is divided:* nothing, unless it is asked for: see `shard` for the optimizer's state and
    `ShardedBanks` for banks. FSDP2 (`fully_shard`) is refused: a rank that uses a layer which others do
    not use computes with its own part of that layer and theirs of another, of which nothing tells
    (torch 2.13); and as `mix_all` reads all banks at once, they would be gathered whole twice a step.

    Losses are taken to be means over the examples of a batch, where ranks divide it.

    Args:
        rank: which of them this process is.
        size: how many there are.
        local: rank among those of this machine, which is the index of its GPU.
    """

    def __init__(self, rank: int = 0, size: int = 1, *, local: int = 0) -> None:
        self.rank, self.size, self.local = rank, size, local

    @property
    def first(self) -> bool:
        """True on the rank that writes, and tells."""
        return self.rank == 0

    def place(self, device: torch.device) -> torch.device:
        """The device of this rank, where `device` is asked for.

        Raises:
            ValueError: if there are not enough.
        """
        if self.size == 1:
            return device
        if device.type != "cuda":
            return device
        if device.index is not None:
            raise ValueError(
                f"each rank has a GPU of its own, but device={device} names one for all of "
                f"{self.size} ranks: say device=cuda (and CUDA_VISIBLE_DEVICES for which)."
            )
        if self.local >= torch.cuda.device_count():
            raise ValueError(
                f"rank {self.rank} is number {self.local} on its machine, which has "
                f"{torch.cuda.device_count()} GPUs: start as many ranks "
                f"(torchrun --nproc-per-node), or say device=cpu."
            )
        return torch.device("cuda", self.local)

    def check_alike(self, generator: Generator, settings: Mapping[str, Any]) -> None:
        """Refuse ranks that begin with different parameters or settings.

        Raises:
            ValueError: on every rank, naming all that differs.
        """
        if self.size == 1:
            return
        own = {**settings, **{f"parameter {n}": _print(p) for n, p in generator.named_parameters()}}
        every = self._all(own)
        names = dict.fromkeys(name for found in every for name in found)
        lines = [
            f"{name}: {[found.get(name, 'absent') for found in every]}"
            for name in names
            if any(found.get(name) != own.get(name) for found in every)
        ]
        if lines:
            more = f"\n  and {len(lines) - 10} more" if len(lines) > 10 else ""
            raise ValueError(
                "the ranks do not train the same; on ranks 0, 1, ... there is\n  "
                + "\n  ".join(lines[:10])
                + more
                + "\nStart every rank with the same command, and make the generator from a seed."
            )

    def reseed(self, seed: int, step: int) -> None:
        """Give the global generators a state of this rank and step, if there are several ranks."""
        if self.size > 1:
            seed_all(((seed * 1_000_003 + step) * 65_537 + self.rank) % 2**63)

    def shares(self, num_examples: Sequence[int], *, split: bool) -> list[Share]:
        """The share of each rank in a step: see `hypernas.distributed.share`."""
        return [share(rank, self.size, num_examples, split=split) for rank in range(self.size)]

    def snapshot(self, generator: Generator) -> dict[str, Tensor]:
        """Running statistics before the backward passes of a step, for `reduce_gradients`."""
        if self.size == 1:
            return {}
        return {name: held.clone() for name, held in running_statistics(generator).items()}

    @torch.no_grad()
    def reduce_gradients(
        self,
        generator: Generator,
        parameters: Sequence[nn.Parameter],
        loss: Tensor,
        statistics: Mapping[str, Tensor],
    ) -> Tensor:  # of the shape of the loss
        """Add up the gradients, and the losses, of all ranks, after the backward passes of a step.

        Args:
            parameters: those of the generator that every rank has a copy of.
            statistics: the `snapshot` of before.

        Returns:
            The sums of the losses, of their shape.
        """
        if self.size == 1:
            return loss
        more = len(running_statistics(generator)) > len(statistics)
        used = torch.tensor([*(p.grad is not None for p in parameters), more], dtype=torch.int32)
        self.all_reduce(used)  # on the CPU: no GPU has to be waited for
        *uses, more = used.tolist()
        if more:
            statistics = {**self._take_in(generator), **statistics}
        touched = [p for p, num in zip(parameters, uses, strict=True) if num]
        for parameter in touched:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        gradients = [p.grad for p in touched if p.grad is not None]
        held = running_statistics(generator)
        now = [held[name] for name in sorted(held)]
        before = [statistics[name] for name in sorted(held)]
        changes = [
            (a - b).to(torch.promote_types(a.dtype, torch.float32))
            for a, b in zip(now, before, strict=True)
        ]
        changed = [(change != 0).to(change.dtype) for change in changes]
        loss = loss.clone()
        with _telling():
            all_reduce_buckets(gradients + changes + changed + [loss])
        for statistic, old, change, ranks in zip(now, before, changes, changed, strict=True):
            mean = change / ranks.clamp(min=1)
            statistic.copy_(old + (mean if statistic.is_floating_point() else mean.round()))
        return loss

    def _take_in(self, generator: Generator) -> dict[str, Tensor]:
        """Keep the buffers that any rank does; those that came late are returned as they were built."""
        keepers = late_buffers(generator)
        for late in self._all({name: keeper.late for name, keeper in keepers.items()}):
            for name, keeper in keepers.items():
                keeper.take_in(late[name])
        return {
            f"{part}:{name}": buffer
            for part, keeper in keepers.items()
            for name, buffer in keeper.as_built().items()
        }

    def shard(self, make: Maker) -> Maker:
        """Divide the state of an optimizer among the ranks: see `hypernas.distributed.optimizer_state`."""
        return make if self.size == 1 else shard(make)

    def consolidate(self, optimizer: torch.optim.Optimizer) -> None:
        """Bring the state of a sharded optimizer to rank 0, where `state_dict` then tells it."""
        if self.size > 1:
            with _telling():
                state_to_first(optimizer)

    def any(self, flag: bool) -> bool:
        """True if the flag is set on any rank; the same answer on all."""
        found = torch.tensor([int(flag)])
        self.all_reduce(found)
        return bool(found)

    def all_reduce(self, tensor: Tensor) -> None:
        """Sum a tensor, in place, over all ranks."""
        if self.size > 1:
            with _telling():
                dist.all_reduce(tensor)

    def all_to_all(
        self,
        sent: Tensor,  # shape: (S,), the parts for ranks 0, 1, ...
        counts: Sequence[int],  # numbers for each rank, together S
        sizes: Sequence[int],  # numbers from each rank, together R
    ) -> Tensor:  # shape: (R,), the parts from ranks 0, 1, ...
        """Send a part of a tensor to each rank, and get one from each."""
        if self.size == 1:
            return sent
        received = sent.new_empty(sum(sizes))
        with _telling():
            dist.all_to_all_single(received, sent, list(sizes), list(counts))
        return received

    def broadcast(self, tensor: Tensor, source: int) -> None:
        """Overwrite a tensor, of the same shape on all ranks, with that of one; on the CPU."""
        if self.size > 1:
            with _telling():
                dist.broadcast(tensor, source)

    def all_gather(self, results: Mapping[str, Any]) -> dict[str, Any]:
        """The results of all ranks, on all of them."""
        return {
            label: result for some in self._all(dict(results)) for label, result in some.items()
        }

    def broadcast_object(self, value: Any) -> Any:
        """The value that rank 0 has."""
        return self._all(value if self.first else None)[0]

    def _all(self, value: Any) -> list[Any]:
        if self.size == 1:
            return [value]
        found: list[Any] = [None] * self.size
        with _telling():
            dist.all_gather_object(found, value)
        return found


def _print(parameter: nn.Parameter) -> tuple[tuple[int, ...], int]:
    """Shape and a sum of bits, which no order of summation changes."""
    bits = parameter.detach().contiguous().view(-1).view(torch.int16)
    return tuple(parameter.shape), int(bits.sum(dtype=torch.int64))


@contextlib.contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:  # torch has many, of which some are private
        raise RankLost(
            "another rank ended, or did not answer in time; its own message says why. Checkpoints "
            f"saved before are kept. ({str(error).splitlines()[0]})"
        ) from error
