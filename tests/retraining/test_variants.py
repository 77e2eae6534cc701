"""Problems that differ in the weights and targets of their examples."""

import pytest
import torch
from helpers.problems import problem

import wherefrom as wf
from wherefrom.data.batches import joined
from wherefrom.retraining.interventions import LeftOut, relabellings
from wherefrom.retraining.variants import Variants


def test_each_problem_has_its_own_weights_divisor_and_targets() -> None:
    p = problem("softmax").problem
    old = joined(p.batches()).targets
    groups = {"a": [5, 2], "b": [7]}
    changes = [LeftOut([1, 2, 3], True), LeftOut([4]), *relabellings(p, groups, (old + 1) % 3).values()]
    found = Variants.of(p, changes)
    places = torch.arange(len(p))
    for row, change in enumerate(changes):
        own = change.of(p)
        left = torch.isin(places, torch.tensor(own.ids))
        assert torch.equal(found.weights[row] > 0, left) and float(found.divisors[row]) == pytest.approx(own.normaliser / p.normaliser)
        assert torch.equal(found.targets_at(row, places, old)[left], joined(own.batches()).targets)
        assert torch.equal(found[row : row + 1].targets_at(0, places, old)[left], joined(own.batches()).targets)


def test_what_is_left_out_alone_needs_no_targets() -> None:
    p = problem("softmax").problem
    found = Variants.of(p, [LeftOut([1])])
    own = joined(p.batches()).targets
    assert found.which is None and found.targets_at(0, torch.arange(len(p)), own) is own
    with pytest.raises(wf.UsageError, match="keep at least one"):
        Variants.of(p, [LeftOut(p.ids.tolist())])
