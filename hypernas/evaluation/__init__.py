"""Quality of subnets' weights, against training them alone, with intervals."""

from hypernas.evaluation.appraisal import Appraisal
from hypernas.evaluation.budget import Budget, step_flops, training_overhead
from hypernas.evaluation.comparison import baselines, compare, rank
from hypernas.evaluation.estimate import Estimate, average, estimate, paired
from hypernas.evaluation.gap import MEASURES, Measure, absolute_gap, gaps, signed_gap
from hypernas.evaluation.noise import Noise, attainable_tau, noise
from hypernas.evaluation.plateau import Plateau, find_plateau
from hypernas.evaluation.prediction import Prediction, judge
from hypernas.evaluation.ranking import kendall_tau, precision_at_k, regret, spearman, stability
from hypernas.evaluation.recipe import Recipe
from hypernas.evaluation.references import References
from hypernas.evaluation.subnets import Evaluation, evaluate, mean, write_csv
from hypernas.evaluation.translation_quality import TranslationQuality
from hypernas.evaluation.tuning import tuned_at

__all__ = [
    "MEASURES",
    "Appraisal",
    "Budget",
    "Estimate",
    "Evaluation",
    "Measure",
    "Noise",
    "Plateau",
    "Prediction",
    "Recipe",
    "References",
    "TranslationQuality",
    "absolute_gap",
    "attainable_tau",
    "average",
    "baselines",
    "compare",
    "estimate",
    "evaluate",
    "find_plateau",
    "gaps",
    "judge",
    "kendall_tau",
    "mean",
    "noise",
    "paired",
    "precision_at_k",
    "rank",
    "regret",
    "signed_gap",
    "spearman",
    "stability",
    "step_flops",
    "training_overhead",
    "tuned_at",
    "write_csv",
]
