"""A run keeps what training left."""

import torch

import wherefrom as wf


def test_checkpoints_are_optional() -> None:
    run = wf.retraining.Run({"weight": torch.ones(1)})
    assert run.checkpoints == () and run.learning_rates == () and run.record is None
