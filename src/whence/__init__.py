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
    CheckpointWarning,
    GradientCosine,
    GradientDot,
    InfluenceFunction,
    Method,
    ParameterChange,
    RandomScores,
    RelatIF,
    SGDInfluence,
    TracIn,
    UnrolledInfluence,
    cooks_distance,
    group_influence,
    parameter_change,
)  # fmt: skip
from whence.metrics import (
    Agreement,
    Brittleness,
    Difference,
    Inclusion,
    Lds,
    ListChance,
    LooCorrelation,
    MislabelDetection,
    RemovalCurves,
    SignalToNoise,
    Stability,
    agreement,
    benjamini_hochberg,
    brittleness,
    class_detection,
    distinct_top,
    fagin,
    holm,
    icc,
    inclusion,
    jaccard,
    kendall,
    kendall_w,
    kuncheva,
    lds,
    list_chance,
    loo_correlation,
    marked_detection,
    mean_kendall,
    mislabel_detection,
    ndcg,
    nogueira,
    overlap,
    pearson,
    randomised_model,
    rbo,
    removal_curves,
    repeatability,
    runs_for_reliability,
    runs_needed,
    sign_agreement,
    signal_to_noise,
    spearman,
    stability,
    weighted_kendall,
)  # fmt: skip
from whence.objective import Objective, binary_cross_entropy, cross_entropy, next_token, smooth_hinge, squared_error
from whence.plan import Plan, plan
from whence.problem import Problem
from whence.ranking import (
    MMD,
    DivineSelection,
    FacilityLocation,
    FisherSelection,
    SumRedundancy,
    TradeOff,
    adaptive_greedy,
    divine,
    fisher_kernel_select,
)
from whence.report import report
from whence.scores import Scores, TopScores
from whence.solvers import CG, IHVP, Arnoldi, DampingCurve, Eigen, Exact, FittedIHVP, LiSSA, Solver, SolverWarning
from whence.truth import Outcomes, Run, RunRecorder, leave_one_out, pbrf, retrain_without, train

__version__ = "0.1.0"

__all__ = [
    "CG", "EKFAC", "IHVP", "KFAC", "MMD", "Agreement", "Arnoldi", "BlockDiagonal", "Brittleness", "Checkpoint", "CheckpointRecorder",
    "CheckpointWarning", "Curvature", "DampingCurve", "Diagonal", "Difference", "DivineSelection", "Eigen", "EmpiricalFisher", "Estimate", "Exact",
    "Examples", "FacilityLocation", "Fisher", "FisherSelection", "FittedIHVP", "GaussNewton", "GradientCosine", "GradientDot", "Hessian",
    "Identity", "Inclusion", "InfluenceFunction", "Lds", "LiSSA", "ListChance", "LooCorrelation", "Method", "MislabelDetection", "Objective",
    "Operator", "Outcomes", "ParameterChange", "Plan", "Problem", "Projection", "RandomScores", "RelatIF", "RemovalCurves", "Run", "RunRecorder",
    "SGDInfluence", "Scores", "SignalToNoise", "Solver", "SolverWarning", "Stability", "SumRedundancy", "TopScores", "TracIn", "TradeOff",
    "UnrolledInfluence", "UsageError", "adaptive_greedy", "agreement", "attribute", "benjamini_hochberg", "binary_cross_entropy", "brittleness",
    "class_detection", "cooks_distance", "cross_entropy", "datasets", "distinct_top", "divine", "fagin", "fisher_kernel_select", "group_influence",
    "holm", "icc", "inclusion", "jaccard", "kendall", "kendall_w", "kuncheva", "lds", "leave_one_out", "list_chance", "loo_correlation",
    "marked_detection", "mean_kendall", "mislabel_detection", "ndcg", "next_token", "nogueira", "overlap", "parameter_change", "pbrf", "pearson",
    "plan", "plot", "randomised_model", "rbo", "removal_curves", "repeatability", "report", "retrain_without", "runs_for_reliability",
    "runs_needed", "self_influence", "sign_agreement", "signal_to_noise", "smooth_hinge", "spearman", "squared_error", "stability", "train",
    "weighted_kendall",
]  # fmt: skip
