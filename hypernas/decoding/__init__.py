"""Decoding: sequences that language models continue, and those that translators write."""

from hypernas.decoding.greedy import greedy
from hypernas.decoding.speculation import Speculation, speculate
from hypernas.decoding.translation import Stepping, Translator, translate

__all__ = ["Speculation", "Stepping", "Translator", "greedy", "speculate", "translate"]
