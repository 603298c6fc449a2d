"""Decoding: sequences that language models continue."""

from hypernas.decoding.greedy import greedy
from hypernas.decoding.speculation import Speculation, speculate

__all__ = ["Speculation", "greedy", "speculate"]
