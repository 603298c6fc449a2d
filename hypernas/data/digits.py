"""Handwritten digits of 8 x 8 pixels, embedded in scikit-learn."""

import torch

from hypernas.data.data import Data
from hypernas.data.split import split_tensors


def digits() -> Data:
    """UCI handwritten digits: 1,797 images of 1 x 8 x 8 in [0, 1], 10 classes.

    Split into 1,000 / 297 / 500 for training, validation and test. Ships inside scikit-learn (BSD).
    """
    from sklearn.datasets import load_digits  # takes seconds to import

    images, labels = load_digits(return_X_y=True)
    inputs = torch.from_numpy(images).float().view(-1, 1, 8, 8) / 16
    parts = split_tensors(inputs, torch.from_numpy(labels).long(), (1000, 297, 500), seed=0)
    return Data("digits", *parts, input_shape=(1, 8, 8), num_classes=10)
