"""Launching: how many processes train together, and joining them."""

import contextlib
import importlib
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

import torch
from torch import distributed as dist

from hypernas.distributed.process_group import ProcessGroup, RankLost


class Launched(NamedTuple):
    """Rank, size and local rank that a launcher such as torchrun gives: 0, 1 and 0 without one."""

    rank: int
    size: int
    local: int  # rank among those of this machine


def launched() -> Launched:
    """The rank this process was launched as."""
    names = ("RANK", 0), ("WORLD_SIZE", 1), ("LOCAL_RANK", 0)
    return Launched(*(int(os.environ.get(name, default)) for name, default in names))


@contextlib.contextmanager
def join(*, timeout: float = 1800.0) -> Iterator[ProcessGroup]:
    """The ranks that `torchrun` launched, or this process alone.

    GPUs talk through NCCL, CPUs through Gloo. A rank that lost another passes over SIGTERM from then on:
    the launcher sends it to all that are left, and what ends by itself has still to say why.

    Args:
        timeout: seconds after which a rank gives the others up. A rank that ends is noticed at
            once; this is for one that hangs, and is to be longer than a validation.
    """
    rank, size, local = launched()
    if size == 1:
        yield ProcessGroup()
        return
    _import_keepers()
    if local < torch.cuda.device_count():
        torch.cuda.set_device(local)  # what "cuda" means here
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, timeout=timedelta(seconds=timeout))
    try:
        yield ProcessGroup(rank, size, local=local)
    except RankLost:
        _pass_over_sigterm()
        raise
    finally:
        dist.destroy_process_group()


def _import_keepers() -> None:
    """Import those modules before there is a group that would keep it for good.

    In torch 2.13 defaults of their functions are the group at their import, and the step of any optimizer
    imports the first. A group that is kept is not destroyed: its threads run into the end of the interpreter,
    and sometimes abort the process.
    """
    with warnings.catch_warnings():  # other optimizers there use what torch has deprecated
        warnings.simplefilter("ignore", DeprecationWarning)
        for name in ("torch.distributed.nn", "torch.distributed.optim"):
            importlib.import_module(name)


def _pass_over_sigterm() -> None:
    if threading.current_thread() is threading.main_thread():  # others may not decide about signals
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
