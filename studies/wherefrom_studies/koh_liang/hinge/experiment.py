"""(c) A loss that is not differentiable: a linear SVM, and influence by smooth hinges at its weights (Koh & Liang 2017, section 4.3)."""

from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.svm import LinearSVC

import wherefrom as wf
from wherefrom_studies.study import Study

TEMPERATURES = (0.0, 0.001, 0.1)
L2 = 0.01


def train_svm(problem: wf.Problem, seed: int) -> dict[str, torch.Tensor]:
    """Return the minimiser of (1/N) Σ max(0, 1 - y s) + l2/2 ‖θ‖²: LinearSVC's C is 1/(N l2), where N stays when an example is left out."""
    batches = list(problem.batches())
    X, y = (torch.cat([getattr(batch, name) for batch in batches]).numpy() for name in ("inputs", "targets"))
    dual: Any = True
    solver = LinearSVC(loss="hinge", dual=dual, C=1 / (problem.normaliser * L2), fit_intercept=False, tol=1e-9, max_iter=2_000_000, random_state=seed)
    solver.fit(X, y)
    return {"weight": torch.from_numpy(solver.coef_.copy())}


def read_ones_and_sevens(split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return MNIST's images of 1 (label 0) and 7 (label 1), flat, in float64."""
    data = wf.datasets.mnist(split)
    rows = (data.y == 1) | (data.y == 7)
    return data.X[rows].flatten(1).double(), (data.y[rows] == 7).long()


def predict_changes(images: int, points: int, queries: int) -> list[dict[str, Any]]:
    """Return predicted and retrained changes of the highest hinge losses of test images, for the points that the hinge ranks first."""
    X, y = (one[:images] for one in read_ones_and_sevens("train"))
    model = torch.nn.Linear(X.shape[1], 1, bias=False, dtype=torch.float64).eval()
    problem = wf.Problem.of(model, wf.smooth_hinge(0.0, l2=L2), (X, y))
    problem = problem.at(train_svm(problem, 0))
    X, y = read_ones_and_sevens("test")
    loss = (1 - torch.where(y > 0, 1, -1) * problem.outputs(X)[:, 0]).detach()
    places = loss.argsort(descending=True, stable=True)[:queries]
    asked = wf.Examples.of((X[places], y[places]), ids=places.numpy())
    smooth = {t: wf.Problem.of(problem.model, wf.smooth_hinge(t, l2=L2), problem.train).at(problem.parameters) for t in TEMPERATURES}
    ihvp = wf.IHVP(wf.GaussNewton(), wf.Exact(), damping=0.0)
    scores = {t: wf.attribute(wf.InfluenceFunction(ihvp), one, asked, progress=False) for t, one in smooth.items()}
    tops = scores[0.0].top(points, by="magnitude").ids
    truth = wf.leave_one_out(problem, np.unique(tops), asked, train_svm)
    rows = []
    for place, query in enumerate(asked.ids.tolist()):
        for key in tops[place].tolist():
            actual = float(truth.change[place, list(truth.groups).index(str(key))])
            found = {f"t = {t:g}": float(one.select([key])[place, 0]) for t, one in scores.items()}
            rows.append({"query": query, "left out": key, "actual": actual, **found})
    return rows


def sizes_of(study: Study) -> tuple[int, ...]:
    """Return how many images the machines of a form are trained on."""
    return study.either((5000, 1500), (5000,))


def retrain_machines(study: Study) -> pd.DataFrame:
    """Return the changes of each number of training images."""
    asked = {"points": study.either(60, 20), "queries": study.either(10, 3)}
    tables = [
        study.cache.rows("hinge", {"images": size, **asked}, lambda size=size: predict_changes(size, **asked)).assign(images=size)
        for size in sizes_of(study)
    ]
    return pd.concat(tables, ignore_index=True)
