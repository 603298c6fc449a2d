"""Two processes that stay, joined by Gloo: a test sends them what to compute."""

import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import patience
import torch
from torch import distributed as dist

from hypernas.distributed import ProcessGroup

SIZE = 2


class Pair:
    """`pair(function, *arguments)` is `[function(ranks, *arguments) of rank 0, of rank 1]`.

    The functions are those of modules; an exception is a result like any other.

    Args:
        folder: an empty one, where they meet.
    """

    def __init__(self, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipes = []
        self.processes = []
        for rank in range(SIZE):
            here, there = context.Pipe()
            process = context.Process(
                target=_serve, args=(rank, str(folder / "store"), there), daemon=True
            )
            process.start()
            self.pipes.append(here)
            self.processes.append(process)

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        for pipe in self.pipes:
            pipe.send((function, arguments))
        return [pipe.recv() for pipe in self.pipes]

    def close(self) -> None:
        for pipe in self.pipes:
            pipe.send(None)
        for process in self.processes:
            process.join(20)


def _serve(rank: int, store: str, pipe: Any) -> None:
    torch.set_num_threads(1)
    if sys.platform == "linux":
        os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    dist.init_process_group(
        "gloo",
        init_method=f"file://{store}",
        rank=rank,
        world_size=SIZE,
        timeout=timedelta(seconds=patience.SECONDS),
    )
    while (task := pipe.recv()) is not None:
        function, arguments = task
        try:
            pipe.send(function(ProcessGroup(rank, SIZE), *arguments))
        except BaseException as error:  # also of a key press
            traceback.print_exc()
            pipe.send(error)
    dist.destroy_process_group()
