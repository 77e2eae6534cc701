"""Attribution methods, one paper a file."""

from whence.methods.baselines import GradientNorm, LossScores, MarginScores
from whence.methods.boundaries import sample_boundary, weights_boundary
from whence.methods.cooks_distance import cooks_distance
from whence.methods.embedding_similarity import EmbeddingSimilarity
from whence.methods.gradient_dot import GradientCosine, GradientDot
from whence.methods.influence_function import InfluenceFunction
from whence.methods.method import FittedMethod, InnerProduct, Method
from whence.methods.random_scores import RandomScores
from whence.methods.relatif import RelatIF
from whence.methods.renormalised_influence import RenormalisedInfluence
from whence.methods.representer_l2 import RepresenterL2
from whence.methods.representer_lje import RepresenterLJE
from whence.methods.tracin import CheckpointWarning, TracIn

__all__ = [
    "CheckpointWarning", "EmbeddingSimilarity", "FittedMethod", "GradientCosine", "GradientDot", "GradientNorm", "InfluenceFunction", "InnerProduct",
    "LossScores", "MarginScores", "Method", "RandomScores", "RelatIF", "RenormalisedInfluence", "RepresenterL2", "RepresenterLJE", "TracIn",
    "cooks_distance", "sample_boundary", "weights_boundary",
]  # fmt: skip
