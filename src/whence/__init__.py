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
from whence.gradients import LayerProjection, Projection
from whence.methods import (
    TRAK,
    CheckpointWarning,
    GradientCosine,
    GradientDot,
    InfluenceFunction,
    Method,
    ProjectedInfluence,
    RandomScores,
    RelatIF,
    SGDInfluence,
    TracIn,
    UnrolledInfluence,
    cooks_distance,
)  # fmt: skip
from whence.metrics import LooCorrelation, loo_correlation
from whence.objective import Objective, binary_cross_entropy, cross_entropy, next_token, smooth_hinge, squared_error
from whence.plan import Plan, plan
from whence.problem import Problem
from whence.ranking import MMD, DivineSelection, FacilityLocation, FisherSelection, SumRedundancy, TradeOff, divine, fisher_kernel_select
from whence.report import report
from whence.scores import Scores, TopScores
from whence.solvers import CG, IHVP, Arnoldi, DampingCurve, Eigen, Exact, FittedIHVP, LiSSA, Solver, SolverWarning
from whence.truth import Outcomes, Run, RunRecorder, leave_one_out, pbrf, retrain_without, train

__version__ = "0.1.0"

__all__ = [
    "CG", "EKFAC", "IHVP", "KFAC", "MMD", "TRAK", "Arnoldi", "BlockDiagonal", "Checkpoint", "CheckpointRecorder", "CheckpointWarning",
    "Curvature", "DampingCurve", "Diagonal", "DivineSelection", "Eigen", "EmpiricalFisher", "Estimate", "Exact", "Examples",
    "FacilityLocation", "Fisher", "FisherSelection", "FittedIHVP", "GaussNewton", "GradientCosine", "GradientDot", "Hessian", "Identity",
    "InfluenceFunction", "LayerProjection", "LiSSA", "LooCorrelation", "Method", "Objective", "Operator", "Outcomes", "Plan", "Problem",
    "ProjectedInfluence", "Projection", "RandomScores", "RelatIF", "Run", "RunRecorder", "SGDInfluence", "Scores", "Solver",
    "SolverWarning", "SumRedundancy", "TopScores", "TracIn", "TradeOff", "UnrolledInfluence", "UsageError", "attribute",
    "binary_cross_entropy", "cooks_distance", "cross_entropy", "datasets", "divine", "fisher_kernel_select", "leave_one_out",
    "loo_correlation", "next_token", "pbrf", "plan", "plot", "report", "retrain_without", "self_influence", "smooth_hinge", "squared_error",
    "train",
]  # fmt: skip
