"""Ranks: the processes that train one generator together."""

from hypernas.ranks.alone import Alone
from hypernas.ranks.joined import Joined, join, launched
from hypernas.ranks.ranks import RankLost, Ranks
from hypernas.ranks.share import Share, share

__all__ = ["Alone", "Joined", "RankLost", "Ranks", "Share", "join", "launched", "share"]
