"""Tables of one setting beside what they are made of: counts of common rows, overlaps, ranks, agreement of two methods."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import wherefrom as wf
from wherefrom_studies import Cache
from wherefrom_studies.titanic.data import PassengerTable
from wherefrom_studies.titanic.models import K, NetworkSetting
from wherefrom_studies.titanic.scores import experiment
from wherefrom_studies.titanic.scores.experiment import (
    RANDOM,
    SeedScores,
    compare_methods,
    compare_seeds,
    draw_scores,
    layers_of,
    name_rows,
    overlap_methods,
    rank_rows,
    score_seeds,
    score_setting,
    select_queries,
)  # fmt: skip

SEEDS = (0, 1)


@pytest.fixture(scope="module")
def scores(small: PassengerTable) -> SeedScores:
    return score_seeds(small, NetworkSetting((), rate=1e-2), SEEDS)


def test_all_methods_ask_the_same_networks(scores: SeedScores, small: PassengerTable) -> None:
    costs = pd.DataFrame(scores.rows)
    assert len(costs) == 3 * len(SEEDS) and (costs.groupby("seed")["accuracy"].nunique() == 1).all() and layers_of(scores) == ["last layer"]
    for each in scores.each.values():
        assert [found.values.shape for found in each] == [(60, 210)] * 2 and each[0].query_ids.tolist() == small.ids[small.held_out].tolist()
    whole, apart = (part["TracIn, last layer"][0].values for part in (scores.whole, scores.each))
    torch.testing.assert_close(whole[0] / whole[0].norm(), apart.sum(0) / apart.sum(0).norm())


def test_agreement_is_the_librarys_on_a_third_of_the_rows(scores: SeedScores, small: PassengerTable) -> None:
    rows = {(row["method"], row["other"], row["seed"]): row for row in compare_methods(scores, small, SEEDS)}
    a, b = "influence, last layer", "TracIn, last layer"
    asked = small.ids[small.held_out][::3]
    expected = wf.metrics.agreement(select_queries(scores.each[a][1], asked), select_queries(scores.each[b][1], asked), k=K, progress=False)
    row = rows[a, b, 1]
    assert row["kendall"] == pytest.approx(expected.kendall.value) and row["rbo"] == pytest.approx(expected.rbo.value)
    assert row["between queries"] == pytest.approx(np.std([one for one in expected.per_query["kendall"] if one is not None], ddof=1))
    assert abs(rows[a, RANDOM, 0]["kendall"]) < 0.05 and abs(rows[a, RANDOM, 0]["jaccard"] - rows[a, RANDOM, 0]["jaccard chance"]) < 0.05


def test_stability_of_random_scores_is_chance(scores: SeedScores, small: PassengerTable) -> None:
    found = {(row["method"], row["figure"]): row["value"] for row in compare_seeds(scores, small)}
    assert abs(found[RANDOM, "kendall"]) < 0.1 and abs(found[RANDOM, "nogueira"]) < 0.1 and found["TracIn, last layer", "kendall"] > 0.5


def test_named_rows_are_counted_over_the_seeds(scores: SeedScores, small: PassengerTable) -> None:
    tops = [[set(scores.whole[f"{method}, last layer"][place].top(K).ids[0].tolist()) for method in ("influence", "TracIn")] for place in range(2)]
    common = [one & other for one, other in tops]
    rows = name_rows(scores, small)
    counted = {str(key): sum(key in each for each in common) / 2 for key in set.union(*common)}
    assert len(rows) == min(K, len(counted)) and all(row["seeds"] == counted.pop(row["id"]) for row in rows)
    assert max(counted.values(), default=0) <= rows[-1]["seeds"], "what is left out is named in no more seeds"
    assert rows[0]["in common"] == np.mean([len(each) for each in common]) and rows[0]["row"] == f"row {rows[0]['id']}"
    assert [row["seeds"] for row in rows] == sorted((row["seeds"] for row in rows), reverse=True)


def test_overlap_goes_to_everything_and_chance_is_k_over_n(scores: SeedScores, small: PassengerTable) -> None:
    table = pd.DataFrame(overlap_methods(scores, small, SEEDS))
    n = len(small.train)
    assert table["k"].max() == n - 1 and table["chance"].to_numpy() == pytest.approx(table["k"] / n)
    assert table[table["k"] == n - 1]["overlap"].min() >= 1 - 1 / (n - 1) and table["overlap"].between(0, 1).all()


def test_ranks_are_places_from_the_highest_score(scores: SeedScores, small: PassengerTable) -> None:
    table = pd.DataFrame(rank_rows(scores))
    assert table["id"].tolist() == [str(key) for key in small.ids[small.train]]
    for column in ("influence", "TracIn"):
        values = scores.whole[f"{column}, last layer"][0].values[0]
        assert sorted(table[column]) == list(range(1, len(small.train) + 1)) and table[column].idxmin() == int(values.argmax())


def test_scores_of_some_queries_are_theirs() -> None:
    scores = wf.Scores(torch.arange(12.0).view(4, 3), np.array([5, 7, 9, 11]), np.arange(3), "arbitrary", "m")
    some = select_queries(scores, np.array([11, 7]))
    assert some.query_ids.tolist() == [7, 11] and some.values.tolist() == [[3, 4, 5], [9, 10, 11]]
    drawn = [draw_scores(scores, seed).values for seed in (1, 1, 2)]
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])


def test_what_is_kept_is_not_scored_again(small: PassengerTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setting = NetworkSetting((), rate=1e-2)
    first = score_setting(small, setting, SEEDS, Cache(tmp_path), {})
    monkeypatch.setattr(experiment, "score_seeds", lambda *_: pytest.fail("scored again"))
    again = score_setting(small, setting, SEEDS, Cache(tmp_path), {})
    pd.testing.assert_frame_equal(first.agreement, again.agreement)
    pd.testing.assert_frame_equal(first.costs, again.costs)
