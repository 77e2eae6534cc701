"""What a study could show, told before it is run."""

from pathlib import Path

import numpy as np
import pytest
from helpers.problems import problem

import wherefrom as wf

TRAIN = wf.train.adam(2, 0.05, batch_size=6)


def test_power_is_that_of_two_random_arms(tmp_path: Path) -> None:
    case, out = problem("mlp"), tmp_path / "kept.jsonl"
    told = wf.compare.removal_power(case.problem, case.queries, TRAIN, size=5, seeds=8, pilot=range(4), cells=12, out=out, progress=False)
    before = len(out.read_text().splitlines())
    study = wf.retraining.removal_curve(case.problem, {"order": case.problem.ids}, case.queries, TRAIN, sizes=[5], seeds=range(4),
    classes=None, out=out,
                             progress=False)  # fmt: skip
    assert len(out.read_text().splitlines()) == before + 4  # the random arm of these seeds is there already
    baselines = [float(outcomes.baseline.mean()) for outcomes in study.arms["random"]]
    assert told.baseline == pytest.approx(np.std(baselines, ddof=1)) and told.deviation > 0
    assert told.smallest == pytest.approx(wf.metrics.smallest_difference(told.deviation, 8, paired=True)) and told.smallest_adjusted > told.smallest
    assert "8 seeds show a difference" in str(told).replace("\n", " ") and "12 at once" in str(told)


def test_too_few_seeds_are_refused() -> None:
    case = problem("mlp")
    for pilot, seeds in ((range(1), 5), (range(3), 1)):
        with pytest.raises(wf.UsageError, match="2 or more of each"):
            wf.compare.removal_power(case.problem, case.queries, TRAIN, size=5, seeds=seeds, pilot=pilot)
