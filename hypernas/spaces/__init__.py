"""Ready-made search spaces: functions of the data's shape that return a `SearchSpace`."""

from hypernas.spaces.convolutional import conv1d, conv2d
from hypernas.spaces.ensem1d import ensem1d
from hypernas.spaces.local_vit import local_vit
from hypernas.spaces.mlp import mlp
from hypernas.spaces.mobilenet import mobilenet
from hypernas.spaces.resnet import resnet
from hypernas.spaces.seq2seq import seq2seq
from hypernas.spaces.transformer_lm import transformer_lm
from hypernas.spaces.vit import vit

__all__ = [
    "conv1d",
    "conv2d",
    "ensem1d",
    "local_vit",
    "mlp",
    "mobilenet",
    "resnet",
    "seq2seq",
    "transformer_lm",
    "vit",
]
