"""The names of the room; ``__init__.py`` imports each when it is first used."""

from .consistency import Consistency, PairAgreement, consistency
from .power import RemovalPower, removal_power
from .trained import TrainedRun, train_runs

__all__ = ["Consistency", "PairAgreement", "RemovalPower", "TrainedRun", "consistency", "removal_power", "train_runs"]
