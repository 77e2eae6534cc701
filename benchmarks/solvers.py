"""Solvers of the influence equation on one task: wherefrom's and those of pyDVL, dattri and captum, their seconds and their accuracy.

Softmax regression on 10,000 MNIST images, 7,850 parameters, l2 0.01, trained to its minimum as in exact.py; the influence of every image on
100 queries in float32, so that every engine solves (H + 0.01 I) x = g for the same g. Each is timed with its fit, in turn in `--rounds` rounds (3)
after a warm-up on the quick form's task; the middle round counts. Peers that took more than `--repeat-below` seconds (60) run in the first round
alone, all but pyDVL's `DirectInfluence`, on whose seconds a bar rests. Two peers solve for one query after another, pyDVL's `CgInfluence` without
its block mode and dattri's LiSSA: they get the first `--peer-queries` (4), and the seconds of their scores are scaled to all, which counts the
images' gradients too often, a few percent. The two that write the whole Hessian out by automatic differentiation, dattri's and captum's, get
the first `--explicit-images` images (1,000); their seconds stand as they are, a lower bound. All LiSSA takes 2,000 steps on 256 images with
scale 10, all Arnoldi 200 products and the 100 largest eigenvalues; wherefrom's with the rest of the space taken as flat also 1,000 and all of them.

Accuracy: the relative Frobenius error of the table of scores and the least correlation of a query's, against exact.py's dense float64 reference
for the images that the engine got. Iterations, and the residual with one more product, for wherefrom's.
Bars: CG preconditioned by K-FAC 20 times faster than pyDVL's `DirectInfluence`, error 1e-4 at most; a residual of 1e-6, counted with one more
product, in 12 iterations at most (CG takes up to twice its tolerance there, so 5e-7 is asked for). The limit of its row: the products of its
iterations and of the scores at the speed of `torch.mm`, and one pass. Writes solvers.json and solvers.png. `--quick` takes 300 images of
7 × 7 pixels and 5 queries.
"""

import argparse
import json
import os
import platform
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

os.environ["TQDM_DISABLE"] = "1"  # dattri's progress bars cannot be turned off otherwise

import altair as alt
import exact
import four_models
import numpy as np
import pandas as pd
import torch
from exact import MET, Task
from four_models import Limit, mm_speed, plain_passes
from solver_engines import DIRECT, F32, PRECONDITIONED, Engine, engines, fitted

import wherefrom as wf
from wherefrom.gradients import Gradients
from wherefrom.solvers import Solution

RESIDUAL = 1e-6
BARS = {"times faster": 20.0, "error": 1e-4, "iterations": 12}
COLOURS = {"wherefrom": "#2f6fb0", "pyDVL": "#c99a2e", "dattri": "#8a8a8a", "captum": "#c8553d"}


@dataclass(eq=False)
class Result:
    """An engine's seconds in each round, its accuracy, and of wherefrom's how the solve went."""

    engine: str
    images: int
    queries: int
    fits: list[float] = field(default_factory=list)
    rounds: list[float] = field(default_factory=list)
    error: float | None = None
    correlation: float | None = None
    iterations: int | None = None
    residual: float | None = None
    note: str = ""

    @property
    def seconds(self) -> float | None:
        return median(self.rounds) if self.rounds else None

    def row(self) -> dict[str, Any]:
        return {**vars(self), "fit": median(self.fits) if self.fits else None, "seconds": self.seconds}


def accuracy(values: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Relative Frobenius error of a table, and the least correlation of its rows, over the queries that ``values`` has."""
    truth = truth[: len(values)]
    least = min(float(np.corrcoef(mine, theirs)[0, 1]) for mine, theirs in zip(values, truth, strict=True))
    return float(np.linalg.norm(values - truth) / np.linalg.norm(truth)), least


def truths(task: Task, found: list[Engine]) -> dict[int, np.ndarray]:
    """The reference for each number of images that an engine gets."""
    parts = {len(part.y): part for part in (Engine("", engine.score, engine.images).task(task) for engine in found)}
    return {images: exact.reference(part).values for images, part in parts.items()}  # pyright: ignore[reportReturnType]


def timed(task: Task, small: Task, found: list[Engine], rounds: int, below: float) -> list[Result]:
    """Each engine in turn after a warm-up; a peer that raises is left out from there on, and its result says why."""
    known = truths(task, found)
    results = [Result(engine.name, len(engine.task(task).y), len(engine.task(task).yq)) for engine in found]
    for turn in range(rounds + 1):
        for engine, result in zip(found, results, strict=True):
            long = engine.library != "wherefrom" and engine.name != DIRECT and turn > 1 and (result.seconds or 0) > below
            if result.note or long:
                continue
            try:
                fit, scoring, values = engine.run(task if turn else small)
            except (RuntimeError, AttributeError, TypeError, ValueError) as error:
                if engine.library == "wherefrom":
                    raise
                result.note = f"{type(error).__name__}: {error}".splitlines()[0]
                continue
            if turn:
                print(f"round {turn}, {engine.name}: {fit + scoring:.3g} s", flush=True)
                result.fits.append(fit)
                result.rounds.append(fit + scoring)
                result.error, result.correlation = accuracy(values.double().numpy(), known[result.images])
    return results


def solved(task: Task, solver: wf.solvers.Solver, queries: int) -> Solution:
    """How the equations of the first ``queries`` went, with their residuals by one more product."""
    problem, ihvp = fitted(task, solver)
    (batch,) = problem.batches(problem.examples(tuple(part[:queries] for part in task.queries(F32))), size=queries)
    with torch.no_grad():
        return ihvp.solve(Gradients(problem).losses(batch))


def told(task: Task, found: list[Engine], results: list[Result]) -> dict[str, dict[str, Any]]:
    """Iterations and residuals of wherefrom's solvers, and of preconditioned CG down to a true 1e-6, for all queries together and for one alone."""
    for engine, result in zip(found, results, strict=True):
        if engine.solver is not None:
            solution = solved(task, engine.solver, len(task.yq))
            result.iterations, result.residual = solution.iterations, float(solution.residual.max())
    closer = wf.CG(tolerance=RESIDUAL / 2, preconditioner=wf.KFAC())
    solutions = {"all queries": solved(task, closer, len(task.yq)), "one query": solved(task, closer, 1)}
    return {name: {"iterations": one.iterations, "residual": float(one.residual.max())} for name, one in solutions.items()}


def limit(task: Task, iterations: int) -> Limit:
    """A pass, and the products: into outputs and back for each iteration, and those of the scores."""
    shown = four_models.Task("softmax regression", task.model(F32), task.train(F32), task.queries(F32), [], [], 0.0)
    images, queries = len(task.y), len(task.yq)
    products = iterations * 2 * images * queries * task.weight.size + four_models.score_products(shown, images, queries)
    return Limit(plain_passes(shown), products, mm_speed())


def checks(results: list[Result], closer: dict[str, dict[str, Any]], bound: Limit, quick: bool) -> dict[str, dict[str, Any]]:
    """Each bar: what was found, what is asked (None: nothing) and whether it is met; None for times and iterations of the quick form."""
    rows = {result.engine: result for result in results}
    mine, peer, down = rows[PRECONDITIONED], rows.get(DIRECT), closer["all queries"]
    assert mine.seconds is not None and mine.error is not None
    found: dict[str, dict[str, Any]] = {}
    if peer is not None and peer.seconds is not None:
        ratio, bar = peer.seconds / mine.seconds, BARS["times faster"]
        found[f"{PRECONDITIONED}: times faster than {DIRECT}"] = {"found": ratio, "at least": bar, "met": None if quick else ratio >= bar}
    found[f"{PRECONDITIONED}: relative error"] = {"found": mine.error, "at most": BARS["error"], "met": mine.error <= BARS["error"]}
    found[f"{PRECONDITIONED}: residual"] = {"found": down["residual"], "at most": RESIDUAL, "met": down["residual"] <= RESIDUAL}
    steps, most = down["iterations"], BARS["iterations"]
    found[f"{PRECONDITIONED}: iterations to it, all queries"] = {"found": steps, "at most": most, "met": None if quick else steps <= most}
    found[f"{PRECONDITIONED}: iterations to it, one query alone"] = {"found": closer["one query"]["iterations"], "at most": None, "met": None}
    found[f"{PRECONDITIONED}: seconds over the physical limit"] = {"found": mine.seconds / bound.seconds, "at most": None, "met": None}
    return found


def chart(results: list[Result]) -> alt.TopLevelMixin:
    """Error against seconds, both logarithmic, a labelled dot for each engine."""
    most, rows = max(r.images for r in results), []
    for r in sorted((r for r in results if r.seconds and r.error), key=lambda r: (round(np.log10(r.error or 1)), r.seconds)):
        library, name = r.engine.split(" ", 1)
        label = name if r.images == most else f"{name}, {r.images:,} images"
        rows.append({"library": library, "seconds": r.seconds, "error": r.error, "label": label, "above": len(rows) % 2})
    shown = {library: colour for library, colour in COLOURS.items() if any(row["library"] == library for row in rows)}
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("seconds:Q", scale=alt.Scale(type="log", padding=60), title="seconds, fit and scores", axis=alt.Axis(tickCount=5)),
        y=alt.Y("error:Q", scale=alt.Scale(type="log", padding=20), title="relative error of the scores", axis=alt.Axis(format="~e", tickCount=7)),
        color=alt.Color("library:N", scale=alt.Scale(domain=list(shown), range=list(shown.values())), legend=alt.Legend(title=None)),
    )  # fmt: skip
    labels = [base.transform_filter(alt.datum.above == side).mark_text(align="left", dx=6, dy=5 - 12 * side, fontSize=9) for side in (0, 1)]
    dots = base.mark_circle(size=70, opacity=1)
    return alt.layer(dots, *(one.encode(text="label:N") for one in labels)).properties(width=620, height=420, title="Solvers: accuracy and seconds")


def report(results: list[Result], closer: dict[str, dict[str, Any]], bound: Limit, facts: dict[str, Any], out: Path) -> None:
    """Print the table and the bars, and keep the numbers and the chart."""
    print()
    shown = pd.DataFrame([{**result.row(), "slowest": max(result.rounds, default=None)} for result in results])
    columns = ["engine", "images", "queries", "fit", "seconds", "slowest", "error", "correlation", "iterations", "residual", "note"]
    forms = {"error": "{:.1e}", "residual": "{:.1e}", "iterations": "{:.0f}"}
    words = {name: shown[name].map(lambda value, form=form: "-" if pd.isna(value) else form.format(value)) for name, form in forms.items()}
    print(shown.assign(**words)[columns].to_string(index=False, na_rep="-", float_format="{:.3f}".format))
    print(f"\nlimit of {PRECONDITIONED}: {bound.seconds:.3g} s, of it the pass {bound.passes:.3g} s\n")
    bars = checks(results, closer, bound, facts["quick"])
    for name, bar in bars.items():
        side = "at most" if "at most" in bar else "at least"
        asked = "no bar" if bar[side] is None else f"{side} {bar[side]:g}"
        print(f"{'' if bar[side] is None else MET[bar['met']]:6} {name}: {bar['found']:.3g}, {asked}")
    print("\n" + ", ".join(f"{name}: {facts[name]}" for name in ("images", "queries", "parameters", "threads", "machine", "load average", "torch")))
    out.mkdir(parents=True, exist_ok=True)
    kept = {**facts, "results": [r.row() for r in results], "closer": closer, "limit": bound.row(), "bars": bars}
    (out / "solvers.json").write_text(json.dumps(kept, indent=1))
    wf.plot.save(chart(results), out / "solvers.png")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--threads", type=int, help="2, and 1 with --quick")
    arguments.add_argument("--peers", nargs="*", choices=["pyDVL", "dattri", "captum"], default=["pyDVL", "dattri", "captum"])
    arguments.add_argument("--peer-queries", type=int, default=4, help="queries of the peers that solve for one after another (4)")
    arguments.add_argument("--explicit-images", type=int, default=1000, help="images of the peers that differentiate the whole Hessian (1000)")
    arguments.add_argument("--repeat-below", type=float, default=60.0, help="peers that took more seconds run once (60)")
    arguments.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    settings = arguments.parse_args()
    torch.set_num_threads(settings.threads or (1 if settings.quick else 2))
    warnings.simplefilter("ignore")  # peers warn of one another; wherefrom's convergence is in the table
    load, small = os.getloadavg()[0], exact.trained(True)
    task = small if settings.quick else exact.trained(False)
    found, missing = engines(settings.explicit_images, settings.peer_queries, settings.peers)
    results = timed(task, small, found, settings.rounds, settings.repeat_below)
    closer = told(task, found, results)
    (steps,) = (result.iterations for result in results if result.engine == PRECONDITIONED)
    facts = {
        "quick": settings.quick, "images": len(task.y), "queries": len(task.yq), "parameters": task.weight.size + task.bias.size, "l2": exact.L2,
        "rounds": settings.rounds, "not compared": missing, "machine": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(), "load average": load, "torch": torch.__version__,
    }  # fmt: skip
    report(results, closer, limit(task, steps or 0), facts, settings.out)


if __name__ == "__main__":
    main()
