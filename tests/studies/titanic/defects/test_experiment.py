"""Defects are what they are called: copies are gradient dot, places are no ids, and lists of everything agree."""

from pathlib import Path

import numpy as np
import pytest
import torch

import wherefrom as wf
from wherefrom_studies.titanic.data import PassengerTable, read_passengers
from wherefrom_studies.titanic.defects.experiment import delete_by_position, double_sigmoid, everything_in_common, repeat_for_seed, value_of


def test_positional_deletion_misses_what_was_meant(data_folder: Path) -> None:
    found = [delete_by_position(read_passengers(), seed) for seed in range(50)]
    meant = np.mean([one["positional: rows meant"] for one in found])
    assert meant == pytest.approx(1 / 889, abs=1e-3) and np.mean([one["positional: left of all"] for one in found]) == pytest.approx(142, abs=3)
    assert np.mean([one["positional: of 50, dropped"] for one in found]) == pytest.approx(50 * 711 / 889, abs=2)


def test_one_network_eleven_times_is_gradient_dot_and_the_library_says_so(small: PassengerTable) -> None:
    row = repeat_for_seed(small, 0, 1)
    assert row["copies: r with gradient dot"] == pytest.approx(1.0, abs=1e-9) and row["copies: told of by the library"] == 1.0
    assert 0 < row["copies: tau with TracIn"] < 1 and row["double sigmoid: tau with the loss trained"] < 0.999
    assert row["least tau of a query"] < row["one network: tau"] < row["largest tau of a query"]
    assert row["one network: tau"] != row["two networks: tau"] and row["k = n: Jaccard of random lists"] == 1.0


def test_a_second_sigmoid_is_another_loss() -> None:
    outputs, y = torch.tensor([[-2.0], [0.5], [3.0]], dtype=torch.float64), torch.tensor([0, 1, 1])
    p = 1 / (1 + np.exp(-outputs[:, 0].numpy()))
    expected = np.log1p(np.exp(p)) - p * y.numpy()
    np.testing.assert_allclose(double_sigmoid(outputs, y), expected)
    assert double_sigmoid(torch.tensor([[50.0]]), torch.tensor([1])) > 0.3, "a right and sure answer still costs"


def test_lists_of_everything_agree_and_shorter_ones_do_not() -> None:
    assert {everything_in_common(n, seed) for n in (1, 7, 711) for seed in range(3)} == {1.0}


def test_an_estimate_without_a_value_is_told() -> None:
    flat, other = (wf.Scores(values, np.arange(1), np.arange(3), "arbitrary", "m") for values in (torch.zeros(1, 3), torch.randn(1, 3)))
    with pytest.raises(wf.UsageError, match="Pearson"):
        value_of(wf.metrics.pearson(flat, other))
