"""How far a fit has come, on disk."""

from pathlib import Path

import torch

from wherefrom.store import UnfinishedFit, beneath, under


def test_it_is_taken_up_by_the_same_fit_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.unfinished"
    keep = UnfinishedFit(path, {"of": 1}, every=0)
    assert keep.read() is None
    keep.note("summing", 3, lambda: {"a": torch.ones(2)})
    stage, done, tensors = UnfinishedFit(path, {"of": 1}).read() or ("", 0, {})
    assert (stage, done) == ("summing", 3) and tensors["a"].sum() == 2
    assert UnfinishedFit(path, {"of": 2}).read() is None
    path.write_text("half")
    assert keep.read() is None
    keep.finish()
    keep.finish()
    assert not path.exists()


def test_it_is_not_written_again_at_once(tmp_path: Path) -> None:
    keep = UnfinishedFit(tmp_path / "x", {}, every=60)
    keep.note("summing", 1, lambda: {"a": torch.ones(2)})
    assert not (tmp_path / "x").exists()


def test_names_are_put_under_a_prefix_and_back() -> None:
    given = {"a": torch.ones(1), "b.c": torch.ones(2)}
    assert under("p", {**beneath("p", given), "pq.a": torch.ones(3)}) == given
