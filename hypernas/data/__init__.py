"""Data sets with fixed splits."""

from hypernas.data.data import Batches, Data, DataNotFound, in_order, num_examples
from hypernas.data.digits import digits
from hypernas.data.fashion_mnist import fashion_mnist
from hypernas.data.mnist1d import mnist1d
from hypernas.data.series import basic_motions, japanese_vowels, time_series
from hypernas.data.skeletons import skeletons
from hypernas.data.split import split_tensors
from hypernas.data.tiny_shakespeare import tiny_shakespeare
from hypernas.data.translation import Translation, translation
from hypernas.data.watch import watch
from hypernas.data.workers import WorkerLost

__all__ = [
    "Batches",
    "Data",
    "DataNotFound",
    "Translation",
    "WorkerLost",
    "basic_motions",
    "digits",
    "fashion_mnist",
    "in_order",
    "japanese_vowels",
    "mnist1d",
    "num_examples",
    "skeletons",
    "split_tensors",
    "time_series",
    "tiny_shakespeare",
    "translation",
    "watch",
]
