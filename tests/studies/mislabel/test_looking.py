"""What an inspection finds: counts beside brute force, curves with the range of their seeds, and rankings that should find flipped labels do."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from wherefrom_studies import Cache
from wherefrom_studies.mislabel import looking
from wherefrom_studies.mislabel.looking import FRACTIONS, POINTS, curves, looked, of_seed
from wherefrom_studies.mislabel.rankings import RANKINGS
from wherefrom_studies.mislabel.sets import Labelled


def test_rankings_that_should_find_flipped_labels_do(data: Labelled) -> None:
    found = {row["ranking"]: row for row in of_seed(data, 0)}
    assert found.keys() == RANKINGS.keys()
    for name in ("influence, EK-FAC", "influence, exact, last layer", "TracIn", "KNN-Shapley", "representer points, L2", "loss", "mean loss"):
        assert found[name]["auc"] > 0.75, name
    assert abs(found["random"]["auc"] - 0.5) < 0.2
    for row in found.values():
        curve = np.array(row["curve"])
        assert len(curve) == POINTS and curve[0] == 0 and curve[-1] == 1 and (np.diff(curve) >= 0).all()


def test_figures_are_those_counted_one_by_one(data: Labelled, monkeypatch: pytest.MonkeyPatch) -> None:
    values = torch.from_numpy(np.random.default_rng(1).normal(size=len(data.y)) + data.flipped)
    monkeypatch.setattr(looking, "RANKINGS", {"made up": None})
    monkeypatch.setattr(looking, "suspects", lambda net, name: (values, 0.5))
    (row,) = of_seed(data, 0)
    assert row["auc"] == pytest.approx(roc_auc_score(data.flipped, values)) and row["seconds"] == 0.5
    assert row["ap"] == pytest.approx(average_precision_score(data.flipped, values))
    n, first = len(values), values.numpy().argsort()[::-1]
    for share in FRACTIONS:
        assert row[f"found at {share:.0%}"] == pytest.approx(data.flipped[first[: round(share * n)]].sum() / data.flipped.sum())
    for place in (0, 7, 20, 40):
        looked_at = round(n * place / (POINTS - 1))
        assert row["curve"][place] == pytest.approx(data.flipped[first[:looked_at]].sum() / data.flipped.sum())


def test_a_curve_has_the_mean_and_the_range_of_its_seeds() -> None:
    straight = np.linspace(0, 1, POINTS)
    table = pd.DataFrame({"ranking": ["a", "a", "b"], "curve": [straight.tolist(), (straight**2).tolist(), straight.tolist()]})
    frame = curves(table, "p", ["a"])
    np.testing.assert_allclose(frame["looked"], 100 * straight)
    np.testing.assert_allclose(frame["value"], (straight + straight**2) / 2)
    np.testing.assert_allclose(frame["low"], straight**2)
    np.testing.assert_allclose(frame["high"], straight)
    assert set(frame["series"]) == {"a"} and set(frame["panel"]) == {"p"}


def test_networks_that_are_kept_are_not_trained_again(data: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(looking, "of_seed", lambda one, seed: asked.append(seed) or [{"ranking": "a", "seed": seed}])
    for seeds in ((0, 1), (0, 1, 2)):
        table = looked(lambda seed: data, "t", seeds, Cache(tmp_path), {})
        assert table["seed"].tolist() == list(seeds)
    assert asked == [0, 1, 2]
