"""Parts are computed once for their settings, and come back as they were."""

from pathlib import Path

import pandas as pd
import pytest

from wherefrom_studies import Cache


def test_a_part_is_computed_once_for_its_settings(tmp_path: Path) -> None:
    calls: list[int] = []

    def work(value: float) -> list[dict[str, float | None]]:
        calls.append(1)
        return [{"x": value, "y": None}, {"x": 1 / 3, "y": 2.0}]

    cache = Cache(tmp_path)
    first = cache.rows("a part", {"seed": 0}, lambda: work(0.1))
    again = cache.rows("a part", {"seed": 0}, lambda: work(0.2))
    pd.testing.assert_frame_equal(first, again)
    assert len(calls) == 1
    assert cache.rows("a part", {"seed": 1}, lambda: work(0.2))["x"].tolist() == [0.2, 1 / 3] and len(calls) == 2
    assert len(list(tmp_path.iterdir())) == 2


def test_what_fails_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        Cache(tmp_path).table("part", {}, lambda: pd.DataFrame({"x": [1 / 0]}))
    assert not list(tmp_path.iterdir())
