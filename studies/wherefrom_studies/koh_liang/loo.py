"""(a) Predicted against actual leave-one-out on MNIST softmax regression, by exact inverse, CG and LiSSA (Koh & Liang 2017, section 4.1)."""

from typing import Any

import numpy as np
import pandas as pd
import torch

import wherefrom as wf
from wherefrom_studies.findings import Bar, Figure, Findings, Number, median_of, single
from wherefrom_studies.pictures import against
from wherefrom_studies.study import Study

L2 = 0.01
LISSA = "LiSSA"
LINEAR, LEVERAGE, SOLVED = "exact", "exact, with leverage", "CG"


def softmax_regression(images: int, pooled: bool) -> tuple[wf.Problem, wf.Examples]:
    """Trained in float64 on the first images of MNIST's test set; three digits of high loss and five others of its second half are asked about."""
    data = wf.datasets.mnist("test")
    X, y = (torch.nn.functional.avg_pool2d(data.X, 4) if pooled else data.X).flatten(1).double(), data.y
    model = torch.nn.Linear(X.shape[1], 10, dtype=torch.float64).eval()
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    problem = wf.Problem.of(model, wf.cross_entropy(l2=L2), (X[:images], y[:images]))
    problem = problem.at(wf.train.newton(1e-10)(problem, 0).parameters)
    with torch.no_grad():
        losses = torch.nn.functional.cross_entropy(problem.outputs(X[5000:]), y[5000:], reduction="none")
    places = 5000 + torch.cat([losses.argsort(descending=True, stable=True)[[0, 10, 50]], torch.arange(5)])
    return problem, wf.Examples.of((X[places], y[places]), ids=places.numpy())


def compared(images: int, pooled: bool, count: int, depth: int, repeats: int) -> list[dict[str, Any]]:
    """Each query's most influential images and random ones: changes predicted by each form, and true ones."""
    problem, asked = softmax_regression(images, pooled)
    exact = wf.IHVP(wf.Hessian(), wf.Exact()).fit(problem)
    lissa = wf.LiSSA(depth=depth, repeats=repeats, batch_size=1)
    scores = {
        LINEAR: wf.attribute(wf.InfluenceFunction(exact), problem, asked),
        SOLVED: wf.attribute(wf.InfluenceFunction(wf.IHVP(wf.Hessian(), wf.CG(tolerance=1e-8))), problem, asked),
        LISSA: wf.attribute(wf.InfluenceFunction(wf.IHVP(wf.Hessian(), lissa)), problem, asked),
    }
    tops = scores[LINEAR].top(count, by="magnitude").ids
    random = np.random.default_rng(0).choice(problem.ids, count, replace=False)
    ids = np.unique(np.concatenate([tops.ravel(), random]))
    scores[LEVERAGE] = wf.attribute(wf.InfluenceFunction(exact, leverage=True), problem, asked, ids=ids)
    truth = wf.leave_one_out(problem, ids, asked, wf.train.newton(1e-10))
    chosen = {name: one.select(ids.tolist()) for name, one in scores.items()}
    rows = []
    for place, query in enumerate(asked.ids.tolist()):
        for column in np.flatnonzero(np.isin(ids, np.concatenate([tops[place], random]))).tolist():
            found = {name: float(one[place, column]) for name, one in chosen.items()}
            kind = "top" if ids[column] in tops[place] else "random"
            rows.append({"query": query, "left out": int(ids[column]), "kind": kind, "actual": float(truth.change[place, column]), **found})
    return rows


def loo(study: Study) -> Findings:
    """Correlation, slope and signs of each form over the queries."""
    settings = study.either(
        {"images": 5000, "pooled": False, "count": 100, "depth": 5000, "repeats": 10},
        {"images": 500, "pooled": True, "count": 20, "depth": 2000, "repeats": 5},
    )
    table = study.cache.rows("leave-one-out", settings, lambda: compared(**settings))
    forms = (LINEAR, SOLVED, LISSA, LEVERAGE)
    numbers = {name: number for form in forms for name, number in _numbers(form, table).items()}
    one = table[table["query"] == table["query"].iloc[0]].melt(["query", "left out", "kind", "actual"], list(forms), "form", "predicted")
    figure = Figure(
        against(one, panels="form", series="kind", unit="loss change"),
        "Softmax regression on MNIST, the loss of the digit where it is highest: changes predicted for leaving one image out, against "
        "retraining; the most influential images and random ones; the dashes are y = x.",
    )
    said = (
        "By the exact inverse r with retraining is {loo/exact/pearson} with a slope of {loo/exact/slope} (medians over eight digits), by CG "
        "{loo/CG/pearson}, by LiSSA {loo/LiSSA/pearson}; the sign is right for {loo/exact/sign} of the most influential images.",
        "The slope below 1 is what first order leaves out: with leverage, a whole Newton step for each image, it is {loo/exact, with leverage/slope} "
        "and r {loo/exact, with leverage/pearson}.",
    )
    bars = (
        Bar("loo/exact/pearson", at_least=0.999),
        Bar("loo/exact/least pearson", at_least=0.997),
        Bar("loo/exact/slope", 0.86, 1.0),
        Bar("loo/CG/pearson", at_least=0.999),
        Bar("loo/exact, with leverage/pearson", at_least=0.9999),
        Bar("loo/exact, with leverage/slope", 0.98, 1.02),
        Bar("loo/LiSSA/least pearson", at_least=0.98, source="a replication: 0.998 on its 500 largest"),
    )
    original = "The paper correlates over the 500 training images of largest predicted influence, which flatters r; here random ones are too."
    return Findings({"leave-one-out, predicted and retrained changes": table}, {"leave-one-out": figure}, numbers, said, bars, (original,))


def _numbers(form: str, table: pd.DataFrame) -> dict[str, Number]:
    """Over the digits asked about: the median and the least correlation, the median slope, and signs over the most influential images."""
    groups = [rows for _, rows in table.groupby("query", sort=False)]
    r = [float(np.corrcoef(rows["actual"], rows[form])[0, 1]) for rows in groups]
    slope = [float(np.polyfit(rows["actual"], rows[form], 1)[0]) for rows in groups]
    top = table[table["kind"] == "top"]
    return {
        f"loo/{form}/pearson": median_of("pearson", r, (0,)),
        f"loo/{form}/least pearson": single("least pearson", min(r), (0,)),
        f"loo/{form}/slope": median_of("slope", slope, (0,)),
        f"loo/{form}/sign": single("sign", float((np.sign(top["actual"]) == np.sign(top[form])).mean()), (0,)),
    }
