"""Fifty examples that explain: DIVINE's three forms against the plain top, and Fisher kernels against RelatIF's top.

Digits: softmax regression (l2 1e-3) on 1,500 of scikit-learn's 8 × 8 digits, `--queries` (20) of the others one at a time. MNIST: the same on
the first 10,000 training images, averaged to 14 × 14 pixels, and the first 100 test images all at once. Influence is exact (Gauss-Newton); features
are pixels, γ the largest that keeps nine tenths of the influence. For each way of choosing m = 50 proponents: the influence kept, the mean distance
between pairs, how many of ten classes and of 50 k-means clusters of the training images they come from (means over queries), and the seconds of one
selection, the curve of 20 γ included. Fisher kernels: the share of the queries' gradient that 50 weighted examples explain, z_Sᵀ K_SS⁻¹ z_S over
its ceiling, for their choice, for the 50 largest |RelatIF(variant="l")|, the 50 largest |influence| and 50 random ones. Bars: DIVINE keeps at least
0.9, its pairs lie further apart and it meets more clusters than the plain top; a selection of 50 from 10,000 takes at most 60 s; Fisher kernels
explain the most. Writes selection.json and selection.png. `--quick` takes 300 digits, three queries, m = 10, and no MNIST.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import torch
from sklearn.cluster import KMeans
from torch import Tensor
from torch.nn.functional import avg_pool2d

import wherefrom as wf
from wherefrom.selection.fisher_kernels import FisherKernel

FORMS = {"facility location": wf.select.FacilityLocation(), "sum redundancy": wf.select.SumRedundancy(), "MMD": wf.select.MMD()}
PLAIN, FISHER = "plain top", "Fisher kernels"
KEPT, SECONDS = 0.9, 60.0
MET = {True: "met", False: "MISSED", None: "open"}


class Case:
    """A trained softmax regression on images, others to ask about, and the clusters of its training images."""

    def __init__(self, name: str, X: Tensor, y: Tensor, asked: tuple[Tensor, Tensor], clusters: int) -> None:
        self.name, self.X, self.y, self.asked = name, X.double(), y, (asked[0].double(), asked[1])
        problem = wf.Problem.of(torch.nn.Linear(X.shape[1], 10, dtype=torch.float64).eval(), wf.cross_entropy(l2=1e-3), (self.X, y))
        self.problem = problem.at(wf.train.newton()(problem, 0).parameters)
        self.ihvp = wf.IHVP().fit(self.problem)
        self.cluster = KMeans(clusters, n_init=1, random_state=0).fit_predict(self.X.numpy())

    def scores(self, queries: Any) -> wf.Scores:
        return wf.attribute(wf.InfluenceFunction(self.ihvp), self.problem, queries, aggregate=True, progress=False)


def digits(train: int, queries: int, clusters: int) -> Case:
    data = wf.datasets.bundled("digits")
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(data.y)))
    X, y = data.X.flatten(1)[order], data.y[order]
    return Case("digits", X[:train], y[:train], (X[train : train + queries], y[train : train + queries]), clusters)


def mnist(clusters: int) -> Case:
    train, test = (wf.datasets.mnist(split, limit=limit) for split, limit in (("train", 10_000), ("test", 100)))
    (X, y), (Xq, yq) = ((avg_pool2d(data.X, 2).flatten(1), data.y) for data in (train, test))
    return Case("MNIST, all queries at once", X, y, (Xq, yq), clusters)


def described(case: Case, way: str, selection: wf.select.DivineSelection, seconds: float) -> dict[str, Any]:
    ids = selection.ids
    return {
        "data": case.name, "chosen by": way, "influence kept": selection.influence, "distance": selection.distance,
        "classes": len(case.y[ids].unique()), "clusters": len(np.unique(case.cluster[ids])), "γ": selection.gamma, "seconds": seconds,
    }  # fmt: skip


def selections(case: Case, queries: Any, m: int) -> list[dict[str, Any]]:
    """A row for each form of DIVINE and the plain top."""
    scores, rows = case.scores(queries), []
    plain = wf.select.divine(scores, case.X, m, gamma=0, diversity=wf.select.SumRedundancy(), progress=False)
    rows.append(described(case, PLAIN, plain, 0.0))
    for name, form in FORMS.items():
        start = time.perf_counter()
        found = wf.select.divine(scores, case.X, m, diversity=form, progress=False)
        rows.append(described(case, name, found, time.perf_counter() - start))
    return rows


def explained(case: Case, queries: Any, m: int) -> list[dict[str, Any]]:
    """The share of the queries' gradient that each choice explains, with the best weights."""
    start = time.perf_counter()
    found = wf.select.fisher_kernel_select(case.ihvp, case.problem, queries, m, progress=False)
    seconds = time.perf_counter() - start
    with torch.no_grad():
        kernel = FisherKernel.of(case.ihvp, case.problem, queries, False)
        relative = wf.attribute(wf.RelatIF(case.ihvp, "l"), case.problem, queries, aggregate=True, progress=False)
        ways = {
            "|RelatIF|": relative.top(m, by="magnitude").ids[0], "|influence|": case.scores(queries).top(m, by="magnitude").ids[0],
            "random": np.random.default_rng(0).choice(len(case.y), m, replace=False),
        }  # fmt: skip
        shares = {FISHER: float(found.objective[-1])} | {way: objective(kernel, ids) for way, ids in ways.items()}
    return [
        {"data": case.name, "chosen by": way, "explained": share / found.ceiling, "seconds": seconds if way == FISHER else 0.0}
        for way, share in shares.items()
    ]


def objective(kernel: FisherKernel, ids: np.ndarray) -> float:
    """z_Sᵀ K_SS⁻¹ z_S by least squares, for copies are among them."""
    K, z = torch.stack([kernel.column(int(key))[ids] for key in ids]), kernel.toward[ids]
    return float(z @ torch.linalg.lstsq(K, z[:, None], driver="gelsd").solution[:, 0])


def means(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Over the queries of each data set and way."""
    return pd.DataFrame(rows).groupby(["data", "chosen by"], sort=False).mean().reset_index()


def bars(table: pd.DataFrame, shares: pd.DataFrame) -> list[tuple[str, float, str, float, bool]]:
    """Each bar: what was found, which side, what is asked, whether it is met."""
    checked = []
    for data, part in table.groupby("data", sort=False):
        part = part.set_index("chosen by")
        for way in FORMS:
            row = part.loc[way]
            checked.append((f"{data}, {way}: influence kept", row["influence kept"], "at least", KEPT, row["influence kept"] >= KEPT))
            for name in ("distance", "clusters"):
                more = row[name] - part[name][PLAIN]
                checked.append((f"{data}, {way}: {name} over the plain top's", more, "above", 0.0, more > 0))
            if data != "digits":
                checked.append((f"{data}, {way}: seconds", row["seconds"], "at most", SECONDS, row["seconds"] <= SECONDS))
    for data, part in shares.groupby("data", sort=False):
        values = part.set_index("chosen by")["explained"]
        rest = values.drop(FISHER).max()
        checked.append((f"{data}, {FISHER}: share explained over the next best", values[FISHER] - rest, "above", 0.0, values[FISHER] > rest))
    return [(name, float(found), side, bar, bool(met)) for name, found, side, bar, met in checked]


def chart(table: pd.DataFrame, shares: pd.DataFrame) -> alt.TopLevelMixin:
    """A panel for each figure: DIVINE's forms and the plain top, then the shares explained."""
    colours = alt.Scale(range=["#2f6fb0", "#c99a2e"])
    panels = []
    for figure, frame in [(name, table) for name in ("influence kept", "distance", "classes", "clusters")] + [("explained", shares)]:
        base = alt.Chart(frame[["data", "chosen by", figure]].assign(label=[f"{value:.3g}" for value in frame[figure]]))
        y = alt.Y("chosen by:N", sort=list(frame["chosen by"].unique()), title=None)
        both = base.encode(x=alt.X(f"{figure}:Q", title=figure, scale=alt.Scale(nice=True)), y=y, yOffset="data:N")
        bar = both.mark_bar().encode(color=alt.Color("data:N", scale=colours, title=None, legend=alt.Legend(orient="top", labelLimit=240)))
        panels.append((bar + both.mark_text(align="left", dx=3, fontSize=9).encode(text="label:N")).properties(width=170, height=alt.Step(14)))
    return alt.hconcat(*panels)


def report(table: pd.DataFrame, shares: pd.DataFrame, facts: dict[str, Any], out: Path) -> None:
    """Print the tables and the bars, keep the numbers and the chart."""
    for frame in (table, shares):
        print(frame.to_string(index=False, float_format="{:.3f}".format), "\n")
    checked = bars(table, shares)
    for name, value, side, bar, met in checked:
        print(f"{MET[None if facts['quick'] else met]:6} {name}: {value:.3f}, {side} {bar:g}")
    print("\n" + ", ".join(f"{name}: {value}" for name, value in facts.items()))
    out.mkdir(parents=True, exist_ok=True)
    kept = {**facts, "selections": table.to_dict("records"), "explained": shares.to_dict("records")}
    kept["bars"] = {name: {"found": value, side: bar, "met": None if facts["quick"] else met} for name, value, side, bar, met in checked}
    (out / "selection.json").write_text(json.dumps(kept, indent=1))
    wf.plot.save(chart(table, shares), out / "selection.png")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--queries", type=int, help="of the digits: 20, and 3 with --quick")
    arguments.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    settings = arguments.parse_args()
    train, queries, m, load = *((300, 3, 10) if settings.quick else (1500, 20, 50)), os.getloadavg()[0]
    queries = settings.queries or queries
    case = digits(train, queries, m)
    asked = [(case, (case.asked[0][j : j + 1], case.asked[1][j : j + 1])) for j in range(queries)]
    if not settings.quick:
        large = mnist(m)
        asked.append((large, large.asked))
    parts: list[Callable[..., list[dict[str, Any]]]] = [selections, explained]
    table, shares = (means([row for one, query in asked for row in part(one, query, m)]) for part in parts)
    facts = {
        "quick": settings.quick, "m": m, "digits": train, "queries": queries, "load average": load, "threads": torch.get_num_threads(),
        "machine": platform.processor() or platform.machine(), "torch": torch.__version__,
    }  # fmt: skip
    report(table, shares, facts, settings.out)


if __name__ == "__main__":
    main()
