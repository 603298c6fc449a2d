"""Ranks: the processes that train one generator together."""

from hypernas.distributed.launch import Joined, join, launched
from hypernas.distributed.placement import Storage
from hypernas.distributed.process_group import RankLost, Ranks
from hypernas.distributed.replicated import Copies
from hypernas.distributed.sharded import DividedBanks
from hypernas.distributed.share import Share, share
from hypernas.distributed.single_process import Alone

__all__ = [
    "Alone",
    "Copies",
    "DividedBanks",
    "Joined",
    "RankLost",
    "Ranks",
    "Share",
    "Storage",
    "join",
    "launched",
    "share",
]
