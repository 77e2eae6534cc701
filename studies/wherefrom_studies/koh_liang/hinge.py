"""(c) A loss that is not differentiable: a linear SVM, and influence by smooth hinges at its weights (Koh & Liang 2017, section 4.3)."""

from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.svm import LinearSVC

import wherefrom as wf
from wherefrom_studies.findings import Bar, Figure, Findings, Number, median_of
from wherefrom_studies.pictures import against
from wherefrom_studies.study import Study

TEMPERATURES = (0.0, 0.001, 0.1)
PUBLISHED = {0.0: 0.632, 0.001: 0.950, 0.1: 0.914}
L2 = 0.01


def svm(problem: wf.Problem, seed: int) -> dict[str, torch.Tensor]:
    """The minimiser of (1/N) Σ max(0, 1 - y s) + l2/2 ‖θ‖²: LinearSVC's C is 1/(N l2), where N stays when an example is left out."""
    batches = list(problem.batches())
    X, y = (torch.cat([getattr(batch, name) for batch in batches]).numpy() for name in ("inputs", "targets"))
    dual: Any = True
    solver = LinearSVC(loss="hinge", dual=dual, C=1 / (problem.normaliser * L2), fit_intercept=False, tol=1e-9, max_iter=2_000_000, random_state=seed)
    solver.fit(X, y)
    return {"weight": torch.from_numpy(solver.coef_.copy())}


def ones_and_sevens(split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """MNIST's images of 1 (label 0) and 7 (label 1), flat, in float64."""
    data = wf.datasets.mnist(split)
    rows = (data.y == 1) | (data.y == 7)
    return data.X[rows].flatten(1).double(), (data.y[rows] == 7).long()


def compared(images: int, points: int, queries: int) -> list[dict[str, Any]]:
    """Predicted and retrained changes of the hinge loss of the test images where it is highest, for the points that the hinge ranks first."""
    X, y = (one[:images] for one in ones_and_sevens("train"))
    model = torch.nn.Linear(X.shape[1], 1, bias=False, dtype=torch.float64).eval()
    problem = wf.Problem.of(model, wf.smooth_hinge(0.0, l2=L2), (X, y))
    problem = problem.at(svm(problem, 0))
    X, y = ones_and_sevens("test")
    loss = (1 - torch.where(y > 0, 1, -1) * problem.outputs(X)[:, 0]).detach()
    places = loss.argsort(descending=True, stable=True)[:queries]
    asked = wf.Examples.of((X[places], y[places]), ids=places.numpy())
    smooth = {t: wf.Problem.of(problem.model, wf.smooth_hinge(t, l2=L2), problem.train).at(problem.parameters) for t in TEMPERATURES}
    ihvp = wf.IHVP(wf.GaussNewton(), wf.Exact(), damping=0.0)
    scores = {t: wf.attribute(wf.InfluenceFunction(ihvp), one, asked, progress=False) for t, one in smooth.items()}
    tops = scores[0.0].top(points, by="magnitude").ids
    truth = wf.leave_one_out(problem, np.unique(tops), asked, svm)
    rows = []
    for place, query in enumerate(asked.ids.tolist()):
        for key in tops[place].tolist():
            actual = float(truth.change[place, list(truth.groups).index(str(key))])
            found = {f"t = {t:g}": float(one.select([key])[place, 0]) for t, one in scores.items()}
            rows.append({"query": query, "left out": key, "actual": actual, **found})
    return rows


def hinge(study: Study) -> Findings:
    """Correlation and slope by temperature and by how many images the machine was trained on, over queries."""
    sizes, asked = study.either((5000, 1500), (5000,)), {"points": study.either(60, 20), "queries": study.either(10, 3)}
    tables = {size: study.cache.rows("hinge", {"images": size, **asked}, lambda size=size: compared(size, **asked)) for size in sizes}
    numbers = {name: number for images, table in tables.items() for name, number in _numbers(images, table).items()}
    first = tables[sizes[0]]
    long = first.melt(["query", "left out", "actual"], [f"t = {t:g}" for t in TEMPERATURES], "temperature", "predicted")
    figure = Figure(
        against(long[long["query"] == first["query"].iloc[0]], panels="temperature", unit="hinge loss change", columns=3, size=170, alike=False),
        f"A linear SVM on {sizes[0]} images, the hinge loss of the test image where it is highest: changes predicted with smooth hinges "
        "of temperature t at the hinge's own weights, against retraining without each of the images that the hinge ranks first; the dashes "
        "are y = x.",
    )
    at = f"hinge/{sizes[0]} images"
    said = (
        f"Influence by the hinge itself (t = 0), whose second derivative is zero, has r {{{at}/t=0/pearson}} and a slope of {{{at}/t=0/slope}}; a "
        f"smooth hinge at the same weights has r {{{at}/t=0.001/pearson}} and a slope of {{{at}/t=0.001/slope}} at t = 0.001, and r "
        f"{{{at}/t=0.1/pearson}} at t = 0.1 (medians over queries).",
    )
    if len(sizes) > 1:
        said += (
            f"With {sizes[1]} images instead, each of which moves the margins more, t = 0.001 has r {{hinge/{sizes[1]} images/t=0.001/pearson}} "
            f"and a slope of {{hinge/{sizes[1]} images/t=0.001/slope}}: smoothing does not help where one image moves the model far.",
        )
    bars = (
        Bar(f"{at}/t=0.001/pearson", at_least=0.90, source="the paper: 0.95"),
        Bar(f"{at}/t=0.001/slope", 0.9, 1.1),
        Bar(f"{at}/t=0/pearson", at_most=0.65, source="the paper: 0.63"),
    )
    original = "The paper's hinge figures are of one test image and 100 training images; here they are medians over ten, each with its own images."
    listed = pd.concat([table.assign(images=images) for images, table in tables.items()], ignore_index=True)
    return Findings({"hinge, predicted and retrained changes": listed}, {"hinge": figure}, numbers, said, bars, (original,))


def _numbers(images: int, table: pd.DataFrame) -> dict[str, Number]:
    numbers = {}
    for t in TEMPERATURES:
        each = [(rows["actual"].to_numpy(), rows[f"t = {t:g}"].to_numpy()) for _, rows in table.groupby("query")]
        name = f"hinge/{images} images/t={t:g}"
        numbers[f"{name}/pearson"] = median_of("pearson", [np.corrcoef(x, y)[0, 1] for x, y in each], (0,), PUBLISHED[t])
        numbers[f"{name}/slope"] = median_of("slope", [np.polyfit(x, y, 1)[0] for x, y in each], (0,))
    return numbers
