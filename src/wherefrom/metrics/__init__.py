"""How well scores agree with each other and with the truth: pure functions to estimates with intervals, chance levels and ceilings."""

from wherefrom.estimate import Estimate, undefined
from wherefrom.metrics.agreement import Agreement, agreement
from wherefrom.metrics.bootstrap import percentiles, student
from wherefrom.metrics.brittleness import Brittleness, brittleness
from wherefrom.metrics.concentration import Concentration, concentration
from wherefrom.metrics.configurations import ConfigurationEffect, configuration_effect
from wherefrom.metrics.correlation import LooCorrelation, loo_correlation
from wherefrom.metrics.inclusion import Inclusion, SharedTop, SignalToNoise, inclusion, shared_top, signal_to_noise
from wherefrom.metrics.lds import Lds, lds
from wherefrom.metrics.lists import ListChance, fagin, jaccard, kuncheva, list_chance, ndcg, overlap, rbo
from wherefrom.metrics.mislabel import MislabelDetection, mislabel_detection
from wherefrom.metrics.ranks import kendall, pearson, sign_agreement, spearman, weighted_kendall
from wherefrom.metrics.removal import Difference, RemovalCurves, removal_curves
from wherefrom.metrics.runs import Stability, icc, kendall_w, mean_kendall, nogueira, repeatability, runs_for_reliability, stability
from wherefrom.metrics.sanity import class_detection, distinct_top, marked_detection, randomised_model
from wherefrom.metrics.significance import benjamini_hochberg, holm, runs_needed, smallest_difference

__all__ = [
    "Agreement", "Brittleness", "Concentration", "ConfigurationEffect", "Difference", "Estimate", "Inclusion", "Lds", "ListChance", "LooCorrelation",
    "MislabelDetection", "RemovalCurves", "SharedTop", "SignalToNoise", "Stability", "agreement", "benjamini_hochberg", "brittleness",
    "class_detection", "concentration", "configuration_effect", "distinct_top", "fagin", "holm", "icc", "inclusion", "jaccard", "kendall",
    "kendall_w", "kuncheva", "lds", "list_chance", "loo_correlation", "marked_detection", "mean_kendall", "mislabel_detection", "ndcg", "nogueira",
    "overlap", "pearson", "percentiles", "randomised_model", "rbo", "removal_curves", "repeatability", "runs_for_reliability", "runs_needed",
    "shared_top", "sign_agreement", "signal_to_noise", "smallest_difference", "spearman", "stability", "student", "undefined", "weighted_kendall",
]  # fmt: skip
