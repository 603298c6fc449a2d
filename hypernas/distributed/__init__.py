"""Several processes that train one generator together: ranks, and what each of them holds."""

from hypernas.distributed.launch import join, launched
from hypernas.distributed.placement import Placement
from hypernas.distributed.process_group import ProcessGroup, RankLost
from hypernas.distributed.replicated import Replicated
from hypernas.distributed.sharded import ShardedBanks
from hypernas.distributed.share import Share, share

__all__ = [
    "Placement",
    "ProcessGroup",
    "RankLost",
    "Replicated",
    "ShardedBanks",
    "Share",
    "join",
    "launched",
    "share",
]
