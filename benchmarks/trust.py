"""Whether error bars on attributions hold: simulations in which the truth is known.

Data: n examples of d standard normal features, drawn anew in each repetition; linear regression with noise of deviation 1, and logistic regression.
Scores are influence functions with the Hessian, l2 0.01, of three fixed queries. The truth of an example is its mean score over trainings on the
example and n - 1 others from the same source: 400 fits, each with the example added in closed form (linear) or by one Newton step (logistic); the
true ranking is that of the mean shares. In each repetition `wf.trust` at its defaults (`fast`: last-layer bootstrap, k = 10, level 0.95). Told:

- coverage: the share of scores, of all queries, examples and repetitions, whose 95 % interval holds the truth. Bar: 93 to 97 %.
- the same of the mean score over seeds: logistic regression by a few epochs of SGD, `wf.noise.Seeds(8)`, the truth being the mean over 1,000 seeds.
- false inclusion: the share of repetitions and queries whose core@10 holds an example that is not truly among the ten. Bar: at most 5 %. Missed: the
  share whose possible@10 lacks a member. Of the bootstrap, of seeds, and of seeds whose scores are all equal in truth.
- the null: labels permuted anew in each training (`wf.noise.PermutedLabels`), and labels permuted once in each repetition, under the bootstrap.
Bar: an
  empty core in at least 95 % of repetitions and queries. Linear regression on targets permuted once misses it: a wild target is influential in truth.

Writes trust.json and trust.png. `--quick` repeats little.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

import wherefrom as wf
from wherefrom.progress import track

K, LEVEL, L2, QUERIES = 10, 0.95, 0.01, 3
MET = {True: "met", False: "MISSED", None: "open"}
Found = dict[str, float]


@dataclass(frozen=True)
class World:
    """Where data come from."""

    logistic: bool
    n: int
    d: int

    @property
    def theta(self) -> Tensor:
        return torch.linspace(1, -1, self.d, dtype=torch.float64)

    def drawn(self, seed: int, n: int | None = None) -> tuple[Tensor, Tensor]:
        random = torch.Generator().manual_seed(seed)
        X = torch.randn(n or self.n, self.d, dtype=torch.float64, generator=random)
        noise = torch.rand(len(X), generator=random, dtype=torch.float64)
        outputs = X @ self.theta
        return X, (noise < outputs.sigmoid()).double() if self.logistic else outputs + torch.special.ndtri(noise)

    @property
    def objective(self) -> wf.Objective:
        return wf.binary_cross_entropy(l2=L2) if self.logistic else wf.squared_error(l2=L2)

    def problem(self, X: Tensor, y: Tensor) -> wf.Problem:
        """The model at its minimum; N is n, also for n - 1 examples."""
        model = nn.Linear(self.d, 1, bias=False, dtype=torch.float64).eval()
        problem = replace(wf.Problem.of(model, self.objective, (X, y)), normaliser=float(self.n))
        return problem.at(wf.train.newton()(problem, 0).parameters)

    def slopes(self, outputs: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """First and second derivatives of the loss in the output."""
        if self.logistic:
            p = outputs.sigmoid()
            return p - y, p * (1 - p)
        return 2 * (outputs - y), torch.full_like(outputs, 2.0)

    def fits(self, count: int) -> list[tuple[Tensor, Tensor]]:
        """θ and the inverse Hessian of trainings on n - 1 examples."""
        found = []
        for seed in range(count):
            X, y = self.drawn(10_000_000 + seed, self.n - 1)
            theta = next(iter(self.problem(X, y).parameters.values()))[0]
            curvature = self.slopes(X @ theta, y)[1]
            hessian = (X.T * curvature) @ X / self.n + L2 * torch.eye(self.d, dtype=torch.float64)
            found.append((theta, torch.linalg.inv(hessian)))
        return found

    def truth(self, X: Tensor, y: Tensor, queries: tuple[Tensor, Tensor], fits: list[tuple[Tensor, Tensor]]) -> tuple[np.ndarray, np.ndarray]:
        """Mean scores and mean shares (q, n) of examples, each added to every fit."""
        scores, shares = [], []
        for theta, inverse in fits:
            first, second = self.slopes(X @ theta, y)
            kernel, leverage = queries[0] @ inverse @ X.T / self.n, ((X @ inverse) * X).sum(1) / self.n
            step = first / (1 + second * leverage)  # the output of i moves by -leverage · step, that of q by -kernel · step
            moved, bent = self.slopes(X @ theta - leverage * step, y)
            asked = self.slopes((queries[0] @ theta)[:, None] - kernel * step, queries[1][:, None])[0]
            values = asked * kernel / (1 + bent * leverage) * moved
            scores.append(values)
            shares.append(values / values.norm(dim=1, keepdim=True))
        return torch.stack(scores).mean(0).numpy(), torch.stack(shares).mean(0).numpy()


def judged(trust: wf.uncertainty.Trust, scores: np.ndarray, shares: np.ndarray) -> Found:
    """One repetition against the truth."""
    low, high = trust.interval()
    top = np.zeros(shares.shape, dtype=bool)
    np.put_along_axis(top, (-shares).argsort(1, kind="stable")[:, :K], True, 1)
    core, possible = trust.ranks["proponents"].core(K), trust.ranks["proponents"].possible(K)
    return {
        "coverage": float(((low <= scores) & (scores <= high)).mean()), "false": float((core & ~top).any(1).mean()),
        "missed": float((top & ~possible).any(1).mean()), "core": float(core.sum(1).mean()), "possible": float(possible.sum(1).mean()),
        "empty": float((core.sum(1) == 0).mean()),
    }  # fmt: skip


METHOD = wf.InfluenceFunction(wf.IHVP(wf.Hessian(), wf.Exact(), damping=0.0))


def bootstrapped(world: World, fits: int) -> Callable[[int], Found]:
    """The default trust of fresh data."""
    queries, known = world.drawn(77, QUERIES), world.fits(fits)

    def repeated(number: int) -> Found:
        X, y = world.drawn(number)
        return judged(wf.trust(METHOD, world.problem(X, y), queries, k=K, level=LEVEL, progress=False), *world.truth(X, y, queries, known))

    return repeated


def seeded(world: World, runs: int, seeds: int) -> Callable[[int], Found]:
    """Other seeds of SGD on the same data."""
    queries, problem, train = world.drawn(77, QUERIES), world.problem(*world.drawn(0)), wf.train.sgd(2, 0.2, batch_size=8)
    tables = [
        wf.attribute(METHOD, problem.at(train(problem, 1_000_000 + seed).parameters), queries, progress=False).values.numpy() for seed in range(seeds)
    ]
    scores, shares = np.mean(tables, 0), np.mean([table / np.linalg.norm(table, axis=1, keepdims=True) for table in tables], 0)

    def repeated(number: int) -> Found:
        noise = wf.noise.Seeds(runs, first=1 + runs * number)
        return judged(wf.trust(METHOD, problem, queries, train=train, noise=noise, k=K, level=LEVEL, progress=False), scores, shares)

    return repeated


def permuted(world: World, anew: bool) -> Callable[[int], Found]:
    """Labels that say nothing of the inputs."""
    queries, nothing = world.drawn(77, QUERIES), np.zeros((QUERIES, world.n))

    def repeated(number: int) -> Found:
        X, y = world.drawn(number)
        if not anew:
            order = torch.randperm(len(y), generator=torch.Generator().manual_seed(number))
            found = judged(wf.trust(METHOD, world.problem(X, y[order]), queries, k=K, level=LEVEL, progress=False), nothing, nothing)
            return {figure: found[figure] for figure in ("core", "possible", "empty")}  # the truth of these data is not known
        noise = wf.noise.PermutedLabels(16, seed=number)
        trust = wf.trust(METHOD, world.problem(X, y), queries, train=wf.train.newton(), noise=noise, k=K, level=LEVEL, progress=False)
        return judged(trust, nothing, nothing)

    return repeated


Row = tuple[str, Callable[[], Callable[[int], Found]], tuple[str, ...]]


def rows(quick: bool) -> Iterator[Row]:
    """Each simulation, and the figures that have a bar."""
    fits, seeds, n = (20, 20, 60) if quick else (400, 1000, 200)
    linear, logistic = World(False, n, 5), World(True, n, 5)
    both = ("coverage", "false")
    yield "linear, bootstrap", lambda: bootstrapped(linear, fits), both
    yield "logistic, bootstrap", lambda: bootstrapped(logistic, fits), both
    yield "logistic, seeds of SGD", lambda: seeded(logistic, 8, seeds), both
    yield "linear, labels permuted anew", lambda: permuted(linear, True), ("empty",)
    yield "logistic, labels permuted anew", lambda: permuted(logistic, True), ("empty",)
    yield "linear, labels permuted once", lambda: permuted(linear, False), ("empty",)
    yield "logistic, labels permuted once", lambda: permuted(logistic, False), ("empty",)


BARS: dict[str, tuple[float, float]] = {"coverage": (0.93, 0.97), "false": (0.0, 0.05), "empty": (0.95, 1.0)}


def simulated(quick: bool, repetitions: int) -> pd.DataFrame:
    """A row for each simulation."""
    table = []
    for name, make, barred in rows(quick):
        start, repeated = time.perf_counter(), make()
        found = pd.DataFrame([repeated(number) for number in track(range(repetitions), name, repetitions)])
        error = float(found[barred[0]].std() / len(found) ** 0.5)
        table.append(
            {"simulation": name, **found.mean().to_dict(), "error of the first": error, "seconds": time.perf_counter() - start, "barred": barred}
        )
    return pd.DataFrame(table)


def chart(table: pd.DataFrame) -> alt.TopLevelMixin:
    """Coverage and false inclusion of each simulation, with what is allowed."""
    panels = []
    for figure, (low, high) in BARS.items():
        shown = table[[figure in barred for barred in table["barred"]]]
        band = alt.Chart(pd.DataFrame({"low": [low], "high": [high]})).mark_rect(color="#4d9a6a", opacity=0.2).encode(x="low:Q", x2="high:Q")
        x = alt.X(f"{figure}:Q", title={"coverage": "coverage", "false": "false inclusion", "empty": "empty core"}[figure])
        dots = alt.Chart(shown).mark_circle(size=90, color="#2f6fb0", opacity=1).encode(x=x, y=alt.Y("simulation:N", sort=None, title=None))
        panels.append(alt.layer(band, dots).properties(width=360))
    return alt.vconcat(*panels)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--repetitions", type=int, default=120)
    arguments.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    settings = arguments.parse_args()
    table = simulated(settings.quick, 3 if settings.quick else settings.repetitions)
    print(table.drop(columns="barred").to_string(index=False, float_format="{:.3f}".format), "\n")
    bars = []
    for row in table.to_dict("records"):
        for figure in row["barred"]:
            low, high = BARS[figure]
            met = low <= row[figure] <= high
            bars.append({"simulation": row["simulation"], "figure": figure, "found": row[figure], "low": low, "high": high, "met": met})
            said = MET[None if settings.quick else met]
            print(f"{said:6} {row['simulation']}: {figure} {row[figure]:.4f}, {low:g} to {high:g}")
    settings.out.mkdir(parents=True, exist_ok=True)
    facts = {"quick": settings.quick, "machine": platform.processor() or platform.machine(), "load": os.getloadavg()[0]}
    kept = {**facts, "simulations": table.astype(object).where(table.notna(), None).to_dict("records"), "bars": bars}
    (settings.out / "trust.json").write_text(json.dumps(kept, indent=1, default=str))
    wf.plot.save(chart(table), settings.out / "trust.png")


if __name__ == "__main__":
    main()
