"""What a trust says of itself."""

import numpy as np
import pytest
import torch

import whence as wh
from whence.uncertainty.result import End


def made() -> wh.Trust:
    random = np.random.default_rng(0)
    values = np.sort(random.normal(size=(2, 12)), 1)[:, ::-1].copy()
    low, high = np.tile(np.arange(1, 13), (2, 1)), np.tile(np.arange(1, 13) + 1, (2, 1))
    ranks: dict[End, wh.RankIntervals] = {
        "proponents": wh.RankIntervals(low, high, 3, 0.9),
        "opponents": wh.RankIntervals(low[:, ::-1], high[:, ::-1], 3, 0.9),
    }
    scores = wh.Scores(torch.from_numpy(values), np.array(["a", "b"]), np.arange(12) * 10, "loss change", "given")
    verdicts = (wh.Verdict("trusted", "so it is"), wh.Verdict("unstable", "it is not"))
    inclusion: dict[End, np.ndarray] = {end: np.ones((2, 12)) for end in ranks}
    return wh.Trust(
        scores, values, np.full((2, 12), 0.1), np.full(2, 9.0), values, ranks, inclusion, np.ones((2, 12)), verdicts, 3, 0.9, "training", 7,
        ("one thing",), ("another",),
    )  # fmt: skip


def test_ids_come_best_first() -> None:
    trust = made()
    assert [core.tolist() for core in trust.core()] == [[0, 10]] * 2 and trust.core(1)[0].tolist() == []
    assert trust.possible()[1].tolist() == [0, 10, 20] and trust.possible(3, "opponents")[0].tolist() == [110, 100, 90]
    for wrong in (lambda: trust.core(4), lambda: trust.core(3, "best")):  # type: ignore[arg-type]
        with pytest.raises(wh.UsageError):
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
