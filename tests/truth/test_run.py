"""A run keeps what training left."""

import torch

import whence as wh


def test_checkpoints_are_optional() -> None:
    run = wh.Run({"weight": torch.ones(1)})
    assert run.checkpoints == () and run.learning_rates == () and run.record is None
