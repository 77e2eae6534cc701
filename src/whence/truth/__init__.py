"""Costly answers by retraining."""

from whence.truth import train
from whence.truth.outcomes import Outcomes
from whence.truth.pbrf import pbrf
from whence.truth.recorder import RunRecorder
from whence.truth.removal import Removal, removal_curve
from whence.truth.retrain import leave_one_out, retrain_relabelled, retrain_without
from whence.truth.run import RelabelMany, Run, Train, TrainMany
from whence.truth.subsets import subset_outcomes
from whence.truth.utility import ValidationUtility

__all__ = [
    "Outcomes", "RelabelMany", "Removal", "Run", "RunRecorder", "Train", "TrainMany", "ValidationUtility", "leave_one_out", "pbrf", "removal_curve",
    "retrain_relabelled", "retrain_without", "subset_outcomes", "train",
]  # fmt: skip
