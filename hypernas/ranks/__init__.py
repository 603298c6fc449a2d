"""Ranks: the processes that train one generator together."""

from hypernas.ranks.alone import Alone
from hypernas.ranks.copies import Copies
from hypernas.ranks.divided_banks import DividedBanks
from hypernas.ranks.joined import Joined, join, launched
from hypernas.ranks.ranks import RankLost, Ranks
from hypernas.ranks.share import Share, share
from hypernas.ranks.storage import Storage

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
