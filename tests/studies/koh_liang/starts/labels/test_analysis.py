"""Labels found by a network: the spread over starts holds the flips and the other way round."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from wherefrom_studies.findings import Findings
from wherefrom_studies.koh_liang import KohLiang
from wherefrom_studies.koh_liang.starts.labels import NETWORK_LABELS
from wherefrom_studies.koh_liang.starts.labels.analysis import analyse, number_names


def test_what_moves_moves_alone(tmp_path: Path) -> None:
    rows = [
        {"start": start, "flips": flips, "ranking": ranking, "fixed at 10%": 0.5 + 0.1 * start - 0.2 * flips}
        for start, flips in ((0, 0), (1, 0), (0, 1)) for ranking in ("influence", "loss")
    ]  # fmt: skip
    numbers = analyse(pd.DataFrame(rows)).numbers
    assert numbers.keys() == number_names(KohLiang(tmp_path)) == number_names(KohLiang(tmp_path, quick=True))
    value = {name.removeprefix("starts/labels/loss/"): number.estimate.value for name, number in numbers.items() if "loss" in name}
    assert value == pytest.approx({
        "by start": 0.55, "by start, least": 0.5, "by start, most": 0.6, "by flips": 0.4, "by flips, least": 0.3, "by flips, most": 0.5,
    })  # fmt: skip


def test_the_quick_form_has_starts_and_flips(run_part: Callable[..., Findings]) -> None:
    found = run_part(NETWORK_LABELS, seeds=2)
    for ranking in ("influence", "loss"):
        for what in ("start", "flips"):
            least, mean, most = (found.value(f"starts/labels/{ranking}/by {what}{tail}") or 0 for tail in (", least", "", ", most"))
            assert 0.4 < least <= mean <= most < 1
    labels = found.tables["starts, labels found by a network"]
    assert sorted(set(zip(labels["start"], labels["flips"], strict=True))) == [(0, 0), (0, 1), (1, 0)]
