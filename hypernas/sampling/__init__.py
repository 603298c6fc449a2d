"""Samplers: the architectures to train now."""

from hypernas.sampling.fixed import Fixed
from hypernas.sampling.sampler import Sampler
from hypernas.sampling.sandwich import Sandwich
from hypernas.sampling.stratified import stratified_subnets
from hypernas.sampling.subnets import sample_subnets
from hypernas.sampling.uniform import Uniform

__all__ = ["Fixed", "Sampler", "Sandwich", "Uniform", "sample_subnets", "stratified_subnets"]
