"""Divided banks of two processes through torch.distributed.checkpoint, read on one."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from ready import small
from torch import Tensor, distributed, multiprocessing, nn
from torch.distributed import checkpoint
from torch.distributed.checkpoint.api import CheckpointException
from verdicts import answer, words

from hypernas import generators
from hypernas.distributed import ProcessGroup, ShardedBanks
from hypernas.generators import Generator

SIZE = 2


def whole_state(generator: Generator, _: ShardedBanks) -> dict[str, Tensor]:
    """What the generator gives on each rank, with tensors without entries where another has them."""
    return generator.state_dict()


def own_state(generator: Generator, storage: ShardedBanks) -> dict[str, Tensor]:
    """That of what a rank has, by the storage's own word."""
    own = {n for n, p in generator.named_parameters() if storage.holds(p)}
    parameters = dict(generator.named_parameters())
    return {n: t for n, t in generator.state_dict().items() if n in own or n not in parameters}


def rank_saves(rank: int, folder: str, state: Callable[..., dict[str, Tensor]]) -> None:
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    meeting = f"file://{folder}/store"
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=SIZE)
    generator = made(seed=0)
    storage = ShardedBanks(generator, ProcessGroup(rank, SIZE))
    storage.place(torch.device("cpu"))
    checkpoint.save(state(generator, storage), checkpoint_id=f"{folder}/saved")
    distributed.destroy_process_group()


def made(seed: int) -> Generator:
    return generators.hypernas(small()[0], seed=seed)


def read_again(state: Callable[..., dict[str, Tensor]]) -> str:
    """What is wrong with the parameters of another generator that loaded what two ranks saved; empty for nothing."""
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(rank_saves, (folder, state), nprocs=SIZE)
        other = made(seed=1)
        there = other.state_dict()
        try:
            checkpoint.load(there, checkpoint_id=str(Path(folder, "saved")))
            other.load_state_dict(there)
        except (Exception, CheckpointException) as error:  # the latter is none of the former
            return f"{type(error).__name__}: {words(error, 2000)[-90:]}"
    true: nn.Module = made(seed=0)
    pairs = zip(true.named_parameters(), other.parameters(), strict=True)
    wrong = [name for (name, p), q in pairs if not torch.equal(p, q)]
    return f"{len(wrong)} parameters differ, first {wrong[0]}" if wrong else ""


def divided():
    found = {name: read_again(state) for name, state in (("what each rank holds", own_state), ("state_dict of each", whole_state))}  # fmt: skip
    told = "; ".join(f"{name}: {wrong or 'to the last bit'}" for name, wrong in found.items())
    return not any(found.values()), told


if __name__ == "__main__":
    answer({39: divided})
