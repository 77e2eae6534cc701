"""(d) What influence has that nearness has not: the terms of logistic regression's influence, dropped one by one (Koh & Liang 2017, section 2.3).

Influence of removing image i on the loss of digit t is s_t s_i x_tᵀ H⁻¹ x_i / n with s = σ(θᵀx) - y. Without the training image's own loss,
sign(s_i) stands for s_i; without the Hessian, x_tᵀ x_i for x_tᵀ H⁻¹ x_i; without both, the signed inner product is left; and nearness alone is
-‖x_t - x_i‖, which has no sign at all.
"""

from typing import Any

import numpy as np
import pandas as pd
import torch

import wherefrom as wf
from wherefrom_studies.koh_liang.hinge.experiment import read_ones_and_sevens
from wherefrom_studies.study import Study

L2 = 0.01
WHOLE, LOSSLESS, FLAT = "influence", "without the training loss", "without the Hessian"
PRODUCT, NEAR = "inner product, signed", "Euclidean nearness"
FORMS = (WHOLE, LOSSLESS, FLAT, PRODUCT, NEAR)


def train_logistic(images: int | None) -> tuple[wf.Problem, torch.Tensor, torch.Tensor]:
    """Return logistic regression of ones and sevens without bias at its minimum, and its images and labels."""
    X, y = (one[:images] for one in read_ones_and_sevens("train"))
    model = torch.nn.Linear(X.shape[1], 1, bias=False, dtype=torch.float64).eval()
    torch.nn.init.zeros_(model.weight)
    problem = wf.Problem.of(model, wf.binary_cross_entropy(l2=L2), (X, y))
    return problem.at(wf.train.newton(1e-10)(problem, 0).parameters), X, y


def score_forms(problem: wf.Problem, X: torch.Tensor, y: torch.Tensor, asked: wf.Examples) -> dict[str, torch.Tensor]:
    """Return every form of the scores of all images (q, n)."""
    ihvp = wf.IHVP(wf.Hessian(), wf.Exact(), damping=0.0)
    whole = wf.attribute(wf.InfluenceFunction(ihvp), problem, asked, progress=False).values
    flat = wf.attribute(wf.GradientDot(), problem, asked, progress=False).values
    with torch.no_grad():
        slopes = (problem.outputs(X)[:, 0].sigmoid() - y).abs()
    queries = torch.cat([batch.inputs for batch in problem.batches(asked)])
    return {WHOLE: whole, LOSSLESS: whole / slopes, FLAT: flat, PRODUCT: flat / slopes, NEAR: -torch.cdist(queries, X)}


def predict_changes(images: int | None, hard: int, top: int, random: int) -> list[dict[str, Any]]:
    """Return each form of the score and the true change, of the digits of highest loss and images that some form ranks first or chance."""
    problem, X, y = train_logistic(images)
    X_test, y_test = read_ones_and_sevens("test")
    with torch.no_grad():
        margins = problem.outputs(X_test)[:, 0] * (2 * y_test - 1)
    places = margins.argsort(stable=True)[:hard]
    asked = wf.Examples.of((X_test[places], y_test[places]), ids=places.numpy())
    scores = score_forms(problem, X, y, asked)
    drawn = np.random.default_rng(0).choice(len(X), random, replace=False)
    firsts = [np.concatenate([one[row].abs().topk(top).indices.numpy() for one in scores.values()]) for row in range(hard)]
    truth = wf.leave_one_out(problem, np.unique(np.concatenate([*firsts, drawn])), asked, wf.train.newton(1e-10), progress=False)
    column = {int(name): place for place, name in enumerate(truth.groups)}
    return [
        {"query": query, "left out": int(key), "kind": "random" if key in drawn else "first by some form", "alike": bool(y[key] == y_test[query]),
         "actual": float(truth.change[row, column[int(key)]]), **{form: float(one[row, key]) for form, one in scores.items()}}
        for row, query in enumerate(places.tolist())
        for key in np.union1d(firsts[row], drawn)
    ]  # fmt: skip


def retrain_digits(study: Study) -> pd.DataFrame:
    """Return scores and retrained changes of each query and image left out."""
    full, quick = {"images": None, "hard": 10, "top": 10, "random": 50}, {"images": 800, "hard": 3, "top": 5, "random": 20}
    settings: dict[str, Any] = study.either(full, quick)
    return study.cache.rows("terms", settings, lambda: predict_changes(**settings))
