"""Attribution methods, one paper a file."""

from whence.methods.at_checkpoints import CheckpointWarning
from whence.methods.attack import attack
from whence.methods.attacked import Arm, Attack, Attacked
from whence.methods.baselines import GradientNorm, LossScores, MarginScores
from whence.methods.boundaries import sample_boundary, weights_boundary
from whence.methods.cooks_distance import cooks_distance
from whence.methods.datamodels import Datamodels, datamodels
from whence.methods.embedding_similarity import EmbeddingSimilarity
from whence.methods.gradient_dot import GradientCosine, GradientDot
from whence.methods.group_influence import group_influence
from whence.methods.influence_function import InfluenceFunction
from whence.methods.knn_shapley import knn_shapley
from whence.methods.method import FittedMethod, InnerProduct, Method
from whence.methods.parameter_change import ParameterChange, parameter_change
from whence.methods.perturbation_influence import PerturbationInfluence, perturbation_influence, replacement_influence
from whence.methods.projected_influence import ProjectedInfluence
from whence.methods.random_scores import RandomScores
from whence.methods.relatif import RelatIF
from whence.methods.renormalised_influence import RenormalisedInfluence
from whence.methods.representer_l2 import RepresenterL2
from whence.methods.representer_lje import RepresenterLJE
from whence.methods.sgd_influence import SGDInfluence
from whence.methods.tmc_shapley import DataValues, loo_values, tmc_shapley
from whence.methods.tracin import TracIn
from whence.methods.trak import TRAK
from whence.methods.unrolled_influence import UnrolledInfluence

__all__ = [
    "TRAK", "Arm", "Attack", "Attacked", "CheckpointWarning", "DataValues", "Datamodels", "EmbeddingSimilarity", "FittedMethod", "GradientCosine",
    "GradientDot", "GradientNorm", "InfluenceFunction", "InnerProduct", "LossScores", "MarginScores", "Method", "ParameterChange",
    "PerturbationInfluence", "ProjectedInfluence", "RandomScores", "RelatIF", "RenormalisedInfluence", "RepresenterL2", "RepresenterLJE",
    "SGDInfluence", "TracIn", "UnrolledInfluence", "attack", "cooks_distance", "datamodels", "group_influence", "knn_shapley", "loo_values",
    "parameter_change", "perturbation_influence", "replacement_influence", "sample_boundary", "tmc_shapley", "weights_boundary",
]  # fmt: skip
