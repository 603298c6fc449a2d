"""Search: from a space and measures to the architectures that are best in them."""

from hypernas.search.aows import Aows
from hypernas.search.coarse_to_fine import CoarseToFine
from hypernas.search.estimate import Estimate
from hypernas.search.evaluated import Evaluated
from hypernas.search.evolution import Evolution
from hypernas.search.exhaustive import Exhaustive
from hypernas.search.front import Front, non_dominated
from hypernas.search.genome import Genome
from hypernas.search.history import History
from hypernas.search.hypervolume import hypervolume
from hypernas.search.infeasible import Infeasible
from hypernas.search.largest_that_fits import LargestThatFits
from hypernas.search.linas import Linas
from hypernas.search.loop import run
from hypernas.search.measure import Measure
from hypernas.search.nsga2 import Nsga2
from hypernas.search.optuna import Optuna
from hypernas.search.problem import Constraint, Objective, Problem
from hypernas.search.random import Random
from hypernas.search.relaxation import Dirichlet, Gumbel, Relaxation, Softmax, Sparsemax
from hypernas.search.search import Search
from hypernas.search.superposition import Superposition
from hypernas.search.tangle import Tangled, tangle

__all__ = [
    "Aows",
    "CoarseToFine",
    "Constraint",
    "Dirichlet",
    "Estimate",
    "Evaluated",
    "Evolution",
    "Exhaustive",
    "Front",
    "Genome",
    "Gumbel",
    "History",
    "Infeasible",
    "LargestThatFits",
    "Linas",
    "Measure",
    "Nsga2",
    "Objective",
    "Optuna",
    "Problem",
    "Random",
    "Relaxation",
    "Search",
    "Softmax",
    "Sparsemax",
    "Superposition",
    "Tangled",
    "hypervolume",
    "non_dominated",
    "run",
    "tangle",
]
