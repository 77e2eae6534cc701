"""What an inspection finds: counts beside brute force, and rankings that should find flipped labels do."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from wherefrom_studies import Cache
from wherefrom_studies.mislabel.flips import FlippedData
from wherefrom_studies.mislabel.inspection import experiment
from wherefrom_studies.mislabel.inspection.experiment import FRACTIONS, POINTS, inspect_seed, inspect_set
from wherefrom_studies.mislabel.rankings import RANKINGS


def test_rankings_that_should_find_flipped_labels_do(data: FlippedData) -> None:
    found = {row["ranking"]: row for row in inspect_seed(data, 0)}
    assert found.keys() == RANKINGS.keys()
    for name in ("influence, EK-FAC", "influence, exact, last layer", "TracIn", "KNN-Shapley", "representer points, L2", "loss", "mean loss"):
        assert found[name]["auc"] > 0.75, name
    assert abs(found["random"]["auc"] - 0.5) < 0.2
    for row in found.values():
        curve = np.array(row["curve"])
        assert len(curve) == POINTS and curve[0] == 0 and curve[-1] == 1 and (np.diff(curve) >= 0).all()


def test_figures_are_those_counted_one_by_one(data: FlippedData, monkeypatch: pytest.MonkeyPatch) -> None:
    values = torch.from_numpy(np.random.default_rng(1).normal(size=len(data.y)) + data.flipped)
    monkeypatch.setattr(experiment, "RANKINGS", {"made up": None})
    monkeypatch.setattr(experiment, "suspicions", lambda net, name: (values, 0.5))
    (row,) = inspect_seed(data, 0)
    assert row["auc"] == pytest.approx(roc_auc_score(data.flipped, values)) and row["seconds"] == 0.5
    assert row["ap"] == pytest.approx(average_precision_score(data.flipped, values))
    n, first = len(values), values.numpy().argsort()[::-1]
    for share in FRACTIONS:
        assert row[f"found at {share:.0%}"] == pytest.approx(data.flipped[first[: round(share * n)]].sum() / data.flipped.sum())
    for place in (0, 7, 20, 40):
        looked_at = round(n * place / (POINTS - 1))
        assert row["curve"][place] == pytest.approx(data.flipped[first[:looked_at]].sum() / data.flipped.sum())


def test_networks_that_are_kept_are_not_trained_again(data: FlippedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(experiment, "inspect_seed", lambda one, seed: asked.append(seed) or [{"ranking": "a", "seed": seed}])
    for seeds in ((0, 1), (0, 1, 2)):
        table = inspect_set(lambda seed: data, "t", seeds, Cache(tmp_path), {})
        assert table["seed"].tolist() == list(seeds)
    assert asked == [0, 1, 2]
