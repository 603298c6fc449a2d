"""Regressors of numbers on architectures."""

from hypernas.predictors.hat import HatNetwork
from hypernas.predictors.pairwise import Pairwise
from hypernas.predictors.predictor import Predictor
from hypernas.predictors.regressor import Regressor
from hypernas.predictors.ridge import Ridge
from hypernas.predictors.selection import Best
from hypernas.predictors.trees import Trees

__all__ = ["Best", "HatNetwork", "Pairwise", "Predictor", "Regressor", "Ridge", "Trees"]
