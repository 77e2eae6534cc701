"""Of MNIST: medians over seeds of each seed's median over its queries, by what is left out and asked; sentences where their numbers are."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wherefrom_studies.fragility import Fragility
from wherefrom_studies.fragility.medians import median_table
from wherefrom_studies.fragility.mnist.analysis import analyse, number_names, query_medians, totals
from wherefrom_studies.fragility.mnist.experiment import ALL, DECAY, FORMS, Convolutions, full_grid, quick_grid, seeds_of
from wherefrom_studies.fragility.mnist.report import figures

KINDS = ["high loss"] * 3 + ["any"] * 3


def table(depth: int = 1, activation: str = "tanh", decay: float = DECAY) -> pd.DataFrame:
    random = np.random.default_rng(depth)
    return pd.DataFrame([
        {"activation": activation, "depth": depth, "width": 4, "decay": decay, "seed": seed, "form": form, "left out": which, "query": kind,
         "spearman": random.uniform(), "slope": random.uniform(), "why not": ""}
        for seed in range(3) for form in FORMS for which in ("all", "random") for kind in KINDS
    ])  # fmt: skip


def without_figures(seed: int) -> pd.DataFrame:
    row = {"activation": "tanh", "depth": 1, "width": 4, "decay": DECAY, "seed": seed, "form": ALL, "left out": "all"}
    return pd.DataFrame([{**row, "query": None, "spearman": np.nan, "slope": np.nan, "why not": "Training stopped at a gradient of 1e-5"}])


@pytest.mark.parametrize(
    ("last", "which", "kinds", "column"),
    [
        ("", "all", {"any", "high loss"}, "spearman"),
        (", slope", "all", {"any", "high loss"}, "slope"),
        (", images drawn", "random", {"any", "high loss"}, "spearman"),
        (", queries of high loss", "all", {"high loss"}, "spearman"),
        (", any queries", "all", {"any"}, "spearman"),
    ],
)
def test_numbers_are_medians_of_medians(last: str, which: str, kinds: set[str], column: str) -> None:
    found = table()
    number = query_medians(found)[f"mnist/tanh/depth 1/width 4/decay 0.005/{ALL}{last}"]
    rows = found[(found["form"] == ALL) & (found["left out"] == which) & found["query"].isin(kinds)]
    expected = np.median([np.median(rows[rows["seed"] == seed][column]) for seed in range(3)])
    assert number.estimate.value == pytest.approx(expected) and number.seeds == (0, 1, 2)


def test_seeds_without_a_minimum_are_counted_and_in_no_median() -> None:
    found = pd.concat([table(), without_figures(3), table(activation="relu"), table(decay=0.0)])
    counts = {name: number.estimate.value for name, number in totals(found).items()}
    assert counts == {"mnist/decay/trainings": 4, "mnist/decay/no minimum": 1}
    numbers = query_medians(found)
    assert numbers[f"mnist/tanh/depth 1/width 4/decay 0.005/{ALL}"].seeds == (0, 1, 2)
    assert numbers["mnist/tanh/depth 1/width 4/decay 0.005/no minimum"].estimate.value == 1
    assert numbers["mnist/decay/no minimum"].seeds == (0, 1, 2, 3)


def test_sentences_and_charts_stand_where_their_numbers_are(tmp_path: Path) -> None:
    study = Fragility(tmp_path)
    shallow, deep = query_medians(table()), query_medians(pd.concat([table(), table(2), table(3)]))
    assert len(study.sentences(shallow).findings) == 3 and len(study.sentences(deep).findings) == 4, (
        "depth 2 alone brings the queries at two convolutions"
    )
    assert figures(median_table(shallow, FORMS)).keys() == {"mnist decay"} and figures(median_table(deep, FORMS)).keys() == {
        "mnist decay",
        "mnist depth",
    }


def test_networks_of_one_convolution_have_more_seeds() -> None:
    assert [seeds_of(Convolutions(depth, 4, name, DECAY)) for depth, name in ((1, "tanh"), (2, "tanh"), (1, "relu"))] == [5, 3, 3]


@pytest.mark.parametrize("quick", [False, True])
def test_the_numbers_of_a_form_are_those_it_names(quick: bool, tmp_path: Path) -> None:
    rows = [
        {**asdict(network), "seed": seed, "form": form, "left out": which, "query": kind, "spearman": seed / 9, "slope": 1.0, "why not": ""}
        for network in (quick_grid() if quick else full_grid()) for seed in range(2)
        for form in FORMS for which in ("all", "random") for kind in KINDS
    ]  # fmt: skip
    assert analyse(pd.DataFrame(rows)).numbers.keys() == number_names(Fragility(tmp_path, quick))
