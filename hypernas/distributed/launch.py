"""Several processes, joined by torch.distributed."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch import distributed as dist

from hypernas.distributed import optimizer_state
from hypernas.distributed.buckets import add_up
from hypernas.distributed.optimizer_state import Maker
from hypernas.distributed.process_group import RankLost, Ranks
from hypernas.distributed.single_process import Alone
from hypernas.generators import Generator, running_statistics


class Launched(NamedTuple):
    """What a launcher such as torchrun says of this process: 0, 1 and 0 without one."""

    rank: int
    size: int
    local: int  # rank among those of this machine


def launched() -> Launched:
    """How this process was launched."""
    names = ("RANK", 0), ("WORLD_SIZE", 1), ("LOCAL_RANK", 0)
    return Launched(*(int(os.environ.get(name, default)) for name, default in names))


@contextlib.contextmanager
def join(*, timeout: float = 1800.0) -> Iterator[Ranks]:
    """The ranks that `torchrun` launched, or this process alone.

    GPUs talk through NCCL, CPUs through Gloo.

    Args:
        timeout: seconds after which a rank gives the others up. A rank that ends is noticed at
            once; this is for one that hangs, and is to be longer than a validation.
    """
    rank, size, local = launched()
    if size == 1:
        yield Alone()
        return
    if local < torch.cuda.device_count():
        torch.cuda.set_device(local)  # what "cuda" means here
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, timeout=timedelta(seconds=timeout))
    try:
        yield Joined(rank, size, local=local)
    finally:
        dist.destroy_process_group()


class Joined(Ranks):
    """Ranks of the default group of torch.distributed, which has to be initialised: see `join`.

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

    *What is divided:* nothing, unless it is asked for: see `sharding` for the optimizer's memory and
    `DividedBanks` for banks. FSDP2 (`fully_shard`) would send gradients of the layers a rank used,
    which other ranks may not have, and fails then; and as `mix_all` reads all banks at once, it would
    gather them whole twice a step.

    Losses are taken to be means over the examples of a batch, where ranks divide it.

    Args:
        local: rank among those of this machine, which is the index of its GPU.
    """

    def __init__(self, rank: int, size: int, *, local: int = 0) -> None:
        self.rank, self.size, self.local = rank, size, local

    def place(self, device: torch.device) -> torch.device:
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
        torch.manual_seed(((seed * 1_000_003 + step) * 65_537 + self.rank) % 2**63)

    def remember(self, generator: Generator) -> list[Tensor]:
        return [statistic.clone() for statistic in running_statistics(generator)]

    @torch.no_grad()
    def exchange(
        self,
        generator: Generator,
        parameters: Sequence[nn.Parameter],
        loss: Tensor,
        remembered: list[Tensor],
    ) -> Tensor:
        used = torch.tensor([p.grad is not None for p in parameters], dtype=torch.int32)
        self.add(used)  # on the CPU: no GPU has to be waited for
        touched = [p for p, num in zip(parameters, used.tolist(), strict=True) if num]
        for parameter in touched:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        gradients = [p.grad for p in touched if p.grad is not None]
        now = running_statistics(generator)
        changes = [
            (a - b).to(torch.promote_types(a.dtype, torch.float32))
            for a, b in zip(now, remembered, strict=True)
        ]
        changed = [(change != 0).to(change.dtype) for change in changes]
        loss = loss.clone()
        with _telling():
            add_up(gradients + changes + changed + [loss])
        for statistic, before, change, ranks in zip(now, remembered, changes, changed, strict=True):
            mean = change / ranks.clamp(min=1)
            statistic.copy_(before + (mean if statistic.is_floating_point() else mean.round()))
        return loss

    def sharded(self, make: Maker) -> Maker:
        return optimizer_state.sharded(make)

    def collect(self, optimizer: torch.optim.Optimizer) -> None:
        with _telling():
            optimizer.consolidate_state_dict(to=0)  # type: ignore[attr-defined]

    def any(self, flag: bool) -> bool:
        found = torch.tensor([int(flag)])
        self.add(found)
        return bool(found)

    def add(self, tensor: Tensor) -> None:
        with _telling():
            dist.all_reduce(tensor)

    def swap(self, sent: Tensor, counts: Sequence[int], sizes: Sequence[int]) -> Tensor:
        received = sent.new_empty(sum(sizes))
        with _telling():
            dist.all_to_all_single(received, sent, list(sizes), list(counts))
        return received

    def spread(self, tensor: Tensor, source: int) -> None:
        with _telling():
            dist.broadcast(tensor, source)

    def gather(self, results: Mapping[str, Any]) -> dict[str, Any]:
        return {
            label: result for some in self._all(dict(results)) for label, result in some.items()
        }

    def from_first(self, value: Any) -> Any:
        return self._all(value if self.first else None)[0]

    def _all(self, value: Any) -> list[Any]:
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
