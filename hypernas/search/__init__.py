"""Search: from a space and measures to the architectures that are best in them."""

from hypernas.search.evaluated import Evaluated
from hypernas.search.evolution import Evolution
from hypernas.search.exhaustive import Exhaustive
from hypernas.search.front import Front, non_dominated
from hypernas.search.genome import Genome
from hypernas.search.history import History
from hypernas.search.hypervolume import hypervolume
from hypernas.search.infeasible import Infeasible
from hypernas.search.linas import Linas
from hypernas.search.loop import run
from hypernas.search.measure import Measure
from hypernas.search.nsga2 import Nsga2
from hypernas.search.problem import Constraint, Objective, Problem
from hypernas.search.random import Random
from hypernas.search.search import Search

__all__ = [
    "Constraint",
    "Evaluated",
    "Evolution",
    "Exhaustive",
    "Front",
    "Genome",
    "History",
    "Infeasible",
    "Linas",
    "Measure",
    "Nsga2",
    "Objective",
    "Problem",
    "Random",
    "Search",
    "hypervolume",
    "non_dominated",
    "run",
]
