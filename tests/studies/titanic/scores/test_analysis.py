"""Ceilings are what each method's own stability allows; contrasts are taken seed by seed; names are those told beforehand."""

from pathlib import Path

import numpy as np
import pytest

from wherefrom_studies.titanic import Titanic
from wherefrom_studies.titanic.means import select
from wherefrom_studies.titanic.models import LARGE, PAIR, SMALL, NetworkSetting, settings_of
from wherefrom_studies.titanic.scores.analysis import ScoreResults, analyse, number_names


def test_ceilings_are_what_each_methods_own_stability_allows(score_results: ScoreResults) -> None:
    numbers, (a, b) = score_results.numbers, PAIR
    for figure, steady in (("kendall", "kendall"), ("kuncheva", "nogueira")):
        each = [max(numbers[f"{LARGE}/stability/{method}/{steady}"].estimate.value or 0, 0) for method in PAIR]
        assert numbers[f"{LARGE}/agreement/{a} and {b}/{figure}"].estimate.ceiling == pytest.approx(np.sqrt(each[0] * each[1]))
    jaccard = numbers[f"{LARGE}/agreement/{a} and {b}/jaccard"].estimate
    assert jaccard.ceiling is None and jaccard.chance is not None and 0 < jaccard.chance < 0.2


def test_contrasts_are_differences_of_paired_seeds(score_results: ScoreResults) -> None:
    shapes = score_results.tables[LARGE].shapes
    tail = [select(shapes, method=method).set_index("seed")["beyond 50"] for method in PAIR]
    assert score_results.numbers["contrast/tail, influence less TracIn"].estimate.value == pytest.approx((tail[0] - tail[1]).mean())
    tau = [select(score_results.tables[name].agreement, method=PAIR[0], other=PAIR[1])["kendall"].mean() for name in (SMALL, LARGE)]
    assert score_results.numbers[f"contrast/tau at 4 less at 32, {PAIR[0]}"].estimate.value == pytest.approx(tau[0] - tau[1])


def test_the_numbers_of_a_form_are_those_it_names(score_results: ScoreResults, tmp_path: Path) -> None:
    assert score_results.numbers.keys() == number_names(Titanic(tmp_path, quick=True))
    full = Titanic(tmp_path)
    alike = {setting.name: score_results.tables[LARGE if setting.widths else NetworkSetting(()).name] for setting in settings_of(full)}
    assert len(alike) == 8 and analyse(alike).numbers.keys() == number_names(full)
