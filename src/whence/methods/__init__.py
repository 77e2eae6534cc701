"""Attribution methods, one paper a file."""

from whence.methods.attack import attack
from whence.methods.attacked import Arm, Attack, Attacked
from whence.methods.cooks_distance import cooks_distance
from whence.methods.gradient_dot import GradientCosine, GradientDot
from whence.methods.influence_function import InfluenceFunction
from whence.methods.method import FittedMethod, InnerProduct, Method
from whence.methods.perturbation_influence import PerturbationInfluence, perturbation_influence, replacement_influence
from whence.methods.random_scores import RandomScores
from whence.methods.relatif import RelatIF
from whence.methods.tracin import CheckpointWarning, TracIn

__all__ = [
    "Arm", "Attack", "Attacked", "CheckpointWarning", "FittedMethod", "GradientCosine", "GradientDot", "InfluenceFunction", "InnerProduct", "Method",
    "PerturbationInfluence", "RandomScores", "RelatIF", "TracIn", "attack", "cooks_distance", "perturbation_influence", "replacement_influence",
]  # fmt: skip
