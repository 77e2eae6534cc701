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
    Datamodels,
    DataValues,
    EmbeddingSimilarity,
    GradientCosine,
    GradientDot,
    GradientNorm,
    InfluenceFunction,
    LossScores,
    MarginScores,
    Method,
    ParameterChange,
    ProjectedInfluence,
    RandomScores,
    RelatIF,
    RenormalisedInfluence,
    RepresenterL2,
    RepresenterLJE,
    SGDInfluence,
    TracIn,
    UnrolledInfluence,
    cooks_distance,
    datamodels,
    group_influence,
    knn_shapley,
    loo_values,
    parameter_change,
    sample_boundary,
    tmc_shapley,
    weights_boundary,
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
)  # fmt: skip
from whence.report import report
from whence.scores import Scores, TopScores
from whence.solvers import CG, IHVP, Arnoldi, DampingCurve, Eigen, Exact, FittedIHVP, LiSSA, Solver, SolverWarning
from whence.truth import Outcomes, Run, RunRecorder, ValidationUtility, leave_one_out, pbrf, retrain_without, subset_outcomes, train
from whence.uncertainty import (
    Bootstrap,
    Calibration,
    Checkpoints,
    Dampings,
    LastLayerBootstrap,
    MethodSeeds,
    Noise,
    PermutedLabels,
    RankIntervals,
    Seeds,
    Trust,
    Verdict,
    trust,
)  # fmt: skip

__version__ = "0.1.0"

__all__ = [
    "CG", "EKFAC", "IHVP", "KFAC", "MMD", "TRAK", "Agreement", "Arnoldi", "BlockDiagonal", "Bootstrap", "Brittleness", "Calibration",
    "Checkpoint", "CheckpointRecorder", "CheckpointWarning", "Checkpoints", "Curvature", "DampingCurve", "Dampings", "DataValues", "Datamodels",
    "Diagonal", "Difference", "DivineSelection", "Eigen", "EmbeddingSimilarity", "EmpiricalFisher", "Estimate", "Exact", "Examples",
    "FacilityLocation", "Fisher", "FisherSelection", "FittedIHVP", "GaussNewton", "GradientCosine", "GradientDot", "GradientNorm", "Hessian",
    "Identity", "Inclusion", "InfluenceFunction", "LastLayerBootstrap", "LayerProjection", "Lds", "LiSSA", "ListChance", "LooCorrelation",
    "LossScores", "MarginScores", "Method", "MethodSeeds", "MislabelDetection", "Noise", "Objective", "Operator", "Outcomes", "ParameterChange",
    "PermutedLabels", "Plan", "Problem", "ProjectedInfluence", "Projection", "RandomScores", "RankIntervals", "RelatIF", "RemovalCurves",
    "RenormalisedInfluence", "RepresenterL2", "RepresenterLJE", "Run", "RunRecorder", "SGDInfluence", "Scores", "Seeds", "SignalToNoise",
    "Solver", "SolverWarning", "Stability", "SumRedundancy", "TopScores", "TracIn", "TradeOff", "Trust", "UnrolledInfluence", "UsageError",
    "ValidationUtility", "Verdict", "adaptive_greedy", "agreement", "attribute", "benjamini_hochberg", "binary_cross_entropy", "brittleness",
    "class_detection", "cooks_distance", "cross_entropy", "datamodels", "datasets", "distinct_top", "divine", "fagin", "fisher_kernel_select",
    "group_influence", "holm", "icc", "inclusion", "jaccard", "kendall", "kendall_w", "knn_shapley", "kuncheva", "lds", "leave_one_out",
    "list_chance", "loo_correlation", "loo_values", "marked_detection", "mean_kendall", "mislabel_detection", "ndcg", "next_token", "nogueira",
    "overlap", "parameter_change", "pbrf", "pearson", "plan", "plot", "randomised_model", "rbo", "removal_curves", "repeatability", "report",
    "retrain_without", "runs_for_reliability", "runs_needed", "sample_boundary", "self_influence", "sign_agreement", "signal_to_noise",
    "smooth_hinge", "spearman", "squared_error", "stability", "subset_outcomes", "tmc_shapley", "train", "trust", "weighted_kendall",
    "weights_boundary",
]  # fmt: skip
