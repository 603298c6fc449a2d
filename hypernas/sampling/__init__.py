"""Samplers: the architectures to train now."""

from hypernas.sampling.attentive import Attentive
from hypernas.sampling.contest import Contest
from hypernas.sampling.delayed import Delayed
from hypernas.sampling.divided import Divided, rows_of
from hypernas.sampling.examples import Examples
from hypernas.sampling.fairness import StrictFairness
from hypernas.sampling.fixed import Fixed
from hypernas.sampling.nested import Nested, nested_family
from hypernas.sampling.pada import PADA
from hypernas.sampling.preview import Draw, draws, preview, step_rng
from hypernas.sampling.progressive import Phase, Progressive
from hypernas.sampling.proposer import Proposer
from hypernas.sampling.sampler import Sampler
from hypernas.sampling.sandwich import Sandwich
from hypernas.sampling.shift import Shift
from hypernas.sampling.stratified import stratified_subnets
from hypernas.sampling.subnets import sample_subnets
from hypernas.sampling.subspaces import Subspaces
from hypernas.sampling.timed import Timed
from hypernas.sampling.uniform import Uniform
from hypernas.sampling.weighted import Weighted, weights_of

__all__ = [
    "PADA",
    "Attentive",
    "Contest",
    "Delayed",
    "Divided",
    "Draw",
    "Examples",
    "Fixed",
    "Nested",
    "Phase",
    "Progressive",
    "Proposer",
    "Sampler",
    "Sandwich",
    "Shift",
    "StrictFairness",
    "Subspaces",
    "Timed",
    "Uniform",
    "Weighted",
    "draws",
    "nested_family",
    "preview",
    "rows_of",
    "sample_subnets",
    "step_rng",
    "stratified_subnets",
    "weights_of",
]
