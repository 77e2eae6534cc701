"""Scores: rankings, groups, frames, files."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import wherefrom as wf

VALUES = torch.tensor([[3.0, -1.0, 3.0, 0.5], [-2.0, 4.0, 0.0, -2.0]])


def scores(ids: list[object] | None = None) -> wf.Scores:
    names = np.array(ids or [10, 11, 12, 13])
    return wf.Scores(VALUES, np.array(["p", "q"]), names, "loss change", "M()", "abc")


def test_both_ends_ties_in_the_order_of_the_data() -> None:
    top = scores().top(2)
    assert top.ids.tolist() == [[10, 12], [11, 12]] and top.opponents.ids.tolist() == [[11, 13], [10, 13]]
    assert scores().top(2, by="opponents").opponents.ids.tolist() == top.ids.tolist()
    largest = scores().top(2, by="magnitude")
    assert largest.ids.tolist() == [[10, 12], [11, 10]] and largest.opponents is None


def test_groups_are_sums() -> None:
    by_name = scores().grouped({"left": [10, 11], "right": [12, 13]})
    assert by_name.values.tolist() == [[2, 3.5], [2, -2]] and by_name.train_ids.tolist() == ["left", "right"]
    assert torch.equal(scores().grouped(["left", "left", "right", "right"]).values, by_name.values)


def test_frames_have_ids() -> None:
    frame = scores().to_pandas()
    assert frame.loc["q", 11] == 4
    long = scores().top(2).to_pandas()
    assert list(long) == ["query_id", "train_id", "rank", "score"] and long.iloc[2].tolist() == ["q", 11, 1, 4.0]


@pytest.mark.parametrize("ids", [None, ["a", "b", "ç", "d"]])
def test_save_and_open(tmp_path: Path, ids: list[object] | None) -> None:
    whole = scores(ids)
    whole.save(tmp_path / "s")
    again = wf.Scores.open(tmp_path / "s", fingerprint="abc")
    assert torch.equal(again.values, whole.values) and again.train_ids.tolist() == whole.train_ids.tolist()
    assert (again.unit, again.method) == ("loss change", "M()")
    for by in ("proponents", "opponents", "magnitude"):
        top = whole.top(2, by=by)  # type: ignore[arg-type]
        top.save(tmp_path / by)
        read = wf.TopScores.open(tmp_path / by)
        assert read.ids.tolist() == top.ids.tolist() and read.by == by and torch.equal(read.values, top.values)
        assert (read.opponents is None) == (by == "magnitude")
        if read.opponents is not None:
            assert read.opponents.ids.tolist() == top.opponents.ids.tolist() and read.opponents.by == top.opponents.by


def test_scores_of_another_problem_are_refused(tmp_path: Path) -> None:
    scores().save(tmp_path / "s")
    with pytest.raises(wf.UsageError, match="was computed on another problem"):
        wf.Scores.open(tmp_path / "s", fingerprint="xyz")
    with pytest.raises(wf.UsageError, match="holds scores, not top scores"):
        wf.TopScores.open(tmp_path / "s")


def test_a_manifest_that_lacks_something_is_refused(tmp_path: Path) -> None:
    scores().save(tmp_path / "s")
    scores().top(2).save(tmp_path / "t")
    for path, kind in ((tmp_path / "s", wf.Scores), (tmp_path / "t", wf.TopScores)):
        manifest = path / "zarr.json"
        manifest.write_text(manifest.read_text().replace('"method"', '"mode"'))
        with pytest.raises(wf.UsageError, match="is damaged .KeyError: 'method'"):
            kind.open(path)


def test_bad_requests_are_refused() -> None:
    for message, call in {
        "top=0 asks for no examples": lambda: scores().top(0),
        "by='best' is unknown": lambda: scores().top(1, by="best"),  # type: ignore[arg-type]
        "Id 99 is not among the 4 training ids": lambda: scores().select([99]),
        "Group 'a' is empty": lambda: scores().grouped({"a": []}),
        "2 group names for 4": lambda: scores().grouped(["a", "b"]),
        "one id per row and column": lambda: wf.Scores(VALUES, np.arange(3), np.arange(4), "u", "m"),
    }.items():
        with pytest.raises(wf.UsageError, match=message):
            call()


def test_groups_by_any_column() -> None:
    expected = scores().grouped(["1", "0", "0", "1"])
    for column in (torch.tensor([1, 0, 0, 1]), np.array([1, 0, 0, 1]), pd.Series([1, 0, 0, 1], index=[9, 8, 7, 6])):
        found = scores().grouped(column)
        assert found.train_ids.tolist() == ["1", "0"] and torch.equal(found.values, expected.values)
    assert torch.equal(scores().grouped({"1": torch.tensor([10, 13]), "0": np.array([11, 12])}).values, expected.values)
