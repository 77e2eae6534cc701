"""Charts of a comparison hold its figures."""

from typing import Any

import numpy as np
import pytest
import torch

import wherefrom as wf
from wherefrom import plot


def rows(spec: Any, part: Any) -> list[dict[str, Any]]:
    return spec["datasets"][part["data"]["name"]]


@pytest.fixture(scope="module")
def found() -> wf.compare.Consistency:
    X, y = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)).double(), torch.arange(40) % 2
    problem = wf.Problem.of(torch.nn.Linear(3, 2).double().eval(), wf.cross_entropy(l2=0.1), (X, y))
    runs = wf.compare.train_runs({"one": (problem, wf.train.sgd(1, 0.1))}, seeds=range(3), progress=False)
    methods = {"dot": wf.GradientDot(), "flat": wf.TracIn([dict(problem.parameters)], learning_rates=0.0)}
    with pytest.warns(wf.methods.CheckpointWarning):
        return wf.compare.consistency(methods, runs, (X[:4], y[:4]), estimand="models trained like it", k=5, progress=False)


def test_agreement_has_a_cell_for_each_pair_and_none_for_what_is_undefined(found: wf.compare.Consistency) -> None:
    for figure in ("kuncheva", "kendall"):
        spec = plot.agreement(found, figure=figure).to_dict()
        cells = {(cell["method"], cell["other"]): cell for cell in rows(spec, spec)}
        assert len(cells) == 9 and cells["dot", "flat"]["value"] is None and "undefined" in cells["dot", "flat"]["said"]
        pair = getattr(found.agreement["dot", "random"], figure)
        assert cells["dot", "random"]["value"] == cells["random", "dot"]["value"] == pytest.approx(pair.value)
        assert cells["dot", "random"]["ceiling"] == pytest.approx(pair.ceiling) and cells["dot", "dot"]["ceiling"] is None


def test_stability_has_bars_with_intervals(found: wf.compare.Consistency) -> None:
    spec = plot.stability(found).to_dict()
    assert len(spec["hconcat"]) == 2
    bars = rows(spec, spec["hconcat"][0]["layer"][0])
    assert {bar["method"] for bar in bars} == {"dot", "random"} and all(np.isfinite(bar["value"]) for bar in bars)  # flat scores have no top
