"""Curves of a known law have its slope, its shares and its shape; sorted noise is drawn by seed."""

import numpy as np
import pandas as pd
import pytest
import torch

import wherefrom as wf
from wherefrom_studies.titanic.scores.falling import NOISE, QUERIES, TRAIN, falls, gaussian, grid, ordered, shapes

N, M = 400, 120


def power(exponent: float) -> wf.Scores:
    """Magnitudes rank ** -exponent, shuffled, of both signs."""
    random = np.random.default_rng(0)
    values = np.stack([random.permutation(np.arange(1, N + 1)) ** -exponent * random.choice([-1, 1], N) for _ in range(M)])
    return wf.Scores(torch.from_numpy(values), np.arange(M), np.arange(N), "arbitrary", "power")


def test_ranks_of_the_grid_ascend_from_1_to_n() -> None:
    ranks = grid(711)
    assert ranks[0] == 1 and ranks[-1] == 711 and (np.diff(ranks) > 0).all()


def test_magnitudes_fall_and_as_many_are_drawn_as_the_original_drew() -> None:
    scores = power(1.0)
    every, some = ordered(scores, "all"), ordered(scores, "drawn")
    np.testing.assert_allclose(every, np.tile(np.arange(1, N + 1) ** -1.0, (M, 1)))
    assert some.shape == (QUERIES, TRAIN) and (np.diff(some, axis=1) <= 0).all()
    silent = wf.Scores(scores.values * (torch.arange(M) > 9)[:, None], scores.query_ids, scores.train_ids, "arbitrary", "power")
    assert len(ordered(silent, "all")) == M - 10, "a query with no scores has no curve"


def test_a_power_law_has_its_slope_and_its_shares() -> None:
    table = pd.DataFrame(falls({"power": [power(0.7)]}))
    rows = table[(table["method"] == "power") & (table["points"] == "all")].pivot(index="rank", columns="figure", values="value")
    ranks = rows.index.to_numpy(float)
    np.testing.assert_allclose(rows["magnitude"], ranks**-0.7)
    np.testing.assert_allclose(rows["slope"], -0.7, atol=1e-9)
    whole = (np.arange(1, N + 1) ** -0.7).cumsum()
    np.testing.assert_allclose(rows["held"], whole[rows.index - 1] / whole[-1])
    np.testing.assert_allclose(rows["rest"], 1 - rows["held"], atol=1e-12)
    assert set(table["method"]) == {"power", NOISE} and (table["low"] <= table["value"]).all() and (table["value"] <= table["high"]).all()


def test_shapes_are_those_of_the_law() -> None:
    rows = {(row["method"], row["seed"]): row for row in shapes({"power": [power(1.0), power(0.5)]}, (3, 4))}
    assert set(rows) == {("power", 3), ("power", 4), (NOISE, 3), (NOISE, 4)}
    row, harmonic = rows["power", 3], 1 / np.arange(1, N + 1)
    assert row["top ten"] == pytest.approx(harmonic[:10].sum() / harmonic.sum()) and row["beyond 50"] == pytest.approx(
        harmonic[50:].sum() / harmonic.sum()
    )
    assert row["half"] == 2 and row["largest"] == 1 and row["early over late"] == pytest.approx((0.9 / 9) / ((1 / 100 - 1 / 200) / 100))
    assert rows["power", 4]["half"] == 4, "1/√4 is a half"


def test_noise_is_normal_and_its_own_for_each_seed() -> None:
    like = power(1.0)
    one, other = gaussian(like, 0), gaussian(like, 1)
    assert torch.equal(one.values, gaussian(like, 0).values) and not torch.equal(one.values, other.values)
    assert abs(float(one.values.std()) - 1) < 0.02 and one.values.shape == like.values.shape
