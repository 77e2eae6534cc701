"""(a) Predicted against actual leave-one-out on MNIST softmax regression, by exact inverse, CG and LiSSA (Koh & Liang 2017, section 4.1)."""

from typing import Any

import numpy as np
import pandas as pd
import torch

import wherefrom as wf
from wherefrom_studies.study import Study

L2 = 0.01
FORMS = LINEAR, SOLVED, LISSA, LEVERAGE = "exact", "CG", "LiSSA", "exact, with leverage"


def train_softmax(images: int, pooled: bool) -> tuple[wf.Problem, wf.Examples]:
    """Train in float64 on the first images of MNIST's test set; ask about three digits of high loss and five others of its second half."""
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


def predict_changes(images: int, pooled: bool, count: int, depth: int, repeats: int) -> list[dict[str, Any]]:
    """Return, for each query, its most influential images and random ones: changes predicted by each form, and true ones."""
    problem, asked = train_softmax(images, pooled)
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


def retrain_digits(study: Study) -> pd.DataFrame:
    """Return predicted and retrained changes of each query and image left out."""
    settings = study.either(
        {"images": 5000, "pooled": False, "count": 100, "depth": 5000, "repeats": 10},
        {"images": 500, "pooled": True, "count": 20, "depth": 2000, "repeats": 5},
    )
    return study.cache.rows("leave-one-out", settings, lambda: predict_changes(**settings))
