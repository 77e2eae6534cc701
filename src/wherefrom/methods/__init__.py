"""Attribution methods, one paper a file."""

from wherefrom.methods.attacks.attack import attack
from wherefrom.methods.attacks.attacked import Arm, Attack, Attacked
from wherefrom.methods.base import FittedMethod, InnerProduct, Method
from wherefrom.methods.baselines.boundaries import sample_boundary, weights_boundary
from wherefrom.methods.baselines.embedding_similarity import EmbeddingSimilarity
from wherefrom.methods.baselines.gradient_dot import GradientCosine, GradientDot
from wherefrom.methods.baselines.loss_scores import GradientNorm, LossScores, MarginScores
from wherefrom.methods.baselines.random_scores import RandomScores
from wherefrom.methods.influence.cooks_distance import cooks_distance
from wherefrom.methods.influence.group_influence import group_influence
from wherefrom.methods.influence.influence_function import InfluenceFunction
from wherefrom.methods.influence.parameter_change import ParameterChange, parameter_change
from wherefrom.methods.influence.perturbation_influence import PerturbationInfluence, perturbation_influence, replacement_influence
from wherefrom.methods.influence.projected_influence import ProjectedInfluence
from wherefrom.methods.influence.relatif import RelatIF
from wherefrom.methods.influence.renormalised_influence import RenormalisedInfluence
from wherefrom.methods.representer.representer_l2 import RepresenterL2
from wherefrom.methods.representer.representer_lje import RepresenterLJE
from wherefrom.methods.trajectory.checkpoint_states import CheckpointWarning
from wherefrom.methods.trajectory.sgd_influence import SGDInfluence
from wherefrom.methods.trajectory.tracin import TracIn
from wherefrom.methods.trajectory.trak import TRAK
from wherefrom.methods.trajectory.unrolled_influence import UnrolledInfluence
from wherefrom.methods.valuation.datamodels import Datamodels, datamodels
from wherefrom.methods.valuation.knn_shapley import knn_shapley
from wherefrom.methods.valuation.tmc_shapley import DataValues, loo_values, tmc_shapley

__all__ = [
    "TRAK", "Arm", "Attack", "Attacked", "CheckpointWarning", "DataValues", "Datamodels", "EmbeddingSimilarity", "FittedMethod", "GradientCosine",
    "GradientDot", "GradientNorm", "InfluenceFunction", "InnerProduct", "LossScores", "MarginScores", "Method", "ParameterChange",
    "PerturbationInfluence", "ProjectedInfluence", "RandomScores", "RelatIF", "RenormalisedInfluence", "RepresenterL2", "RepresenterLJE",
    "SGDInfluence", "TracIn", "UnrolledInfluence", "attack", "cooks_distance", "datamodels", "group_influence", "knn_shapley", "loo_values",
    "parameter_change", "perturbation_influence", "replacement_influence", "sample_boundary", "tmc_shapley", "weights_boundary",
]  # fmt: skip
