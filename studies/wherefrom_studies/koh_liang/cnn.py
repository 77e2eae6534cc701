"""(b) A network with convolutions, not convex: predicted against actual leave-one-out at a minimum (Koh & Liang 2017, section 4.2).

Two convolutions of six channels with tanh and a linear layer (1,360 parameters) on images of 14 × 14 pixels, trained in float64 by L-BFGS to a
gradient of 1e-7 and again from there without each image; the original stops Adam after 500,000 steps and retrains for 30,000.
"""

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn.functional import avg_pool2d, cross_entropy

import wherefrom as wf
from wherefrom_studies.findings import Bar, Figure, Findings, Number, median_of, single
from wherefrom_studies.minimum import settled
from wherefrom_studies.pictures import against
from wherefrom_studies.study import Study

WIDTH, LAST = 6, "5.*"
FIRST, LESS = 0.01, 0.003  # weight decays
SEEDS = {FIRST: 5, LESS: 3}  # with less a training takes longer
DAMPING = 0.01  # the original's
EXACT, LEVERAGE, DAMPED = "exact", "exact, with leverage", f"damped by {DAMPING:g}"
FORMS = (EXACT, LEVERAGE, DAMPED)
PUBLISHED = 0.86
FIGURES = ("pearson", "slope", "pearson, random images")


def network() -> nn.Module:
    """The network in float64."""
    below = [nn.Conv2d(1, WIDTH, 3, stride=2, padding=1), nn.Tanh(), nn.Conv2d(WIDTH, WIDTH, 3, stride=2, padding=1), nn.Tanh()]
    return nn.Sequential(*below, nn.Flatten(), nn.Linear(16 * WIDTH, 10)).double().eval()


def compared(seed: int, decay: float, images: int, hard: int, top: int, random: int) -> list[dict[str, Any]]:
    """The digits of highest loss among a thousand: changes predicted by each form and true ones, of their most influential images and of random ones.

    A seed whose training comes to no minimum is one row that says why.
    """
    data = wf.datasets.mnist("test", limit=images + 1000)
    X, y = avg_pool2d(data.X.view(-1, 1, 28, 28), 2).double(), data.y
    problem = wf.Problem.of(network(), wf.cross_entropy(l2=decay), (X[:images], y[:images])).initialised(seed)
    facts = {"seed": seed, "decay": decay}
    try:
        problem, matrix, trainer = settled(problem, LAST)
    except wf.UsageError as error:
        return [{**facts, "why not": str(error)}]
    with torch.no_grad():
        outputs = problem.outputs(X[images:])
        losses = cross_entropy(outputs, y[images:], reduction="none")
    facts |= {"accuracy": float((outputs.argmax(1) == y[images:]).double().mean()), "why not": ""}
    places = images + losses.argsort(descending=True, stable=True)[:hard]
    asked = wf.Examples.of((X[places], y[places]), ids=places.numpy())
    fitted = {damping: wf.IHVP(matrix, wf.Exact(), damping).fit(problem) for damping in (0.0, DAMPING)}
    methods = {EXACT: (0.0, False), LEVERAGE: (0.0, True), DAMPED: (DAMPING, False)}
    scores = {
        form: wf.attribute(wf.InfluenceFunction(fitted[damping], leverage=leverage), problem, asked, progress=False)
        for form, (damping, leverage) in methods.items()
    }
    tops = scores[EXACT].top(top, by="magnitude").ids
    drawn = np.random.default_rng(seed).choice(images, random, replace=False)
    truth = wf.leave_one_out(problem, np.union1d(tops, drawn), asked, trainer, progress=False)
    rows = []
    for place, query in enumerate(asked.ids.tolist()):
        for key in np.union1d(tops[place], drawn).tolist():
            actual = float(truth.change[place, list(truth.groups).index(str(key))])
            kind = "top" if key in tops[place] else "random"
            found = {form: float(one.select([key])[place, 0]) for form, one in scores.items()}
            rows.append({**facts, "query": query, "left out": key, "kind": kind, "actual": actual, **found})
    return rows


def cnn(study: Study) -> Findings:
    """Correlation and slope of each form by weight decay, over seeds of the initialisation."""
    settings: dict[str, Any] = study.either({"images": 1000, "hard": 5, "top": 15, "random": 20}, {"images": 200, "hard": 2, "top": 5, "random": 5})
    cells = [(decay, seed) for decay in study.either((FIRST, LESS), (FIRST,)) for seed in study.count(SEEDS[decay], 2)]
    parts = []
    for decay, seed in wf.progress.track(cells, "networks with convolutions", len(cells)):
        asked = {"seed": seed, "decay": decay, **settings}
        parts.append(study.cache.rows("cnn", asked, lambda asked=asked: compared(**asked)))
    table = pd.concat(parts, ignore_index=True)
    numbers = {name: number for decay, rows in table.groupby("decay") for name, number in numbered(f"cnn/{decay:g}", rows).items()}
    first = f"cnn/{FIRST:g}"
    shown = table[(table["decay"] == FIRST) & (table["why not"] == "")]
    if shown.empty:
        raise wf.UsageError(f"No training with weight decay {FIRST:g} came to a minimum; give more --seeds. {table['why not'].iloc[0]}")
    shown = shown[(shown["seed"] == shown["seed"].iloc[0]) & (shown["query"] == shown["query"].iloc[0])]
    figure = Figure(
        against(shown.melt(["kind", "actual"], [EXACT, LEVERAGE, DAMPED], "form", "predicted"), panels="form", series="kind", unit="loss change",
                columns=3, size=170),
        f"Two convolutions with tanh on {settings['images']} digits, weight decay {FIRST:g}, the digit of highest loss: changes predicted for "
        "leaving one image out, against retraining; the dashes are y = x.",
    )  # fmt: skip
    said = [
        f"A network of two convolutions (accuracy {{{first}/accuracy}}) at a minimum, weight decay {FIRST:g}: r is {{{first}/{EXACT}/pearson}} "
        f"by the exact inverse with a slope of {{{first}/{EXACT}/slope}}, {{{first}/{LEVERAGE}/pearson}} and {{{first}/{LEVERAGE}/slope}} with "
        f"leverage; over random images alone r is {{{first}/{EXACT}/pearson, random images}}.",
        f"The original's damping of {DAMPING:g} on top, as large as the decay, makes the slope {{{first}/{DAMPED}/slope}}; r stays "
        f"{{{first}/{DAMPED}/pearson}}.",
    ]
    if not study.quick:
        less = f"cnn/{LESS:g}"
        said.append(
            f"With a third of the weight decay r is {{{less}/{EXACT}/pearson}} and with leverage {{{less}/{LEVERAGE}/pearson}}. "
            f"{{{less}/no minimum}} of its trainings came to no minimum, {{{first}/no minimum}} at {FIRST:g}."
        )
    bars = (Bar(f"{first}/{EXACT}/pearson", at_least=0.88, source="the paper: 0.86"),)
    return Findings({"cnn, predicted and retrained changes": table}, {"cnn": figure}, numbers, tuple(said), bars, ORIGINALS)


ORIGINALS = (
    "The paper's network is retrained for 30,000 steps from weights that are no minimum, so that what it calls the actual change holds what more "
    "training does; here both ends are minima.",
)


def numbered(name: str, table: pd.DataFrame) -> dict[str, Number]:
    """Medians over seeds of each seed's median over its queries."""
    there = table[table["why not"] == ""]
    seeds = there["seed"].unique().tolist()
    found = {f"{name}/no minimum": single("no minimum", table["seed"].nunique() - len(seeds), table["seed"].unique().tolist())}
    if not seeds:
        return found | {f"{name}/{what}": single(what, None) for what in ("accuracy", *(f"{form}/{what}" for form in FORMS for what in FIGURES))}
    found[f"{name}/accuracy"] = median_of("accuracy", there.groupby("seed")["accuracy"].first(), seeds)
    for form in FORMS:
        published = PUBLISHED if form == DAMPED else None
        r, slope, plain = (
            over_seeds(there, form, _pearson),
            over_seeds(there, form, _slope),
            over_seeds(there[there["kind"] == "random"], form, _pearson),
        )
        found[f"{name}/{form}/pearson"] = median_of("pearson", r, seeds, published)
        found[f"{name}/{form}/slope"] = median_of("slope", slope, seeds)
        found[f"{name}/{form}/pearson, random images"] = median_of("pearson, random images", plain, seeds)
    return found


def over_seeds(table: pd.DataFrame, form: str, figure: Any) -> list[float]:
    """Each seed's median over queries of a figure of actual and predicted changes."""
    each = table.groupby(["seed", "query"], sort=False)[["actual", form]].apply(lambda rows: figure(rows["actual"], rows[form]))
    return each.groupby("seed", sort=False).median().tolist()


def _pearson(actual: Any, predicted: Any) -> float:
    return float(np.corrcoef(actual, predicted)[0, 1])


def _slope(actual: Any, predicted: Any) -> float:
    return float(np.polyfit(actual, predicted, 1)[0])
