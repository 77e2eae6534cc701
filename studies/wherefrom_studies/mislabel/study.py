"""Influenciæ's benchmark (Picard et al. 2024), all methods on the same networks: which finds flipped labels, at what cost, and what each shows."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import altair as alt
import pandas as pd

import wherefrom as wf
from wherefrom_studies.findings import Bar, Figure, Findings, Number, mean_of
from wherefrom_studies.mislabel.grids import grids
from wherefrom_studies.mislabel.heldout import SMALL, Size, heldout
from wherefrom_studies.mislabel.looking import FRACTIONS, curves, looked
from wherefrom_studies.mislabel.rankings import RANDOM, RANKINGS, trained
from wherefrom_studies.mislabel.sets import IMAGES, Labelled, images, rows
from wherefrom_studies.panels import dots, lines
from wherefrom_studies.study import Study, Times

SHOWN = (
    "influence, EK-FAC",
    "influence, Arnoldi",
    "TracIn",
    "TRAK",
    "KNN-Shapley",
    "loss",
    "mean loss",
    RANDOM,
)  # of the curves; all are in the tables
COLUMNS = ("auc", "ap", *(f"found at {share:.0%}" for share in FRACTIONS), "seconds")
Draw = Callable[[int], Labelled]


@dataclass(frozen=True)
class Mislabel(Study):
    """A small CNN on images of MNIST and CIFAR-10, a tenth of the labels flipped, every method and the baselines over seeds."""

    name = "mislabel"
    question = "Which method finds flipped labels, and at what cost?"
    paper = "Picard et al. 2024, Influenciæ: a library for tracing the influence back to the data points"
    takes = "a table of your own, with --target"
    times = Times(quick=80, full=26, measured=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.data is not None:
            if self.target is None:
                raise wf.UsageError("--data needs --target, the column of classes.")
            rows(self.data, self.target, 0)  # refused before any work where it cannot be asked

    def run(self) -> Findings:
        seeds, facts = self.count(5, 2), {"data": str(self.data), "target": self.target, "images": self.either(2000, 200)}
        tables = {name: looked(draw, name, seeds, self.cache, facts) for name, draw in self.sets().items()}
        found = {name: number for key, table in tables.items() for name, number in numbers(key, table).items()}
        pictures = figures(tables)
        bars: tuple[Bar, ...] = ()
        said = tuple(sentence for name in tables for sentence in findings(name, found))
        listed = {f"{name}, means over seeds": summed(name, found) for name in tables}
        if self.data is None:
            held = heldout(self.count(3, 1), self.either(Size(), SMALL), self.cache)
            for column in held.columns.drop("seed"):
                found[f"held-out/{column}"] = mean_of(f"held-out/{column}", held[column], held["seed"], bounds=(0.0, 1.0))
            bars, said = (Bar("held-out/self-influence, AUC", 0.99, source="Schioppa et al. 2022, by Arnoldi"),), (*said, HELD)
            listed["held-out images, each seed"] = held
            for draw in self.sets().values():
                pictures |= grids(trained(draw(0), 0), self.either(3, 1))
        each = {f"{name}, each seed": table.drop(columns="curve") for name, table in tables.items()}
        return Findings(listed | each, pictures, found, said, bars, ORIGINALS, REPLACED if self.data is None else ())

    def sets(self) -> dict[str, Draw]:
        """What is looked through, drawn by seed."""
        if self.data is not None:
            path, target = self.data, self.target or ""
            return {Path(path).stem: lambda seed: rows(path, target, seed)}
        count, pool = self.either(2000, 200), self.either(20_000, 1000)
        return {name: lambda seed, name=name: images(name, count, pool, seed) for name in IMAGES}


def numbers(key: str, table: pd.DataFrame) -> dict[str, Number]:
    """Means over seeds of every ranking."""
    first = table[table["ranking"] == RANDOM]
    found = {f"{key}/accuracy": mean_of(f"{key}/accuracy", first["accuracy"], first["seed"], bounds=(0.0, 1.0))}
    for ranking, each in table.groupby("ranking", sort=False):
        for column in COLUMNS:
            name = f"{key}/{ranking}/{column}"
            found[name] = mean_of(name, each[column], each["seed"], bounds=(0.0, 1.0) if column != "seconds" else (0.0, float("inf")))
    lead = table.pivot(index="seed", columns="ranking", values="auc")
    for ranking in RANKINGS:
        if ranking not in ("loss", RANDOM):
            name = f"{key}/{ranking}/auc less the loss's"
            found[name] = mean_of(name, lead[ranking] - lead["loss"], lead.index)
    return found


def best(key: str, found: dict[str, Number]) -> str:
    """The ranking of the highest mean AUC."""
    return max(RANKINGS, key=lambda ranking: found[f"{key}/{ranking}/auc"].estimate.value or 0.0)


def findings(key: str, found: dict[str, Number]) -> tuple[str, ...]:
    """What is found first, and what it is ahead of."""
    first, influence = best(key, found), "influence, EK-FAC"
    beyond = [
        ranking for ranking in RANKINGS
        if (number := found.get(f"{key}/{ranking}/auc less the loss's")) and number.estimate.low is not None and number.estimate.low > 0
    ]  # fmt: skip
    ahead = f"{', '.join(beyond)} {'is' if len(beyond) == 1 else 'are'} surely ahead of it" if beyond else "no method is surely ahead of it"
    return (
        f"{key}: {first} has the highest AUC, {{{key}/{first}/auc}} (average precision {{{key}/{first}/ap}}); of a network that is right on "
        f"{{{key}/accuracy}} of true examples, the loss alone has {{{key}/loss/auc}}, and {ahead}.",
        f"{key}: self-influence by EK-FAC has {{{key}/{influence}/auc}} in {{{key}/{influence}/seconds}} seconds, by Arnoldi "
        f"{{{key}/influence, Arnoldi/auc}} in {{{key}/influence, Arnoldi/seconds}}, TracIn {{{key}/TracIn/auc}} in {{{key}/TracIn/seconds}}, the "
        f"boundary of the input {{{key}/sample boundary/auc}} in {{{key}/sample boundary/seconds}}; looking at a tenth of the data finds "
        f"{{{key}/{influence}/found at 10%}} of the flipped labels by EK-FAC and {{{key}/random/found at 10%}} at random.",
    )


def summed(key: str, found: dict[str, Number]) -> pd.DataFrame:
    """A row for each ranking, the highest AUC first."""
    order = sorted(RANKINGS, key=lambda ranking: -(found[f"{key}/{ranking}/auc"].estimate.value or 0.0))
    return pd.DataFrame([{"ranking": ranking, **{column: str(found[f"{key}/{ranking}/{column}"]) for column in COLUMNS}} for ranking in order])


def figures(tables: dict[str, pd.DataFrame]) -> dict[str, Figure]:
    """Gains curves, and AUC and cost side by side."""
    gains = pd.concat([curves(table, name, list(SHOWN)) for name, table in tables.items()])
    return {
        "gains": Figure(
            lines(gains, x="looked", x_title="training examples looked at (%)", y_title="share of the flipped labels found", domain=[0, 1]),
            "What an inspection in the order of each ranking finds: means, and the range over the seeds.",
        ),
        "auc": Figure(side_by_side(tables, "auc", "ROC AUC of flipped labels"), "ROC AUC of every ranking: means and 95 % intervals over seeds."),
        "cost": Figure(
            side_by_side(tables, "seconds", "seconds of one core (log scale)", (0.0, float("inf"))),
            "What each ranking takes, its fit included: means and 95 % intervals over seeds.",
        ),
    }


def side_by_side(tables: dict[str, pd.DataFrame], column: str, title: str, reach: tuple[float, float] = (0.0, 1.0)) -> alt.TopLevelMixin:
    """A row for each ranking, in the order of its mean over the sets, a dot for each set; a figure without an upper bound is on a log scale."""
    whole = pd.concat([table.assign(set=name) for name, table in tables.items()])
    order = whole.groupby("ranking")[column].mean().sort_values(ascending=False).index
    rows = []
    for ranking in order:
        for name in tables:
            each = whole[(whole["ranking"] == ranking) & (whole["set"] == name)]
            it = mean_of(ranking, each[column], each["seed"], bounds=reach).estimate
            rows.append({"ranking": ranking, "series": name, "value": it.value, "low": it.low, "high": it.high})
    frame, log = pd.DataFrame(rows), reach[1] == float("inf")
    least, most = float(frame["value"][frame["value"] > 0].min()), float(frame["value"].max())
    domain = [least / 2, 2 * most] if log else [min(0.4, float(frame["value"].min())), 1.0]
    return dots(frame, category="ranking", x_title=title, domain=domain, log_x=log)


HELD = (
    "In the protocol of the paper on Arnoldi, labels corrupted among held-out digits, self-influence has an AUC of {held-out/self-influence, AUC} "
    "and an average precision of {held-out/self-influence, AP}; the loss has {held-out/loss, AUC} and {held-out/loss, AP}."
)
ORIGINALS = (
    "It compares methods without the loss and the margin, which cost a pass without gradients and find as much.",
    "Its Arnoldi keeps the smallest eigenvalues instead of the largest; its representer points by local Jacobian divide by a batch's size.",
    "It has no seeds, no intervals and no cost beside the curves.",
)
REPLACED = (
    "Its VGG on CIFAR-10 is replaced by a CNN of two convolutions on 2,000 images that one core trains in seconds.",
    "Conjugate gradients and LiSSA are left out: they solve exact influence's system, once for each training image.",
)
