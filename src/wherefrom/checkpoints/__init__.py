"""Weights kept during training: read from files, taken as a list, or recorded by a few lines in the training loop."""

from wherefrom.checkpoints.checkpoint import Checkpoint
from wherefrom.checkpoints.recorder import CheckpointRecorder
from wherefrom.checkpoints.saved_optimizer import SavedOptimizer
from wherefrom.checkpoints.sequence import Checkpoints, as_checkpoints

__all__ = ["Checkpoint", "CheckpointRecorder", "Checkpoints", "SavedOptimizer", "as_checkpoints"]
