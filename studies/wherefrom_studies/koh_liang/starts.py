"""(i) What the usual reading of the paper misses: how (a), (b), (f) and (h) move with the start of training, and what concentration says."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

import wherefrom as wf
from wherefrom_studies.findings import Figure, Findings, Number, mean_of, median_of, single
from wherefrom_studies.koh_liang import starts_attack, starts_labels
from wherefrom_studies.koh_liang.flipping import TOP
from wherefrom_studies.koh_liang.starts_ranked import CELLS, DEEP, EARLY, MINIMUM, agreeing
from wherefrom_studies.panels import dots
from wherefrom_studies.study import Study


def starts(study: Study) -> Findings:
    """Each part over starts that differ in nothing else."""
    parts = [ranked(study), flips(study), fixed(study)]
    tables = {name: table for part in parts for name, table in part.tables.items()}
    figures = {name: figure for part in parts for name, figure in part.figures.items()}
    numbers = {name: number for part in parts for name, number in part.numbers.items()}
    return Findings(tables, figures, numbers, tuple(sentence for part in parts for sentence in part.sentences))


def ranked(study: Study) -> Findings:
    """(a) and (b): how far the rankings of two starts agree."""
    seeds, images = tuple(range(max(2, len(study.count(5, 2))))), study.either(1000, 200)  # it takes two to agree
    tables: dict[str, pd.DataFrame] = {}
    numbers: dict[str, Number] = {}
    rows = []
    for name, work in CELLS.items():
        told = wf.progress.track(seeds, f"starts, {name}", len(seeds))
        each = [
            study.cache.rows("starts", {"cell": name, "seed": s, "images": images}, lambda s=s, work=work: work(s, images)) for s in told
        ]  # fmt: skip
        scored = pd.concat(each, ignore_index=True).query("query >= 0")
        table, there = agreeing(scored), scored["seed"].unique().tolist()
        tables[name] = table
        if name == DEEP:
            numbers[f"starts/{name}/no minimum"] = single("no minimum", len(seeds) - len(there), seeds)
        for what in ("spearman", "shared"):
            it = numbers[f"starts/{name}/{what}"] = median_of(what, table[what], there)
            rows.append({"cell": name, "series": SAID[what], "value": it.estimate.value, "low": it.estimate.low, "high": it.estimate.high})
        numbers[f"starts/{name}/chance"] = single("chance", float(table["chance"].iloc[0]))
    figure = Figure(
        dots(pd.DataFrame(rows), category="cell", x_title="agreement of two starts", domain=[0.0, 1.0]),
        "How far the influences of two models agree that differ in their start alone: medians over eight digits of means over pairs of starts, "
        "95 % intervals.",
    )
    said = (
        f"Softmax regression at its minimum knows no start: the rankings of two agree at {{starts/{MINIMUM}/spearman}}; stopped after one epoch of "
        f"SGD at {{starts/{EARLY}/spearman}}, and they share {{starts/{EARLY}/shared}} of their ten most influential images.",
        f"Of the network with convolutions the rankings of two starts agree at {{starts/{DEEP}/spearman}} and share {{starts/{DEEP}/shared}} of "
        f"their ten (by chance {{starts/{DEEP}/chance}}): an answer about this model is none about models trained like it. "
        f"{{starts/{DEEP}/no minimum}} starts came to no minimum.",
    )
    agreed = pd.concat([table.assign(model=name) for name, table in tables.items()], ignore_index=True)
    return Findings({"starts, agreement of rankings": agreed}, {"starts": figure}, numbers, said)


SAID = {"spearman": "rank correlation", "shared": "share of the ten largest that both name"}


def flips(study: Study) -> Findings:
    """(f): the attack on the last layer of a network, by start."""
    seeds = study.count(5, 2)
    size: dict[str, Any] = study.either({"images": 1000, "pool": 1, "asked": 20, "count": 3}, {"images": 200, "pool": 2, "asked": 4, "count": 2})
    told = wf.progress.track(seeds, "starts, attacks", len(seeds))
    parts = [study.cache.rows("starts_attack", {**size, "seed": s}, lambda s=s: starts_attack.attacked(s, **size)) for s in told]
    table = pd.concat(parts, ignore_index=True).astype({"flipped by": float})
    each = [rows for _, rows in table.groupby("seed", sort=False)]
    numbers: dict[str, Number] = {}
    for count in range(1, size["count"] + 1):
        numbers |= spread(f"starts/attack/flipped with {count}", [float((rows["flipped by"] <= count).mean()) for rows in each], seeds)
    numbers["starts/attack/accuracy"] = mean_of("accuracy", [rows["accuracy"].iloc[0] for rows in each], seeds, bounds=(0, 1))
    for what in (f"top {TOP} share", "margin"):
        values = [wf.metrics.spearman(rows[what].to_numpy(), rows["gain"].to_numpy()).value or 0.0 for rows in each]
        numbers[f"starts/attack/{what} and gain"] = mean_of("rank correlation", values, seeds, bounds=(-1, 1))
    numbers[f"starts/attack/top {TOP} share"] = mean_of("share", [rows[f"top {TOP} share"].mean() for rows in each], seeds, bounds=(0, 1))
    said = (
        "The attack on the last layer of a network, the layers below held as in the original (test accuracy {starts/attack/accuracy}): one image "
        "flips {starts/attack/flipped with 1} of the digits of smallest margin, from {starts/attack/flipped with 1, least} to "
        "{starts/attack/flipped with 1, most} by the start alone.",
        f"There the ten most influential images hold {{starts/attack/top {TOP} share}} of all influence; the rank correlation of that share with the "
        f"rise of the loss is {{starts/attack/top {TOP} share and gain}}, the margin's {{starts/attack/margin and gain}}.",
    )
    return Findings({"starts, attack on the last layer": table}, {}, numbers, said)


def fixed(study: Study) -> Findings:
    """(h): wrong labels found by a network, by start and by which labels are wrong."""
    seeds, limit = study.count(5, 2), study.either(None, 600)
    cells = [(start, 0) for start in seeds] + [(0, draw) for draw in seeds if draw]
    parts: list[pd.DataFrame] = []
    for start, draw in wf.progress.track(cells, "starts, labels", len(cells)):
        asked = {"start": start, "flips": draw, "limit": limit}
        parts.append(study.cache.rows("starts_labels", asked, lambda asked=asked: starts_labels.found(**asked)))
    table = pd.concat(parts, ignore_index=True)
    numbers: dict[str, Number] = {}
    for what, held, moved in (("start", "flips", "start"), ("flips", "start", "flips")):
        for name, rows in table[table[held] == 0].groupby("ranking"):
            numbers |= spread(f"starts/labels/{name}/by {what}", rows["fixed at 10%"].tolist(), rows[moved].tolist())
    said = (
        "Logistic regression of the mails knows no start. A network of one hidden layer finds {starts/labels/influence/by start} of the flipped "
        "labels in the first tenth by EK-FAC, from {starts/labels/influence/by start, least} to {starts/labels/influence/by start, most} by its "
        "start alone and from {starts/labels/influence/by flips, least} to {starts/labels/influence/by flips, most} by which labels are wrong; its "
        "loss finds {starts/labels/loss/by start}.",
    )
    return Findings({"starts, labels found by a network": table}, {}, numbers, said)


def spread(name: str, values: Iterable[float], seeds: Iterable[int]) -> dict[str, Number]:
    """The mean with its interval, the least and the most."""
    values, seeds = list(values), list(seeds)
    return {
        name: mean_of(name, values, seeds, bounds=(0, 1)),
        f"{name}, least": single("least", min(values), seeds),
        f"{name}, most": single("most", max(values), seeds),
    }
