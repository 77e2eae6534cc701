"""The hinge: the machine is at its minimum, leaving out keeps N, and smoothing is what foretells retraining."""

from collections.abc import Callable

import numpy as np
import torch

import wherefrom as wf
from wherefrom_studies.findings import Findings
from wherefrom_studies.koh_liang.hinge import HINGE
from wherefrom_studies.koh_liang.hinge.experiment import L2, train_svm


def test_the_machine_is_at_the_minimum_of_its_objective() -> None:
    X, y = torch.randn(40, 5, dtype=torch.float64), torch.arange(40) % 2
    model = torch.nn.Linear(5, 1, bias=False, dtype=torch.float64).eval()
    problem = wf.Problem.of(model, wf.smooth_hinge(0.0, l2=L2), (X, y))

    def risk(weights: torch.Tensor, problem: wf.Problem) -> float:
        (batch,) = problem.batches(size=40)
        there = problem.at({"weight": weights})
        losses = there.losses(there.outputs(batch.inputs), batch)
        return float(losses.sum() / problem.normaliser + L2 / 2 * weights.square().sum())

    for one in (problem, problem.without([3, 4])):
        best = train_svm(one, 0)["weight"]
        others = [risk(best + 1e-3 * torch.randn_like(best), one) for _ in range(50)]
        assert risk(best, one) < min(others)


def test_smoothing_foretells_retraining_and_the_hinge_itself_does_not(run_part: Callable[..., Findings]) -> None:
    found = run_part(HINGE)
    r, slope = (found.value(f"hinge/5000 images/t=0.001/{what}") for what in ("pearson", "slope"))
    plain = found.value("hinge/5000 images/t=0/pearson")
    assert r is not None and slope is not None and plain is not None
    assert r > 0.9 and 0.85 < slope < 1.15 and plain < 0.65
    table = next(iter(found.tables.values()))
    assert table.groupby("query").size().tolist() == [20, 20, 20] and np.isfinite(table.select_dtypes("number")).all().all()
