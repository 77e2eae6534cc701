"""Which output a query asks about."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import wherefrom as wf
from wherefrom.data.batches import Batch
from wherefrom.methods.output_selection import check_output, directions, predicted_classes, target_classes

LOGITS = torch.tensor([[1.0, 3.0, 2.0], [5.0, -1.0, 0.0]])
SINGLE = torch.tensor([[2.0], [-1.0]])


def batch(targets: Any) -> Batch:
    return Batch(np.arange(2), np.array(["a", "b"]), None, targets, torch.ones(2))


def test_classes_by_target_and_by_prediction_and_by_number() -> None:
    assert directions("target", LOGITS, batch(torch.tensor([2, 1]))).tolist() == [[0, 0, 1], [0, 1, 0]]
    assert directions("predicted", LOGITS, batch(None)).tolist() == [[0, 1, 0], [1, 0, 0]]
    assert directions(2, LOGITS, batch(None)).tolist() == [[0, 0, 1]] * 2


def test_a_single_logit_is_asked_for_with_a_minus_by_class_0() -> None:
    for targets in (torch.tensor([0, 1]), torch.tensor([-1.0, 1.0]), torch.tensor([[0.0], [1.0]])):
        assert directions("target", SINGLE, batch(targets)).tolist() == [[-1], [1]]
    assert directions("predicted", SINGLE, batch(None)).tolist() == [[1], [-1]]
    assert directions(0, SINGLE, batch(None)).tolist() == [[1], [1]]
    assert predicted_classes(torch.tensor([0.0])).tolist() == [0]


@pytest.mark.parametrize("targets", [torch.tensor([0.5, 1.0]), torch.tensor([3, 1]), torch.tensor([-100, 1]), torch.eye(3)[:2], {"y": 1}], ids=str)
def test_targets_that_are_no_classes_are_refused(targets: Any) -> None:
    with pytest.raises(wf.UsageError, match="give output='predicted' or the number of an output"):
        target_classes(LOGITS, batch(targets))


@pytest.mark.parametrize("output", ["label", -1, True, 1.0])
def test_unknown_outputs_are_refused(output: Any) -> None:
    with pytest.raises(wf.UsageError, match="give 'target', 'predicted' or the number"):
        check_output(output)


def test_an_output_beyond_the_models_is_refused() -> None:
    outputs: Tensor = LOGITS
    with pytest.raises(wf.UsageError, match="not among the model's 3 outputs"):
        directions(3, outputs, batch(None))
