"""What is changed, and what it is known by."""

import numpy as np
import pytest
import torch
from helpers.problems import problem

import wherefrom as wf
from wherefrom.data.batches import joined
from wherefrom.retraining.interventions import LeftOut, Relabelled, relabellings

P = problem("softmax").problem
OLD = joined(P.batches()).targets


def test_labels_of_a_group_or_of_all_examples_say_the_same() -> None:
    flipped = (OLD + 1) % 3
    (by_name,) = relabellings(P, {"a": [9, 4]}, {"a": flipped[[9, 4]].tolist()}).values()
    (by_place,) = relabellings(P, {"a": [4, 9]}, flipped).values()
    (by_array,) = relabellings(P, {"a": [4, 9]}, flipped.numpy()).values()
    assert by_name.key == by_place.key == by_array.key == [(4, int(flipped[4])), (9, int(flipped[9]))]
    assert joined(by_name.of(P).batches()).targets[[4, 9]].tolist() == flipped[[4, 9]].tolist()


def test_ids_alone_labels_and_left_out_are_told_apart() -> None:
    keys = [LeftOut([4]), Relabelled([4], torch.tensor([0])), Relabelled([4], torch.tensor([1])), Relabelled([5], torch.tensor([1]))]
    assert len({repr(change.key) for change in keys}) == 4
    assert LeftOut(np.array([4, 5])).key == [4, 5] and [change.told for change in keys[:2]] == [{"left out": 1}, {"relabelled": 1}]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"b": [1]}, "'a' is a name of groups or of labels alone"),
        ({"a": [1, 1]}, "new targets have shape \\(2,\\)"),
        (OLD[:3], "3 labels for 24 training examples; give one for each"),
        ({"a": [0.5]}, "torch.float"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels: object, message: str) -> None:
    with pytest.raises(wf.UsageError, match=message):
        relabellings(P, {"a": [1]}, labels)
