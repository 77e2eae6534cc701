"""The names of the room; ``__init__.py`` imports each when it is first used."""

from .agreement import Agreement, agreement
from .bootstrap import Estimate, percentiles, student, undefined
from .brittleness import Brittleness, brittleness
from .concentration import Concentration, concentration
from .configurations import ConfigurationEffect, configuration_effect
from .correlation import LooCorrelation, loo_correlation
from .inclusion import Inclusion, SharedTop, SignalToNoise, inclusion, shared_top, signal_to_noise
from .lds import Lds, lds
from .lists import ListChance, fagin, jaccard, kuncheva, list_chance, ndcg, overlap, rbo
from .mislabel import MislabelDetection, mislabel_detection
from .ranks import kendall, pearson, sign_agreement, spearman, weighted_kendall
from .removal import Difference, RemovalCurves, removal_curves
from .runs import Stability, icc, kendall_w, mean_kendall, nogueira, repeatability, runs_for_reliability, stability
from .sanity import class_detection, distinct_top, marked_detection, randomised_model
from .significance import benjamini_hochberg, holm, runs_needed, smallest_difference

__all__ = [
    "Agreement", "Brittleness", "Concentration", "ConfigurationEffect", "Difference", "Estimate", "Inclusion", "Lds", "ListChance", "LooCorrelation",
    "MislabelDetection", "RemovalCurves", "SharedTop", "SignalToNoise", "Stability", "agreement", "benjamini_hochberg", "brittleness",
    "class_detection", "concentration", "configuration_effect", "distinct_top", "fagin", "holm", "icc", "inclusion", "jaccard", "kendall",
    "kendall_w", "kuncheva", "lds", "list_chance", "loo_correlation", "marked_detection", "mean_kendall", "mislabel_detection", "ndcg", "nogueira",
    "overlap", "pearson", "percentiles", "randomised_model", "rbo", "removal_curves", "repeatability", "runs_for_reliability", "runs_needed",
    "shared_top", "sign_agreement", "signal_to_noise", "smallest_difference", "spearman", "stability", "student", "undefined", "weighted_kendall",
]  # fmt: skip
