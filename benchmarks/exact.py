"""Exact influence in 7,850 parameters: its seconds, its agreement with a dense reference, and pyDVL's seconds on the same task.

Softmax regression (784 × 10 and 10 biases, l2 0.01) trained on the first 10,000 MNIST images; the influence of each of them
on the first 100 test images, by the whole Hessian. The reference is numpy and scipy alone: the Hessian written out block by
block in float64, its Cholesky factor, gradients by their formula. pyDVL's `DirectInfluence` gets the same weights, data, l2,
floating type and threads, between two runs of ours; its values are N times ours. It is stopped after `--peer-limit` seconds,
and then the ratio is a lower bound.
Writes exact.json and exact.png. `--quick` takes 300 images of 7 × 7 pixels and 5 queries.
"""

import argparse
import json
import multiprocessing
import os
import platform
import time
import warnings
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import scipy.linalg
import torch

import wherefrom as wf
from wherefrom.gradients import Gradients

L2 = 0.01
TOLERANCE = 1e-8  # of conjugate gradients
BARS = {"seconds": 20.0, "difference, float64": 1e-6, "difference, float32": 1e-4, "residual": 2 * TOLERANCE, "times faster": 5.0}
MET = {True: "met", False: "MISSED", None: "open"}
REFERENCE, PEER = "numpy reference", "pyDVL DirectInfluence"


@dataclass(frozen=True, eq=False)
class Task:
    """Trained weights, training images (n, i) and queries (q, i), in float64."""

    X: np.ndarray
    y: np.ndarray
    Xq: np.ndarray
    yq: np.ndarray
    weight: np.ndarray
    bias: np.ndarray

    def model(self, dtype: torch.dtype) -> torch.nn.Module:
        model = torch.nn.Linear(self.weight.shape[1], 10, dtype=torch.float64)
        model.load_state_dict({"weight": torch.from_numpy(self.weight), "bias": torch.from_numpy(self.bias)})
        return model.to(dtype).eval()

    def train(self, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.from_numpy(self.X).to(dtype), torch.from_numpy(self.y)

    def queries(self, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.from_numpy(self.Xq).to(dtype), torch.from_numpy(self.yq)

    def problem(self, dtype: torch.dtype) -> wf.Problem:
        return wf.Problem.of(self.model(dtype), wf.cross_entropy(l2=L2), self.train(dtype))


@dataclass(frozen=True, eq=False)
class Result:
    """One engine's influences (q, n) and what they cost; ``values`` is None where it was stopped, and ``fit`` then all its seconds."""

    engine: str
    dtype: str
    fit: float
    scoring: float
    values: np.ndarray | None
    note: str = ""

    @property
    def seconds(self) -> float:
        return self.fit + self.scoring

    def row(self, truth: np.ndarray) -> dict[str, Any]:
        found = {"engine": self.engine, "dtype": self.dtype, "fit": self.fit, "scoring": self.scoring, "seconds": self.seconds}
        return {**found, "difference": difference(self.values, truth), "note": self.note}


def trained(quick: bool) -> Task:
    """The task, trained by Newton's method to a gradient norm of 1e-10."""
    images, count = (300, 5) if quick else (10_000, 100)
    train, test = wf.datasets.mnist("train", limit=images), wf.datasets.mnist("test", limit=count)
    X, Xq = ((torch.nn.functional.avg_pool2d(part.X, 4) if quick else part.X).flatten(1).double().numpy() for part in (train, test))
    start = Task(X, train.y.numpy(), Xq, test.y.numpy(), np.zeros((10, X.shape[1])), np.zeros(10))
    found = wf.train.newton(1e-10)(start.problem(torch.float64), 0).parameters
    return Task(start.X, start.y, start.Xq, start.yq, found["weight"].numpy(), found["bias"].numpy())


def reference(task: Task) -> Result:
    """(1/N) g_qᵀ H⁻¹ gᵢ by numpy and scipy: H = (1/N) Σ (diag(p) - ppᵀ) ⊗ xxᵀ + l2 I, g = (p - e_y) ⊗ x, x with a 1 for the bias."""
    start = time.perf_counter()
    (x, slopes, p), (xq, slopes_q, _) = _gradients(task, task.X, task.y), _gradients(task, task.Xq, task.yq)
    (n, i), c = x.shape, 10
    matrix = np.empty((c * i, c * i))
    for row in range(c):
        for column in range(c):
            bend = p[:, row] * ((row == column) - p[:, column]) / n
            matrix[row * i : (row + 1) * i, column * i : (column + 1) * i] = x.T @ (bend[:, None] * x)
    matrix[np.diag_indices(c * i)] += L2
    factor = scipy.linalg.cho_factor(matrix, lower=True, overwrite_a=True)
    fit = time.perf_counter() - start
    start = time.perf_counter()
    gradients = (slopes_q[:, :, None] * xq[:, None, :]).reshape(len(xq), c * i)
    solved = scipy.linalg.cho_solve(factor, gradients.T).T.reshape(-1, c, i)
    values = np.stack([((x @ one.T) * slopes).sum(1) for one in solved]) / n
    return Result(REFERENCE, "float64", fit, time.perf_counter() - start, values)


def _gradients(task: Task, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x (n, i) with its 1, p - e_y (n, C) and p (n, C)."""
    logits = X @ task.weight.T + task.bias
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    return np.concatenate([X, np.ones((len(X), 1))], 1), p - np.eye(10)[y], p


def ours(task: Task, solver: wf.solvers.Solver, dtype: torch.dtype) -> Result:
    """Influence by the whole Hessian and ``solver``; the fit of the curvature and the scoring timed apart."""
    problem, queries = task.problem(dtype), task.queries(dtype)
    start = time.perf_counter()
    ihvp = wf.IHVP(wf.Hessian(), solver).fit(problem)
    fit = time.perf_counter() - start
    start = time.perf_counter()
    scores = wf.attribute(wf.InfluenceFunction(ihvp), problem, queries, progress=False)
    scoring = time.perf_counter() - start
    return Result(f"wherefrom {type(solver).__name__}", _name(dtype), fit, scoring, scores.values.numpy())


def worst_residual(task: Task) -> tuple[float, int]:
    """Conjugate gradients' largest ‖g - Hx‖ / ‖g‖ over the queries, with H by its own product, and the iterations."""
    problem = task.problem(torch.float64)
    ihvp = wf.IHVP(wf.Hessian(), wf.CG(tolerance=TOLERANCE)).fit(problem)
    with torch.no_grad():
        (batch,) = problem.batches(problem.examples(task.queries(torch.float64)), size=len(task.yq))
        rows = Gradients(problem).losses(batch)
        solution, wanted = ihvp.solve(rows), rows.flat().T
        left = wanted - ihvp.operator @ solution.x - ihvp.damping * solution.x
    return float((left.norm(dim=0) / wanted.norm(dim=0)).max()), solution.iterations


def peer(task: Task, dtype: torch.dtype, batch: int, limit: float) -> Result | str:
    """pyDVL in a process of its own, that can be stopped; or one line that says why there is no result."""
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_peer, args=(theirs, task, dtype, batch, torch.get_num_threads()), daemon=True)
    process.start()
    theirs.close()
    try:
        missing = mine.recv()
        if missing:
            return f"pyDVL is not installed here ({missing}), so it is not compared; `make bench` sets up an environment that has it."
        if not mine.poll(limit):
            return Result(PEER, _name(dtype), limit, 0.0, None, f"stopped after {limit:g} s")
        fit, scoring, values = mine.recv()
        return Result(PEER, _name(dtype), fit, scoring, values)
    except EOFError:
        process.join()
        return f"pyDVL's process in {_name(dtype)} ended with exit code {process.exitcode} and no result; give a smaller --peer-batch."
    finally:
        process.kill()
        process.join()


def peers(task: Task, batch: int, limit: float) -> tuple[list[Result], list[str]]:
    """In each floating type wherefrom's Exact, pyDVL and Exact once more, since the machine's speed may drift; and why pyDVL is missing."""
    results, missing = [], []
    for dtype in (torch.float64, torch.float32):
        before = ours(task, wf.Exact(), dtype)
        found = peer(task, dtype, batch, limit)
        results += [before] if isinstance(found, str) else [before, found, ours(task, wf.Exact(), dtype)]
        if isinstance(found, str) and found not in missing:
            missing.append(found)
            print(found)
    return results, missing


def _peer(pipe: Connection, task: Task, dtype: torch.dtype, batch: int, threads: int) -> None:
    """pyDVL's seconds and its influences in our scale, through the pipe."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pydvl.influence.torch import DirectInfluence  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        pipe.send(str(error))
        return
    torch.set_num_threads(threads)

    def timed(model: torch.nn.Module, X: torch.Tensor, y: torch.Tensor, Xq: torch.Tensor, yq: torch.Tensor) -> tuple[float, float, np.ndarray]:
        data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, y), batch_size=batch)
        start = time.perf_counter()
        fitted = DirectInfluence(model, torch.nn.functional.cross_entropy, regularization=L2).fit(data)
        middle = time.perf_counter()
        values = fitted.influences(Xq, yq, X, y).detach()
        return middle - start, time.perf_counter() - middle, (values / len(X)).numpy()

    small = (torch.ones(3, 2, dtype=dtype), torch.arange(3))
    timed(torch.nn.Linear(2, 3, dtype=dtype), *small, *small)  # torch.func's own first call takes seconds
    pipe.send("")
    pipe.send(timed(task.model(dtype), *task.train(dtype), *task.queries(dtype)))


def difference(values: np.ndarray | None, truth: np.ndarray) -> float | None:
    """The largest ‖a - b‖ / ‖b‖ over the queries."""
    return None if values is None else float((np.linalg.norm(values - truth, axis=1) / np.linalg.norm(truth, axis=1)).max())


def checks(results: list[Result], truth: np.ndarray, residual: float, quick: bool) -> dict[str, dict[str, Any]]:
    """Each bar: what was found, what is asked, and whether it is met; None for times of the quick form, and where a lower bound leaves it open."""
    exact = {dtype: [r.seconds for r in results if (r.engine, r.dtype) == ("wherefrom Exact", dtype)] for dtype in ("float64", "float32")}
    seconds = at_most(max(exact["float64"]), BARS["seconds"])
    found = {"seconds of wherefrom Exact, float64": {**seconds, "met": None if quick else seconds["met"]}}
    found["relative residual of wherefrom CG, float64"] = at_most(residual, BARS["residual"])
    for result in results:
        name, apart = f"{result.engine}, {result.dtype}", difference(result.values, truth)
        if apart is not None and result.engine != REFERENCE:
            found[f"difference of {name}"] = at_most(apart, BARS[f"difference, {result.dtype}"])
        if result.engine == PEER:
            ratio, bar, bound = result.seconds / float(np.mean(exact[result.dtype])), BARS["times faster"], result.values is None
            met = None if quick or (bound and ratio < bar) else ratio >= bar
            found[f"times faster than {name}{' (a lower bound)' if bound else ''}"] = {"found": ratio, "at least": bar, "met": met}
    return found


def at_most(found: float, bar: float) -> dict[str, Any]:
    return {"found": found, "at most": bar, "met": found <= bar}


def chart(table: pd.DataFrame) -> alt.TopLevelMixin:
    """Seconds of each engine, fit and scoring on top of one another; the mean where it ran twice."""
    drawn = table.assign(name=table["engine"] + ", " + table["dtype"]).groupby(["name", "note"], as_index=False)[["fit", "scoring", "seconds"]].mean()
    order = drawn.sort_values("seconds")["name"].tolist()
    parts = drawn.melt(["name"], ["fit", "scoring"], "part", "spent")
    bars = alt.Chart(parts).mark_bar().encode(
        x=alt.X("spent:Q", title="seconds", scale=alt.Scale(domainMax=1.12 * float(drawn["seconds"].max()))),
        y=alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=240)),
        color=alt.Color("part:N", scale=alt.Scale(domain=["fit", "scoring"], range=["#2f6fb0", "#c99a2e"]), legend=alt.Legend(title=None)),
        order=alt.Order("part:N"),
    )  # fmt: skip
    drawn["label"] = [f"{'> ' if note else ''}{seconds:.3g} s" for seconds, note in zip(drawn["seconds"], drawn["note"], strict=True)]
    labels = alt.Chart(drawn[["name", "seconds", "label"]]).mark_text(align="left", dx=4).encode(
        x="seconds:Q", y=alt.Y("name:N", sort=order), text="label:N"
    )  # fmt: skip
    return alt.layer(bars, labels).properties(width=460, title="Influence of the training images on the queries")


def report(results: list[Result], truth: np.ndarray, facts: dict[str, Any], out: Path) -> None:
    """Print the table and the bars, and keep the numbers and the chart."""
    rows = [result.row(truth) for result in results]
    table = pd.DataFrame(rows)
    shown = table.assign(difference=["-" if row["difference"] is None else f"{row['difference']:.1e}" for row in rows])
    print(shown.round(2).to_string(index=False))
    bars = checks(results, truth, facts["cg"]["relative residual"], facts["quick"])
    print()
    for name, bar in bars.items():
        side = "at most" if "at most" in bar else "at least"
        print(f"{MET[bar['met']]:6} {name}: {bar['found']:.3g}, {side} {bar[side]:g}")
    print(
        "\n"
        + ", ".join(f"{facts[name]} {name}" for name in ("images", "queries", "parameters", "threads"))
        + f", on {facts['machine']}, load {facts['load average']:.1f}"
    )
    out.mkdir(parents=True, exist_ok=True)
    (out / "exact.json").write_text(json.dumps({**facts, "results": rows, "bars": bars}, indent=1))
    wf.plot.save(chart(table), out / "exact.png")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--peer-limit", type=float, default=900, help="seconds after which pyDVL is stopped (900)")
    arguments.add_argument("--peer-batch", type=int, default=1000, help="images in each of pyDVL's batches (1000)")
    arguments.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    settings = arguments.parse_args()
    load, task = os.getloadavg()[0], trained(settings.quick)
    truth = reference(task)
    assert truth.values is not None
    results = [truth, ours(task, wf.CG(tolerance=TOLERANCE), torch.float64)]
    residual, iterations = worst_residual(task)
    compared, missing = peers(task, settings.peer_batch, settings.peer_limit)
    facts = {
        "quick": settings.quick, "images": len(task.y), "queries": len(task.yq), "parameters": task.weight.size + task.bias.size, "l2": L2,
        "cg": {"tolerance": TOLERANCE, "relative residual": residual, "iterations": iterations},
        "peer batch": settings.peer_batch, "not compared": missing, "machine": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(), "load average": load, "torch": torch.__version__, "numpy": np.__version__,
    }  # fmt: skip
    report(results + compared, truth.values, facts, settings.out)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


if __name__ == "__main__":
    main()
