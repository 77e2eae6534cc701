"""Costly answers by retraining."""

from wherefrom.retraining import train
from wherefrom.retraining.outcomes import Outcomes
from wherefrom.retraining.pbrf import pbrf
from wherefrom.retraining.removal import Removal, removal_curve
from wherefrom.retraining.retrain import leave_one_out, retrain_relabelled, retrain_without
from wherefrom.retraining.run import RelabelMany, Run, Train, TrainMany
from wherefrom.retraining.subsets import subset_outcomes
from wherefrom.retraining.train.recorder import RunRecorder
from wherefrom.retraining.utility import ValidationUtility

__all__ = [
    "Outcomes", "RelabelMany", "Removal", "Run", "RunRecorder", "Train", "TrainMany", "ValidationUtility", "leave_one_out", "pbrf", "removal_curve",
    "retrain_relabelled", "retrain_without", "subset_outcomes", "train",
]  # fmt: skip
