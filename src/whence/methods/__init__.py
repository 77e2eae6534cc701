"""Attribution methods, one paper a file."""

from whence.methods.at_checkpoints import CheckpointWarning
from whence.methods.cooks_distance import cooks_distance
from whence.methods.gradient_dot import GradientCosine, GradientDot
from whence.methods.influence_function import InfluenceFunction
from whence.methods.method import FittedMethod, InnerProduct, Method
from whence.methods.projected_influence import ProjectedInfluence
from whence.methods.random_scores import RandomScores
from whence.methods.relatif import RelatIF
from whence.methods.sgd_influence import SGDInfluence
from whence.methods.tracin import TracIn
from whence.methods.trak import TRAK
from whence.methods.unrolled_influence import UnrolledInfluence

__all__ = [
    "TRAK", "CheckpointWarning", "FittedMethod", "GradientCosine", "GradientDot", "InfluenceFunction", "InnerProduct", "Method",
    "ProjectedInfluence", "RandomScores", "RelatIF", "SGDInfluence", "TracIn", "UnrolledInfluence", "cooks_distance",
]  # fmt: skip
