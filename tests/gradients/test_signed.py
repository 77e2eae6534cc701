"""What queries ask, turned so that positive supports the prediction, and rows of length 1."""

from dataclasses import replace

import torch
from helpers import reference
from helpers.problems import problem

from wherefrom.gradients import Gradients
from wherefrom.gradients.signed import normalise, reciprocal, signed_measurements


def test_gradients_of_a_measurement_are_turned_where_higher_is_better() -> None:
    p = problem("softmax").problem
    batch, plain = reference.whole(p), reference.gradients(p)
    for lower_is_better, sign in ((True, 1), (False, -1)):
        asked = replace(p, objective=replace(p.objective, measurement=p.objective.loss, lower_is_better=lower_is_better))
        torch.testing.assert_close(signed_measurements(Gradients(asked), batch).flat(), sign * plain)


def test_rows_of_length_1_and_a_row_of_zeros() -> None:
    p = problem("mlp").problem
    rows = Gradients(p).layout.rows(torch.cat([torch.randn(3, p.size, dtype=p.dtype), torch.zeros(1, p.size, dtype=p.dtype)]))
    torch.testing.assert_close(normalise(rows).norms(), torch.tensor([1.0, 1.0, 1.0, 0.0], dtype=p.dtype))
    assert reciprocal(torch.tensor([0.0, 4.0])).tolist() == [0.0, 0.25]
