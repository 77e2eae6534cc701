"""Outcomes: the change that influence predicts."""

import numpy as np
import torch

import wherefrom as wf


def test_change_is_the_worsening() -> None:
    values, baseline = torch.tensor([[[3.0, 1.0]]]), torch.tensor([[2.0]])
    rising = wf.retraining.Outcomes(values, baseline, {"a": [0], "b": [1]}, np.array([0]), 1.0, "loss change")
    falling = wf.retraining.Outcomes(values, baseline, {"a": [0], "b": [1]}, np.array([0]), -1.0, "measurement change")
    assert rising.change.tolist() == [[1.0, -1.0]] and falling.change.tolist() == [[-1.0, 1.0]]
