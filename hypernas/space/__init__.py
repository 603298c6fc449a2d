"""Search spaces: choices, architectures and their encoding."""

from hypernas.space.architecture import Architecture
from hypernas.space.choice import Choice
from hypernas.space.encoding import Encoding, mip
from hypernas.space.search_space import SearchSpace

__all__ = ["Architecture", "Choice", "Encoding", "SearchSpace", "mip"]
