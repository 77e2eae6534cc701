"""whence: where did this prediction come from? Training-data attribution for any PyTorch model, proved by retraining."""

from whence import datasets, plot
from whence.attribute import attribute, self_influence
from whence.checkpoints import Checkpoint, CheckpointRecorder
from whence.curvature import (
    EKFAC,
    KFAC,
    BlockDiagonal,
    Curvature,
    Diagonal,
    EmpiricalFisher,
    Fisher,
    GaussNewton,
    Hessian,
    Identity,
    Operator,
)  # fmt: skip
from whence.errors import UsageError
from whence.estimate import Estimate
from whence.examples import Examples
from whence.gradients import Projection
from whence.methods import (
    Arm,
    Attack,
    Attacked,
    CheckpointWarning,
    GradientCosine,
    GradientDot,
    InfluenceFunction,
    Method,
    PerturbationInfluence,
    RandomScores,
    RelatIF,
    TracIn,
    attack,
    cooks_distance,
    perturbation_influence,
    replacement_influence,
)  # fmt: skip
from whence.metrics import Concentration, LooCorrelation, concentration, loo_correlation
from whence.objective import Objective, binary_cross_entropy, cross_entropy, next_token, smooth_hinge, squared_error
from whence.plan import Plan, plan
from whence.problem import Problem
from whence.report import report
from whence.scores import Scores, TopScores
from whence.solvers import CG, IHVP, Arnoldi, DampingCurve, Eigen, Exact, FittedIHVP, LiSSA, Solver, SolverWarning
from whence.truth import Outcomes, Run, leave_one_out, pbrf, retrain_without, train

__version__ = "0.1.0"

__all__ = [
    "CG", "EKFAC", "IHVP", "KFAC", "Arm", "Arnoldi", "Attack", "Attacked", "BlockDiagonal", "Checkpoint", "CheckpointRecorder", "CheckpointWarning",
    "Concentration", "Curvature", "DampingCurve", "Diagonal", "Eigen", "EmpiricalFisher", "Estimate", "Exact", "Examples", "Fisher", "FittedIHVP",
    "GaussNewton", "GradientCosine", "GradientDot", "Hessian", "Identity", "InfluenceFunction", "LiSSA", "LooCorrelation", "Method", "Objective",
    "Operator", "Outcomes", "PerturbationInfluence", "Plan", "Problem", "Projection", "RandomScores", "RelatIF", "Run", "Scores", "Solver",
    "SolverWarning", "TopScores", "TracIn", "UsageError", "attack", "attribute", "binary_cross_entropy", "concentration", "cooks_distance",
    "cross_entropy", "datasets", "leave_one_out", "loo_correlation", "next_token", "pbrf", "perturbation_influence", "plan", "plot",
    "replacement_influence", "report", "retrain_without", "self_influence", "smooth_hinge", "squared_error", "train",
]  # fmt: skip
