"""Attribution methods, one paper a file."""

from whence.methods.cooks_distance import cooks_distance
from whence.methods.gradient_dot import GradientCosine, GradientDot
from whence.methods.group_influence import group_influence
from whence.methods.influence_function import InfluenceFunction
from whence.methods.method import FittedMethod, InnerProduct, Method
from whence.methods.parameter_change import ParameterChange, parameter_change
from whence.methods.random_scores import RandomScores
from whence.methods.relatif import RelatIF
from whence.methods.sgd_influence import SGDInfluence
from whence.methods.tracin import CheckpointWarning, TracIn
from whence.methods.unrolled_influence import UnrolledInfluence

__all__ = [
    "CheckpointWarning", "FittedMethod", "GradientCosine", "GradientDot", "InfluenceFunction", "InnerProduct", "Method", "ParameterChange",
    "RandomScores", "RelatIF", "SGDInfluence", "TracIn", "UnrolledInfluence", "cooks_distance", "group_influence", "parameter_change",
]  # fmt: skip
