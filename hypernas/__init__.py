"""hypernas: one generator writes the weights of every subnet of a search space."""

from hypernas import generators
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.space.choice import Choice

__version__ = "0.1.0"
__all__ = ["Architecture", "Choice", "SearchSpace", "__version__", "generators"]
