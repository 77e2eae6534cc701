"""Whether intervals cover and chance levels are right: simulations in which the truth is known.

Coverage: how often a nominal 95 % interval holds the true value. Nogueira's Φ, Kendall's W, mean τ-b and ICC over R runs of 711 scores (signal and
noise of equal variance, top 50; the truth is the mean over repetitions, for these are unbiased; interval: jackknife over runs). LDS of q queries
and m subsets, where outcomes hold an effect that all queries of a subset share as large as the signal, and queries differ in how well they are
predicted (interval: both resampled). Means over queries of τ-b. AUC, average precision and recall of 50 flipped labels of 500. Slope and Pearson
of leave-one-out changes. The excess of one removal arm over a random one of 3 draws, 5 seeds. Bars: Φ at 5 runs and every LDS cover at least
93 %; the other rows are told as they are.

Chance: every figure of `agreement`, `stability`, `mislabel_detection`, the sanity checks and `lds` on random scores, its mean over repetitions
against the chance it names, in standard errors; the bar is 3. Writes coverage.json and coverage.png. `--quick` repeats little.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import torch
from scipy.stats import norm

import wherefrom as wf
from wherefrom.progress import track

NOMINAL, BAR, ERRORS = 0.95, 0.93, 3.0
N, K = 711, 50
MET = {True: "met", False: "MISSED", None: "open"}
Row = tuple[str, str, float | None, Callable[[np.random.Generator], wf.metrics.Estimate], bool]


def scores(values: np.ndarray) -> wf.Scores:
    return wf.Scores(torch.from_numpy(values), np.arange(len(values)), np.arange(values.shape[1]), "arbitrary", "simulated")


def outcomes(worsening: np.ndarray) -> wf.retraining.Outcomes:
    """Of groups of one id each, from (seeds, q, m)."""
    seeds, q, m = worsening.shape
    groups = {str(i): [i] for i in range(m)}
    return wf.retraining.Outcomes(torch.from_numpy(worsening), torch.zeros(seeds, q).double(), groups, np.arange(q), 1.0, "loss change")


def of_runs(runs: int, name: str, barred: bool) -> Row:
    """One figure of R runs that share a signal."""
    measures: dict[str, Callable[[np.ndarray], wf.metrics.Estimate]] = {
        "Nogueira": lambda values: wf.metrics.nogueira(values, k=K), "Kendall W": wf.metrics.kendall_w,
        "mean tau-b": wf.metrics.mean_kendall, "ICC(C,1)": wf.metrics.icc,
    }  # fmt: skip
    signal = np.random.default_rng(1).normal(size=N)
    return name, f"{runs} runs", None, lambda random: measures[name](signal + random.normal(size=(runs, N))), barred


def of_lds(q: int, m: int) -> Row:
    """LDS with shared noise; a query's prediction is its signal with noise of a variance of its own, of 1 where it is the only one."""

    def drawn(random: np.random.Generator) -> wf.metrics.Estimate:
        signal, shared = random.normal(size=(q, m)), random.normal(size=(1, m))
        predicted = signal + (random.exponential(size=(q, 1)) if q > 1 else 1.0) ** 0.5 * random.normal(size=(q, m))
        actual = signal + shared + 0.7 * random.normal(size=(q, m))
        return wf.lds(scores(predicted), outcomes(actual[None]), seed=int(random.integers(1 << 30)), progress=False).lds

    variance = np.random.default_rng(2).exponential(size=1_000_000) if q > 1 else np.ones(1)
    rho = 1 / np.sqrt((1 + variance) * (2 + 0.7**2))
    return "LDS", f"{q} quer{'ies' if q > 1 else 'y'}, {m} subsets", float((6 / np.pi * np.arcsin(rho / 2)).mean()), drawn, True


def of_queries(q: int) -> Row:
    """The mean over queries of τ-b of pairs that correlate at 0.2 to 0.8."""

    def drawn(random: np.random.Generator) -> wf.metrics.Estimate:
        rho, x = random.uniform(0.2, 0.8, (q, 1)), random.normal(size=(q, 60))
        return wf.metrics.kendall(x, rho * x + np.sqrt(1 - rho**2) * random.normal(size=(q, 60)))

    return "tau-b", f"{q} queries", float((2 / np.pi * np.arcsin(np.linspace(0.2, 0.8, 100_001))).mean()), drawn, False


def of_labels(name: str) -> Row:
    """Scores of flipped labels that lie 1.5 deviations above those of right ones."""
    n, m, shift = 500, 50, 1.5
    cut = np.linspace(-6, 8, 200_001)
    recall, above = norm.sf(cut - shift), norm.sf(cut)
    shares = m / n * recall + (1 - m / n) * above
    precision = m / n * recall / np.maximum(shares, 1e-300)
    truths = {
        "auc": float(norm.cdf(shift / 2**0.5)), "average_precision": float(-(np.diff(recall) @ (precision[1:] + precision[:-1]) / 2)),
        "recall": float(np.interp(-0.1, -shares, recall)),
    }  # fmt: skip
    flipped = np.arange(n) < m

    def drawn(random: np.random.Generator) -> wf.metrics.Estimate:
        values = random.normal(size=n) + shift * flipped
        return getattr(wf.metrics.mislabel_detection(values, flipped, seed=int(random.integers(1 << 30)), progress=False), name)

    return name.replace("_", " "), f"{m} of {n} labels", truths[name], drawn, False


def of_changes(name: str, truth: float) -> Row:
    """Predicted changes that are 0.8 of the actual ones, with noise."""

    def drawn(random: np.random.Generator) -> wf.metrics.Estimate:
        actual = random.normal(size=(3, 40))
        predicted = scores(0.8 * actual + 0.4 * random.normal(size=(3, 40)))
        measured = wf.Scores(predicted.values, predicted.query_ids, predicted.train_ids, "loss change", "simulated")
        return getattr(wf.loo_correlation(measured, outcomes(actual[None]), seed=int(random.integers(1 << 30))), name)

    return f"leave-one-out {name}", "3 queries, 40 groups", truth, drawn, False


def of_removal() -> Row:
    """A worsening of 1 against 0.5; sets of the control differ as much as retrainings do."""
    groups = {str(draw): list(range(draw, draw + 10)) for draw in range(3)}

    def drawn(random: np.random.Generator) -> wf.metrics.Estimate:
        baseline = random.normal(size=(5, 1))
        arm = torch.from_numpy(baseline[:, :, None] + 1 + random.normal(size=(5, 1, 1)))
        control = torch.from_numpy(baseline[:, :, None] + 0.5 + random.normal(size=(1, 1, 3)) + random.normal(size=(5, 1, 3)))
        made = {
            name: wf.retraining.Outcomes(
                values, torch.from_numpy(baseline), dict(list(groups.items())[: values.shape[2]]), np.arange(1), 1.0, "loss change"
            )
            for name, values in (("method", arm), ("random", control))
        }
        return wf.metrics.removal_curves(made).differences["method", "random"].area

    return "removal above random", "5 seeds, 3 draws", 0.5, drawn, False


def rows() -> Iterator[tuple[Row, int, int]]:
    """Each simulation with its repetitions, full and quick."""
    for runs in (3, 5, 10):
        yield of_runs(runs, "Nogueira", runs == 5), 2000, 30
    for name in ("Kendall W", "ICC(C,1)"):
        yield of_runs(5, name, False), 500, 8
    yield of_runs(5, "mean tau-b", False), 200, 3
    for q, m in ((20, 50), (50, 100), (5, 100), (20, 20), (1, 50)):
        yield of_lds(q, m), 200 if q > 1 else 1000, 2
    for q in (5, 20):
        yield of_queries(q), 1000, 10
    for name in ("auc", "average_precision", "recall"):
        yield of_labels(name), 150, 2
    for name, truth in (("pearson", 0.8 / 0.8**0.5), ("slope", 0.8)):
        yield of_changes(name, truth), 200, 2
    yield of_removal(), 1000, 10


def coverage(quick: bool) -> pd.DataFrame:
    """A row for each simulation: the share of intervals that hold the truth, its standard error, and the mean width."""
    found = []
    for (name, setting, known, draw, barred), full, few in track(rows(), "coverage"):
        repeats, random = few if quick else full, np.random.default_rng(0)
        drawn = [draw(random) for _ in range(repeats)]
        mean = float(np.mean([one.value for one in drawn]))
        truth = mean if known is None else known
        share = float(np.mean([one.low <= truth <= one.high for one in drawn if one.low is not None and one.high is not None]))
        width = float(np.mean([one.high - one.low for one in drawn if one.low is not None and one.high is not None]))
        error = (share * (1 - share) / repeats) ** 0.5
        found.append({
            "metric": name, "setting": setting, "truth": truth, "bias": mean - truth, "covered": share, "error": error, "width": width,
            "repeats": repeats, "at least": BAR if barred else None, "met": None if quick or not barred else share >= BAR,
        })  # fmt: skip
    return pd.DataFrame(found)


def drawn_at_random(random: np.random.Generator) -> dict[str, wf.metrics.Estimate]:
    """Every figure that names a chance, of scores that know nothing."""
    q, n, m = 10, 60, 25

    def nothing(rows: int = q, columns: int = n) -> wf.Scores:
        return scores(random.normal(size=(rows, columns)))

    found = {f"agreement: {one.name}": one for one in wf.metrics.agreement(nothing(), nothing(), k=8).estimates()}
    found |= {f"stability: {one.name}": one for one in wf.metrics.stability([nothing() for _ in range(5)], k=8).estimates() if one.chance is not None}
    noise = wf.metrics.signal_to_noise([nothing(columns=600) for _ in range(5)])
    found |= {f"runs: {one.name}": one for one in (noise.ratio, noise.same_sign)}
    found |= {
        f"labels: {one.name}": one for one in wf.metrics.mislabel_detection(random.normal(size=n), np.arange(n) < 9, progress=False).estimates()
    }
    train, asked = random.integers(0, 3, n), random.integers(0, 3, q)
    checks = (
        wf.metrics.class_detection(nothing(), train, asked, k=3), wf.metrics.marked_detection(nothing(), [1, 5, 9]),
        wf.metrics.randomised_model(nothing(), [nothing() for _ in range(5)]), wf.metrics.distinct_top(nothing(), k=5),
        wf.lds(nothing(columns=m), outcomes(random.normal(size=(1, q, m))), progress=False).lds,
    )  # fmt: skip
    return found | {f"checks: {one.name}": one for one in checks}


def chance(quick: bool) -> pd.DataFrame:
    """A row for each figure: its mean over repetitions, the chance it names, and how many standard errors lie between."""
    random, repeats = np.random.default_rng(3), 4 if quick else 200
    drawn = [drawn_at_random(random) for _ in track(range(repeats), "chance", repeats)]
    found = []
    for name in drawn[0]:
        difference = np.array([one[name].value - one[name].chance for one in drawn])
        found.append({
            "figure": name, "chance": np.mean([one[name].chance for one in drawn]), "found": np.mean([one[name].value for one in drawn]),
            "errors": difference.mean() / (difference.std(ddof=1) / repeats**0.5), "repeats": repeats,
        })  # fmt: skip
    table = pd.DataFrame(found)
    return table.assign(met=None if quick else table["errors"].abs() <= ERRORS)


def chart(table: pd.DataFrame) -> alt.TopLevelMixin:
    """The share covered, with its standard error, beside the nominal level and the bar."""
    shown = table.assign(
        row=table["metric"] + ", " + table["setting"], low=table["covered"] - table["error"], high=table["covered"] + table["error"],
        kind=np.where(table["at least"].notna(), "with a bar of 93 %", "told as it is"),
    )  # fmt: skip
    data = alt.InlineData(values=shown[["row", "covered", "low", "high", "kind"]].to_dict("records"))
    place = alt.Y("row:N", sort=list(shown["row"]), title=None, axis=alt.Axis(labelLimit=320))
    scale = alt.Scale(domain=[min(0.85, float(shown["low"].min()) - 0.01), 1.0])
    colour = alt.Color("kind:N", title=None, scale=alt.Scale(range=["#8a8f98", "#2f6fb0"]), legend=alt.Legend(orient="top", labelLimit=300))
    dots = alt.Chart(data).mark_point(filled=True, size=70, opacity=1).encode(
        x=alt.X("covered:Q", title="share of 95 % intervals that hold the truth", scale=scale, axis=alt.Axis(format="%")), y=place, color=colour,
    )  # fmt: skip
    bars = alt.Chart(data).mark_rule().encode(x=alt.X("low:Q", scale=scale), x2="high:Q", y=place, color=colour)
    levels = alt.InlineData(values=[{"at": BAR}, {"at": NOMINAL}])
    lines = alt.Chart(levels).mark_rule(strokeDash=[4, 4], color="#555555").encode(x=alt.X("at:Q", scale=scale))
    return (lines + bars + dots).properties(width=420, title="Coverage of intervals in simulations")


def report(covered: pd.DataFrame, at_random: pd.DataFrame, facts: dict[str, Any], out: Path) -> None:
    """Print both tables and the bars, keep the numbers and the chart."""
    print(covered.drop(columns="met").to_string(index=False, na_rep="-", float_format="{:.4f}".format))
    print("\n" + at_random.drop(columns="met").to_string(index=False, float_format="{:.4f}".format) + "\n")
    for row in covered[covered["at least"].notna()].to_dict("records"):
        print(f"{MET[row['met']]:6} {row['metric']}, {row['setting']}: {row['covered']:.3f} covered, at least {BAR}")
    worst = at_random.loc[at_random["errors"].abs().idxmax()]
    within = None if facts["quick"] else bool(at_random["met"].all())
    print(f"{MET[within]:6} chance: the furthest is {worst['figure']}, {worst['errors']:.2f} standard errors, at most {ERRORS:g}")
    print("\n" + ", ".join(f"{name}: {facts[name]}" for name in ("seconds", "machine")))
    out.mkdir(parents=True, exist_ok=True)
    plain = {name: json.loads(table.to_json(orient="records")) for name, table in (("coverage", covered), ("chance", at_random))}
    (out / "coverage.json").write_text(json.dumps({**facts, **plain, "chance met": within}, indent=1))
    wf.plot.save(chart(covered), out / "coverage.png")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    settings = arguments.parse_args()
    load, start = os.getloadavg()[0], time.perf_counter()
    covered, at_random = coverage(settings.quick), chance(settings.quick)
    facts = {
        "quick": settings.quick, "seconds": round(time.perf_counter() - start, 1), "machine": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(), "load average": load, "numpy": np.__version__,
    }  # fmt: skip
    report(covered, at_random, facts, settings.out)


if __name__ == "__main__":
    main()
