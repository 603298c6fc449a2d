"""Regressors of numbers on architectures."""

from hypernas.predictors.gaussian_process import GaussianProcess
from hypernas.predictors.hat import HatNetwork
from hypernas.predictors.pairwise import Pairwise
from hypernas.predictors.predictor import Predictor
from hypernas.predictors.regressor import Regressor
from hypernas.predictors.ridge import Ridge
from hypernas.predictors.selection import Best
from hypernas.predictors.trees import Trees
from hypernas.predictors.uncertain import Uncertain

__all__ = [
    "Best",
    "GaussianProcess",
    "HatNetwork",
    "Pairwise",
    "Predictor",
    "Regressor",
    "Ridge",
    "Trees",
    "Uncertain",
]
