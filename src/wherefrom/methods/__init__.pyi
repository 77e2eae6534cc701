"""The names of the room; ``__init__.py`` imports each when it is first used."""

from .attacks.attack import attack
from .attacks.attacked import Arm, Attack, Attacked
from .base import FittedMethod, InnerProduct, Method
from .baselines.boundaries import sample_boundary, weights_boundary
from .baselines.embedding_similarity import EmbeddingSimilarity
from .baselines.gradient_dot import GradientCosine, GradientDot
from .baselines.loss_scores import GradientNorm, LossScores, MarginScores
from .baselines.random_scores import RandomScores
from .baselines.text_similarity import bm25, tf_idf
from .influence.cooks_distance import cooks_distance
from .influence.data_inf import DataInf
from .influence.group_influence import group_influence
from .influence.influence_function import InfluenceFunction
from .influence.parameter_change import ParameterChange, parameter_change
from .influence.perturbation_influence import PerturbationInfluence, perturbation_influence, replacement_influence
from .influence.projected_influence import ProjectedInfluence
from .influence.relatif import RelatIF
from .influence.renormalised_influence import RenormalisedInfluence
from .influence.track_star import TrackStar
from .representer.representer_l2 import RepresenterL2
from .representer.representer_lje import RepresenterLJE
from .trajectory.checkpoint_states import CheckpointWarning
from .trajectory.less import LESS
from .trajectory.sgd_influence import SGDInfluence
from .trajectory.tracin import TracIn
from .trajectory.trak import TRAK
from .trajectory.unrolled_influence import UnrolledInfluence
from .valuation.datamodels import Datamodels, datamodels
from .valuation.knn_shapley import knn_shapley
from .valuation.tmc_shapley import DataValues, loo_values, tmc_shapley

__all__ = [
    "LESS", "TRAK", "Arm", "Attack", "Attacked", "CheckpointWarning", "DataInf", "DataValues", "Datamodels", "EmbeddingSimilarity", "FittedMethod",
    "GradientCosine", "GradientDot", "GradientNorm", "InfluenceFunction", "InnerProduct", "LossScores", "MarginScores", "Method",
    "ParameterChange", "PerturbationInfluence", "ProjectedInfluence", "RandomScores", "RelatIF", "RenormalisedInfluence", "RepresenterL2",
    "RepresenterLJE", "SGDInfluence", "TracIn", "TrackStar", "UnrolledInfluence", "attack", "bm25", "cooks_distance", "datamodels", "group_influence",
    "knn_shapley", "loo_values", "parameter_change", "perturbation_influence", "replacement_influence", "sample_boundary", "tf_idf",
    "tmc_shapley", "weights_boundary",
]  # fmt: skip
