"""Regressors of numbers on architectures."""

from hypernas.predictors.predictor import Predictor

__all__ = ["Predictor"]
