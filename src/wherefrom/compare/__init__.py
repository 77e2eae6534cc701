"""Methods beside each other over many trained models: each one's stability, their agreement, and what the noise of training allows."""

from wherefrom.compare.consistency import Consistency, PairAgreement, consistency
from wherefrom.compare.power import RemovalPower, removal_power
from wherefrom.compare.trained import TrainedRun, train_runs

__all__ = ["Consistency", "PairAgreement", "RemovalPower", "TrainedRun", "consistency", "removal_power", "train_runs"]
