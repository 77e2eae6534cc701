"""What training loses without the examples that each method names first of all queries together, and DIVINE's trade-off; over seeds.

The thesis retrains once without every example that is some query's first, fewer by influence than by RelatIF. Here as many are left out by every
method and, beside them, as many drawn at random; a run and its baseline differ by these examples alone.
"""

from typing import Any

import numpy as np
import pandas as pd
import torch

import wherefrom as wf
from wherefrom_studies.findings import Figure, Findings, Number, mean_of, single
from wherefrom_studies.panels import dots, lines
from wherefrom_studies.relatif.digits import DECAYED, SMALL, Size, Trained, sized, trained, trainer
from wherefrom_studies.relatif.lists import DIVINE, INFLUENCE, METHODS, RANDOM, THETA, L
from wherefrom_studies.study import Study


def chosen(one: Trained, seed: int, count: int) -> tuple[dict[str, np.ndarray], wf.select.TradeOff]:
    """The examples that each method names first of all queries together, and DIVINE's curve."""
    fitted = one.ihvp.fit(one.problem)
    found, influence = {}, torch.empty(0)
    for name, method in METHODS.items():
        values = wf.attribute(method(fitted), one.problem, one.queries, aggregate=True, progress=False).values[0]
        found[name] = values.argsort(descending=True, stable=True)[:count].numpy()
        influence = values if name == INFLUENCE else influence
    divine = wf.select.divine(influence, one.X, count, progress=False)
    found[DIVINE] = divine.ids.astype(int)
    found[RANDOM] = np.random.default_rng(seed).choice(len(one.problem), count, replace=False)
    return found, divine.curve


def retrained(seed: int, size: Size, count: int) -> list[dict[str, Any]]:
    """A row for each method: mean loss of the queries with all examples and without those that it names."""
    one = trained(DECAYED, seed, size)
    groups, curve = chosen(one, seed, count)
    outcomes = wf.retrain_without(one.problem, groups, one.queries, trainer(), seeds=(seed,), progress=False)
    before, after = float(outcomes.baseline.mean()), outcomes.values[0].mean(0)
    rows = [
        {"seed": seed, "method": name, "loss": before, "loss without": float(after[place]), "chosen": np.sort(ids).tolist()}
        for place, (name, ids) in enumerate(groups.items())
    ]
    told = zip(curve.gamma, curve.influence, curve.diversity, curve.distance, strict=True)
    points = [{"seed": seed, "method": "curve", "gamma": g, "influence": i, "diversity": d, "distance": far} for g, i, d, far in told]
    return rows + points


def measured(study: Study, size: Size, count: int) -> pd.DataFrame:
    """Every seed."""
    told = wf.progress.track(study.count(5, 2), "trained without the first", len(study.count(5, 2)))
    facts = {**sized(size), "count": count}
    parts = [study.cache.rows("removed", {**facts, "seed": seed}, lambda seed=seed: retrained(seed, size, count)) for seed in told]
    return pd.concat(parts, ignore_index=True)


def agreeing(table: pd.DataFrame) -> dict[str, list[float]]:
    """For each method the share of its choice that every two seeds have in common."""
    found = {}
    for name, rows in table[table["method"] != "curve"].groupby("method", sort=False):
        sets = [set(map(int, ids)) for ids in rows["chosen"]]
        found[str(name)] = [len(a & b) / len(a) for place, a in enumerate(sets) for b in sets[:place]]
    return found


def removed(study: Study) -> Findings:
    """Loss without the first of each method, beside random ones, and DIVINE's trade-off and stability."""
    size, count = study.either((Size(), 100), (SMALL, 20))
    table = measured(study, size, count)
    seeds = sorted(table["seed"].unique().tolist())
    after = table[table["method"] != "curve"].pivot(index="seed", columns="method", values="loss without")
    before = table[table["method"] == RANDOM].set_index("seed")["loss"]
    numbers: dict[str, Number] = {"removed/loss": mean_of("loss", before, seeds)}
    rows = []
    for name in (*METHODS, DIVINE, RANDOM):
        numbers[f"removed/{name}/change"] = mean_of("change", after[name] - before, seeds)
        numbers[f"removed/{name}/over random"] = mean_of("over random", after[name] - after[RANDOM], seeds)
        it = numbers[f"removed/{name}/change"].estimate
        rows.append({"method": name, "series": RANDOM if name == RANDOM else "named first", "value": it.value, "low": it.low, "high": it.high})
    for name, shares in agreeing(table).items():
        numbers[f"removed/{name}/chosen again"] = single("chosen again", float(np.mean(shares)) if shares else None, seeds)
    numbers["removed/chosen again, chance"] = single("chance", count / size.images)
    curve, frame = kept_and_spread(table), pd.DataFrame(rows)
    numbers |= {f"removed/spread/{gamma:g}": number for gamma, number in spreads(table).items()}
    edges = [float(frame[["value", "low"]].min().min()), float(frame[["value", "high"]].max().max())]
    figures = {
        "retrained": Figure(
            dots(frame, category="method", x_title=f"rise of the mean loss without the first {count}", domain=[min(0.0, edges[0]), 1.05 * edges[1]]),
            f"Trained again without the {count} examples that each method names first of all queries together: rise of the queries' mean loss, means "
            "over seeds, 95 % intervals.",
        ),
        "trade-off": Figure(
            lines(curve, x="gamma", x_title="γ, the weight of diversity", y_title="relative to the plain top", log_x=True, width=260),
            f"DIVINE, {count} examples: what more diversity costs in influence and brings in distance between pairs; means and 95 % intervals over "
            f"seeds.",
        ),
    }
    each = table[table["method"] != "curve"].drop(columns=["gamma", "influence", "diversity", "distance"], errors="ignore")
    tables = {"removed, each seed": each.drop(columns="chosen"), "DIVINE, trade-off": curve}
    return Findings(tables, figures, numbers, findings(count), originals=ORIGINALS)


def points(table: pd.DataFrame) -> pd.DataFrame:
    """The trade-off at the γ that every seed was asked at, distance and diversity relative to the plain top's."""
    curve = table[table["method"] == "curve"]
    relative = {column: curve[column] / curve.groupby("seed")[column].transform("first") for column in ("distance", "diversity")}
    curve = curve.assign(**relative)
    return curve.groupby("gamma").filter(lambda rows: len(rows) == table["seed"].nunique() and rows["gamma"].iloc[0] > 0)


def kept_and_spread(table: pd.DataFrame) -> pd.DataFrame:
    """Means and intervals of influence, distance and facility location by γ."""
    rows = []
    for gamma, part in points(table).groupby("gamma"):
        for column, title in (("influence", "influence kept"), ("distance", "distance between pairs"), ("diversity", "facility location")):
            it = mean_of(column, part[column], part["seed"]).estimate
            low, high = (it.value if edge is None else edge for edge in (it.low, it.high))
            rows.append({"panel": "DIVINE", "series": title, "gamma": gamma, "value": it.value, "low": low, "high": high})
    return pd.DataFrame(rows)


def spreads(table: pd.DataFrame) -> dict[float, Number]:
    """How much further apart pairs lie at γ = 1, 10 and 100 than in the plain top."""
    at = points(table)
    rows = {gamma: at[np.isclose(at["gamma"], gamma)] for gamma in (1.0, 10.0, 100.0)}
    return {gamma: mean_of("spread", part["distance"], part["seed"]) for gamma, part in rows.items()}


def findings(count: int) -> tuple[str, ...]:
    """What is missed, and how the choice holds over seeds."""
    return (
        f"Without the {count} examples that influence names first of all queries together the queries' mean loss rises by "
        f"{{removed/{INFLUENCE}/change}} from {{removed/loss}}, without DIVINE's by {{removed/{DIVINE}/change}}, theta-RelatIF's "
        f"{{removed/{THETA}/change}}, l-RelatIF's {{removed/{L}/change}} and random ones {{removed/{RANDOM}/change}}.",
        f"Beyond random ones that is {{removed/{INFLUENCE}/over random}} for influence and {{removed/{THETA}/over random}} for theta-RelatIF: "
        f"RelatIF "
        "explains a prediction, it does not foretell what training would miss.",
        f"Over seeds of training DIVINE's {count} are {{removed/{DIVINE}/chosen again}} the same and influence's "
        f"{{removed/{INFLUENCE}/chosen again}} "
        f"(chance {{removed/chosen again, chance}}); at γ = 10 its pairs lie {{removed/spread/10}} times as far apart as those of the plain top.",
    )


ORIGINALS = (
    "It retrains once, without every example that is first of some query: fewer by influence than by RelatIF, no random arm, no seeds. It planned "
    "DIVINE and could not run it.",
)
