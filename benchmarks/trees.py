"""Tree ensembles: exact influence of all rows against CatBoost's own, its cost as rows grow, and what retraining says of it.

Speed: CatBoost, 100 trees of depth 6, one Newton step; the exact derivative of 50 queries in the weights of all rows, beside
`get_object_importance` with `AllPoints` (at the largest of 1,000, 2,000 and 3,000 rows that it is likely to end in two minutes, times the
square of the ratio of rows: it is O(n² T)) and with `SinglePoint`, its default, at 20,000 rows itself, two threads each. Both take the same
model; reading it is apart, and the correlation with AllPoints, which is exact too, is told. Cost: 10,000 to 1,000,000 rows, LightGBM, 10
queries, `top=100`, each size in a process of its own. Truth: five tables of scikit-learn, 250 rows or fewer, XGBoost of 40 trees of depth 3;
LDS over `--subsets` (100) random halves, and over as many sets of 5 % left out, of LeafInfluence, LeafRefit, BoostIn, TreeSim and of real
leave-one-out, for 30 queries. Bars: AllPoints 100 times at 20,000 rows and 25 at 3,000, SinglePoint 2 times; below 1 GB; a million rows under
60 seconds and 2 GB; mean LDS of LeafInfluence at least that of BoostIn + 0.03. Writes trees.json. `--quick` takes 1,000 rows, 20 trees, two
tables of 80 rows and 12 subsets.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn import datasets

import wherefrom as wf

TABLES = ("breast_cancer", "diabetes", "wine", "digits", "iris")
ROWS, ASKED, LEFT = 250, 30, (0.5, 0.05)
BARS = {"AllPoints at 20,000": 100.0, "AllPoints at 3,000": 25.0, "SinglePoint at 20,000": 2.0}
MOST = 120.0  # seconds that AllPoints may take


def made(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A table of ten columns and two classes."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, 10))
    return X, (X[:, 0] + X[:, 1] * X[:, 2] + 0.5 * random.normal(size=n) > 0).astype(int)


def catboost_model(X: np.ndarray, y: np.ndarray, trees: int) -> Any:
    import catboost

    return catboost.CatBoostClassifier(
        iterations=trees,
        depth=6,
        learning_rate=0.1,
        leaf_estimation_iterations=1,
        verbose=0,
        allow_writing_files=False,
        thread_count=2,
        random_seed=0,
    ).fit(X, y)


def timed(call: Callable[[], Any], times: int = 1) -> tuple[float, Any]:
    """The least seconds, and what came back."""
    best, found = float("inf"), None
    for _ in range(times):
        start = time.perf_counter()
        found = call()
        best = min(best, time.perf_counter() - start)
    return best, found


def importances(model: Any, X: np.ndarray, y: np.ndarray, asked: int, method: str) -> np.ndarray:
    """What CatBoost says (q, n): its sign is the loss's slope in the weight, so ours turned round."""
    import catboost

    pools = catboost.Pool(X[:asked], y[:asked]), catboost.Pool(X[asked:], y[asked:])
    indices, scores = model.get_object_importance(*pools, type="PerObject", update_method=method, thread_count=2)
    found = np.zeros((asked, len(y) - asked))
    np.put_along_axis(found, np.array(indices), np.array(scores), 1)
    return found


def speed(quick: bool) -> dict[str, Any]:
    """Seconds of all-rows influence, ours and CatBoost's."""
    trees, asked, large, middle = (20, 10, 1000, 500) if quick else (100, 50, 20_000, 3000)
    rows: dict[str, Any] = {}
    for n in (middle, large):
        X, y = made(n + asked)
        model = catboost_model(X[asked:], y[asked:], trees)
        reading, problem = timed(lambda m=model, X=X, y=y: wf.trees.read(m, X[asked:], y[asked:]))
        ours, scores = timed(lambda p=problem, X=X, y=y: wf.attribute(wf.trees.LeafInfluence(), p, (X[:asked], y[:asked]), progress=False), 3)
        single, _ = timed(lambda m=model, X=X, y=y: importances(m, X, y, asked, "SinglePoint"), 3)
        rows[f"{n}"] = {"ours": ours, "reading": reading, "SinglePoint": single, "MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3}
    for n in (500,) if quick else (1000, 2000, 3000):
        X, y = made(n + asked)
        model = catboost_model(X[asked:], y[asked:], trees)
        seconds, theirs = timed(lambda m=model, X=X, y=y: importances(m, X, y, asked, "AllPoints"))
        scores = wf.attribute(
            wf.trees.LeafInfluence(), wf.trees.read(model, X[asked:], y[asked:]), (X[:asked], y[:asked]), progress=False
        ).values.numpy()
        rows["AllPoints"] = {"rows": n, "seconds": seconds, "correlation": float(-np.corrcoef(theirs.ravel(), scores.ravel())[0, 1])}
        if seconds * 4 > MOST:
            break
    last = rows["AllPoints"]
    times = {
        f"AllPoints at {n:,}": last["seconds"] * (n / last["rows"]) ** 2 / rows[f"{n}"]["ours"] for n in (middle, large)
    } | {f"SinglePoint at {large:,}": rows[f"{large}"]["SinglePoint"] / rows[f"{large}"]["ours"]}  # fmt: skip
    return {"seconds": rows, "times": times}


def one_size(n: int, trees: int) -> dict[str, float]:
    """Seconds and peak memory of one number of rows, in this process."""
    import lightgbm

    X, y = made(n + 10)
    model = lightgbm.LGBMClassifier(n_estimators=trees, num_leaves=31, verbose=-1, n_jobs=2).fit(X[10:], y[10:])
    reading, problem = timed(lambda: wf.trees.read(model, X[10:], y[10:]))
    seconds, _ = timed(lambda: wf.attribute(wf.trees.LeafInfluence(), problem, (X[:10], y[:10]), top=100, progress=False))
    return {"rows": n, "seconds": seconds, "reading": reading, "GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}


def cost(quick: bool) -> list[dict[str, float]]:
    """The same for each number of rows."""
    found = []
    for n in (1000, 4000) if quick else (10_000, 100_000, 1_000_000):
        done = subprocess.run([sys.executable, __file__, "--one-size", str(n), "--trees", "20" if quick else "100"], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr)
        found.append(json.loads(done.stdout.splitlines()[-1]))
    return found


def table_of(name: str) -> tuple[np.ndarray, np.ndarray, bool]:
    """A bundled table in random order; digits as even or odd, others as they are."""
    data = getattr(datasets, f"load_{name}")()
    order = np.random.default_rng(0).permutation(len(data.target))
    X, y = data.data[order], data.target[order]
    if name == "diabetes":
        return X, (y - y.mean()) / y.std(), False
    return X, y % 2 if name == "digits" else y, True


def truth(name: str, subsets: int, trees: int, most: int) -> list[dict[str, Any]]:
    """LDS of each method on one table."""
    import xgboost

    X, y, classes = table_of(name)
    n = min(most, len(y) - ASKED)
    model = (xgboost.XGBClassifier if classes else xgboost.XGBRegressor)(n_estimators=trees, max_depth=3, learning_rate=0.1, n_jobs=1)
    problem = wf.trees.read(model.fit(X[:n], y[:n]), X[:n], y[:n])
    queries, train = problem.queries(X[n : n + ASKED], y[n : n + ASKED]), wf.trees.retrain()
    methods = (wf.trees.LeafInfluence(), wf.trees.LeafRefit(), wf.trees.BoostIn(), wf.trees.TreeSim())
    tables = {repr(method): wf.attribute(method, problem, queries, progress=False) for method in methods}
    alone = wf.leave_one_out(problem, problem.ids, queries, train, progress=False)
    tables["real leave-one-out"] = wf.Scores(alone.change, queries.ids, problem.ids, alone.unit, "leave-one-out")
    rows, fixed = [], tables["LeafRefit()"].values.numpy()
    for left in LEFT:
        outcomes = wf.retraining.subset_outcomes(problem, queries, train, subsets=subsets, fraction=1 - left, progress=False)
        for method, scores in tables.items():
            found = wf.lds(scores, outcomes, progress=False).lds
            rows.append({"table": name, "left out": left, "method": method, "LDS": found.value, "low": found.low, "high": found.high})
    effect = float(np.median(alone.change.abs().mean(1).numpy() / np.abs(fixed).mean(1)))
    spearman = np.mean([_spearman(one, other) for one, other in zip(fixed, alone.change.numpy(), strict=True)])
    return [*rows, {"table": name, "one row": True, "Spearman": float(spearman), "size of the real effect": effect}]


def _spearman(one: np.ndarray, other: np.ndarray) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(one, other).statistic)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--subsets", type=int)
    parser.add_argument("--out", type=Path, default=Path("benchmark-results"))
    parser.add_argument("--only", choices=("speed", "cost", "truth"))
    parser.add_argument("--one-size", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--trees", type=int, default=100, help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    if given.one_size:
        print(json.dumps(one_size(given.one_size, given.trees)))
        return
    found: dict[str, Any] = {"machine": f"{platform.machine()}, {os.cpu_count()} cores", "quick": given.quick}
    if given.only in (None, "speed"):
        found["speed"] = speed(given.quick)
        for name, times in found["speed"]["times"].items():
            bar = BARS.get(name)
            print(
                f"{name} rows: {times:.1f} times our seconds"
                + ("" if bar is None or given.quick else f", bar {bar:g}: {'met' if times >= bar else 'MISSED'}")
            )
        print(json.dumps(found["speed"]["seconds"]))
    if given.only in (None, "cost"):
        found["cost"] = cost(given.quick)
        for row in found["cost"]:
            print(f"{row['rows']:>9,} rows: {row['seconds']:.2f} s, read in {row['reading']:.2f} s, {row['GB']:.2f} GB")
    if given.only in (None, "truth"):
        tables, subsets = (TABLES[1:3], given.subsets or 12) if given.quick else (TABLES, given.subsets or 100)
        found["truth"] = [row for name in tables for row in truth(name, subsets, *((10, 80) if given.quick else (40, ROWS)))]
        report(found["truth"])
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "trees.json").write_text(json.dumps(found, indent=1))


def report(rows: list[dict[str, Any]]) -> None:
    """Print LDS with intervals, means over tables, and what one row does."""
    means: dict[tuple[float, str], list[float]] = {}
    for row in rows:
        if "method" in row:
            print(f"{row['table']:<14} {row['left out']:>4.0%} out  {row['method']:<22} {row['LDS']:.3f} [{row['low']:.3f}, {row['high']:.3f}]")
            means.setdefault((row["left out"], row["method"]), []).append(row["LDS"])
        else:
            print(
                f"{row['table']:<14} one row: Spearman {row['Spearman']:.2f}, real effects {row['size of the real effect']:.1f} times the fixed ones"
            )
    for (left, method), values in means.items():
        print(f"mean           {left:>4.0%} out  {method:<22} {np.mean(values):.3f}")


if __name__ == "__main__":
    main()
