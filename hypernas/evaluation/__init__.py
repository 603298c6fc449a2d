"""How good the weights of subnets are, against training them alone."""

from hypernas.evaluation.references import Recipe, References
from hypernas.evaluation.subnets import Evaluation, evaluate, mean, write_csv

__all__ = ["Evaluation", "Recipe", "References", "evaluate", "mean", "write_csv"]
