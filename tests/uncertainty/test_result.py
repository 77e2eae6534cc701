"""What a trust says of itself."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import wherefrom as wf
from wherefrom.uncertainty.result import End


def made() -> wf.uncertainty.Trust:
    random = np.random.default_rng(0)
    values = np.sort(random.normal(size=(2, 12)), 1)[:, ::-1].copy()
    low, high = np.tile(np.arange(1, 13), (2, 1)), np.tile(np.arange(1, 13) + 1, (2, 1))
    ranks: dict[End, wf.uncertainty.RankIntervals] = {
        "proponents": wf.uncertainty.RankIntervals(low, high, 3, 0.9),
        "opponents": wf.uncertainty.RankIntervals(low[:, ::-1], high[:, ::-1], 3, 0.9),
    }
    scores = wf.Scores(torch.from_numpy(values), np.array(["a", "b"]), np.arange(12) * 10, "loss change", "given")
    verdicts = (wf.uncertainty.Verdict("trusted", "so it is"), wf.uncertainty.Verdict("unstable", "it is not"))
    inclusion: dict[End, np.ndarray] = {end: np.ones((2, 12)) for end in ranks}
    return wf.uncertainty.Trust(
        scores, values, np.full((2, 12), 0.1), np.full(2, 9.0), values, ranks, inclusion, np.ones((2, 12)), verdicts, 3, 0.9, "training", 7,
        ("one thing",), ("another",),
    )  # fmt: skip


def test_ids_come_best_first() -> None:
    trust = made()
    assert [core.tolist() for core in trust.core()] == [[0, 10]] * 2 and trust.core(1)[0].tolist() == []
    assert trust.possible()[1].tolist() == [0, 10, 20] and trust.possible(3, "opponents")[0].tolist() == [110, 100, 90]
    for wrong in (lambda: trust.core(4), lambda: trust.core(3, "best")):  # type: ignore[arg-type]
        with pytest.raises(wf.UsageError):
            wrong()


def test_the_frame_has_a_row_for_each_pair() -> None:
    trust = made()
    frame = trust.to_pandas()
    assert len(frame) == 24 and frame["query_id"].tolist() == ["a"] * 12 + ["b"] * 12
    assert frame["proponent_rank"].tolist() == list(range(1, 13)) * 2 and frame["opponent_rank"].iloc[0] == 12
    assert np.allclose(frame["high"] - frame["low"], 2 * 0.1 * 1.833, atol=1e-3)


def test_it_reads_as_a_verdict_for_each_query() -> None:
    said = str(made()).splitlines()
    assert said[0] == "query a: trusted: so it is" and said[1].startswith("query b: unstable")
    assert said[2] == "Of models trained like this one: 7 runs, varied: one thing; 90% intervals. Not varied: another."


def calibrated() -> wf.uncertainty.Trust:
    coverage = wf.metrics.Estimate("coverage", 0.94, 0.9, 0.97, n=5)
    one = wf.uncertainty.Calibration(
        np.array([1.5, 2.0]), np.array([7.0, 9.0]), coverage, wf.metrics.Estimate("uncalibrated", None, status="undefined", reason="r"), 8
    )
    scores = replace(made().scores, fingerprint="abc", notes=("the solver was slow",))
    return replace(made(), scores=scores, calibration=one, rank_calibration=replace(one, runs=9), notes=("a note",))


@pytest.mark.parametrize("trust", [made(), calibrated()])
def test_save_and_open(tmp_path: Path, trust: wf.uncertainty.Trust) -> None:
    trust.save(tmp_path / "t")
    again = wf.uncertainty.Trust.open(tmp_path / "t")
    assert str(again) == str(trust) and again.verdicts == trust.verdicts and (again.notes, again.scores.notes) == (trust.notes, trust.scores.notes)
    assert again.to_pandas().equals(trust.to_pandas()) and (again.estimand, again.k, again.varied) == (trust.estimand, trust.k, trust.varied)
    for end in trust.ranks:
        assert [ids.tolist() for ids in again.core(2, end)] == [ids.tolist() for ids in trust.core(2, end)]
    for name in ("calibration", "rank_calibration"):
        one, other = getattr(trust, name), getattr(again, name)
        assert (one is None) == (other is None)
        if one is not None:
            assert (one.coverage, one.uncalibrated, one.runs) == (other.coverage, other.uncalibrated, other.runs)
            assert np.array_equal(one.factor, other.factor) and np.array_equal(one.freedom, other.freedom)


def test_what_is_no_trust_of_this_problem_is_refused(tmp_path: Path) -> None:
    calibrated().save(tmp_path / "t")
    assert wf.uncertainty.Trust.open(tmp_path / "t", fingerprint="abc").k == 3
    made().scores.save(tmp_path / "s")
    manifest = tmp_path / "t" / "zarr.json"
    whole = manifest.read_text()
    for message, call in {
        "was computed on another problem": lambda: wf.uncertainty.Trust.open(tmp_path / "t", fingerprint="xyz"),
        "holds scores, not trust": lambda: wf.uncertainty.Trust.open(tmp_path / "s"),
        "holds trust, not scores": lambda: wf.Scores.open(tmp_path / "t"),
        "There is no trust store": lambda: wf.uncertainty.Trust.open(tmp_path / "none"),
        "is no trust store of wherefrom": lambda: made().save(tmp_path / "s"),
    }.items():
        with pytest.raises(wf.UsageError, match=message):
            call()
    for name in ("verdicts", "k", "calibration", "unit"):
        changed = json.loads(whole)
        changed["attributes"]["wherefrom"][name] = {"not": "this"}
        if name != "calibration":
            del changed["attributes"]["wherefrom"][name]
        manifest.write_text(json.dumps(changed))
        with pytest.raises(wf.UsageError, match="is damaged"):
            wf.uncertainty.Trust.open(tmp_path / "t")
    manifest.write_text(whole[: len(whole) // 2])
    with pytest.raises(wf.UsageError, match="is not a wherefrom store"):
        wf.uncertainty.Trust.open(tmp_path / "t")
