"""Methods over runs: who is compared with whom, and that the row of chance is chance."""

from functools import cache

import numpy as np
import pytest
import torch

import wherefrom as wf

N, Q, K = 60, 40, 12


@cache
def runs(count: int = 6) -> tuple[wf.compare.TrainedRun, ...]:
    return wf.compare.train_runs({"mlp": (problem(), wf.train.adam(8, 0.05, batch_size=12))}, seeds=range(count), progress=False)


@cache
def data() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    X, Z = (torch.randn(n, 3, generator=random, dtype=torch.float64) for n in (N, Q))
    return X, (X[:, 0] > 0).long(), Z, (Z[:, 0] > 0).long()


def problem(width: int = 4) -> wf.Problem:
    X, y, _, _ = data()
    model = torch.nn.Sequential(torch.nn.Linear(3, width), torch.nn.Tanh(), torch.nn.Linear(width, 2)).double().eval()
    return wf.Problem.of(model, wf.cross_entropy(l2=0.01), (X, y), ids=np.array([f"p{i}" for i in range(N)]))


def queries() -> tuple[torch.Tensor, torch.Tensor]:
    return data()[2:]


def found(estimand: str = "models trained like it", k: int = K, **methods: object) -> wf.compare.Consistency:
    chosen = methods or {"dot": wf.GradientDot(), "cosine": wf.GradientCosine(), "influence": wf.InfluenceFunction()}
    some = runs() if estimand != "this model" else runs()[:1]
    return wf.compare.consistency(chosen, some, queries(), estimand=estimand, k=k, progress=False)  # type: ignore[arg-type]


def test_figures_are_those_of_the_metrics() -> None:
    both = found()
    dot, cosine = ([wf.attribute(m, run.problem, queries(), progress=False) for run in runs()] for m in (wf.GradientDot(), wf.GradientCosine()))
    assert both.stability["dot"] == wf.metrics.stability(dot, k=K, progress=False)
    pair = both.agreement["dot", "cosine"]
    each = [wf.metrics.kuncheva(a, b, k=K).value for a, b in zip(dot, cosine, strict=True)]
    taus = [wf.metrics.kendall(a, b, progress=False).value for a, b in zip(dot, cosine, strict=True)]
    assert pair.kuncheva.value == pytest.approx(np.mean(each)) and pair.kendall.value == pytest.approx(np.mean(taus))
    assert pair.kuncheva.ceiling == pytest.approx((both.stability["dot"].nogueira.value * both.stability["cosine"].nogueira.value) ** 0.5)
    assert pair.kuncheva.n == 6 and pair.kuncheva.low < pair.kuncheva.value < pair.kuncheva.high
    assert set(both.agreement) == {(a, b) for i, a in enumerate(both.scores) for b in list(both.scores)[i + 1 :]}
    assert all(one.kendall.ceiling is not None for one in both.agreement.values()) and "dot and cosine: " in str(both)


def test_the_random_row_reproduces_every_chance_column_within_three_standard_errors() -> None:
    """Errors of lists and orders that are drawn at random, independent for each run and query, are known: no estimate of them is needed."""
    both, pairs = found(), 6 * 5 / 2
    of_list = (K * K / N * (1 - K / N) * (N - K) / (N - 1)) ** 0.5 / K / (1 - K / N) / Q**0.5
    of_order = (2 * (2 * N + 5) / (9 * N * (N - 1))) ** 0.5 / Q**0.5
    own = both.stability["random"]
    assert abs(own.nogueira.value) < 3 * of_list / pairs**0.5 and abs(own.kendall.value) < 3 * of_order / pairs**0.5
    rho = (6 * own.kendall_w.value - 1) / 5
    assert own.kendall_w.chance == 1 / 6 and abs(rho) < 3 / (N - 1) ** 0.5 / (Q * pairs) ** 0.5
    for agreed in (agreed for pair, agreed in both.agreement.items() if "random" in pair):
        assert abs(agreed.kuncheva.value) < 3 * of_list / 6**0.5 and abs(agreed.kendall.value) < 3 * of_order / 6**0.5
        assert agreed.kuncheva.chance == agreed.kendall.chance == 0
    alone = wf.metrics.agreement(both.scores["random"][0], both.scores["dot"][0], k=K, progress=False)
    for figure in alone.estimates():
        assert abs(figure.value - figure.chance) < 3 * (figure.high - figure.low) / 2 / 2.02, figure
    shared = wf.metrics.shared_top(both.scores["random"], k=K, share=0.5).count
    assert abs(shared.value - shared.chance) < 3 * (shared.high - shared.low) / 2 / 2.02


def test_this_model_asks_about_one_run_and_the_estimators_noise() -> None:
    both = found("this model", exact=wf.GradientDot(), trak=lambda run, draw: wf.TRAK(dimension=8, seed=draw))
    exact, trak = (both.stability[name].nogueira.value for name in ("exact", "trak"))
    assert exact == 1 and 0.1 < trak < 0.99
    figure = both.agreement["exact", "trak"].kuncheva
    assert figure.n == Q and figure.ceiling == pytest.approx(trak**0.5)
    assert abs(both.stability["random"].nogueira.value) < 0.1 and both.runs[0] == "mlp, seed 0, draw 0"


def test_ids_in_the_top_of_all_are_listed() -> None:
    both = found()
    for row, query in enumerate(range(Q)):
        tops = [set(scores.top(K).ids[row].tolist()) for scores in both.scores["dot"]]
        assert set(both.shared["dot"].ids[query]) == set.intersection(*tops)
    everywhere = [scores for name, each in both.scores.items() if name != "random" for scores in each]
    assert set(both.shared_by_all.ids[0]) == set.intersection(*(set(one.top(K).ids[0].tolist()) for one in everywhere))


@pytest.mark.filterwarnings("ignore::wherefrom.methods.CheckpointWarning")
def test_k_of_all_is_vacuous_and_constant_scores_are_undefined() -> None:
    whole = found(k=N)
    assert whole.stability["dot"].nogueira.status == whole.agreement["dot", "cosine"].kuncheva.status == whole.shared_by_all.count.status == "vacuous"
    none = found(flat=wf.TracIn([dict(runs()[0].problem.parameters)], learning_rates=0.0), dot=wf.GradientDot())
    assert none.stability["flat"].nogueira.status == none.agreement["flat", "dot"].kuncheva.status == "undefined"
    assert none.agreement["flat", "dot"].kendall.reason and none.shared["flat"].count.status == "undefined"


def test_splits_meet_on_the_ids_that_both_have() -> None:
    whole, train = problem(), wf.train.adam(4, 0.05, batch_size=12)
    halves = {f"split {i}": (whole.subset([f"p{j}" for j in range(i * 10, i * 10 + 50)]), train) for i in range(2)}
    both = wf.compare.consistency({"dot": wf.GradientDot()}, wf.compare.train_runs(halves, seeds=[0, 1], progress=False), queries(),
                          estimand="models trained like it", k=5, progress=False)  # fmt: skip
    assert both.scores["dot"][0].train_ids.tolist() == [f"p{j}" for j in range(10, 50)]
    effect = both.configurations["dot"]
    assert effect.within.value is not None and effect.gap.value == pytest.approx(effect.within.value - effect.between.value)
    apart = {"a": (whole.subset(["p0", "p1"]), train), "b": (whole.subset(["p2", "p3"]), train)}
    with pytest.raises(wf.UsageError, match="share no training id"):
        wf.compare.consistency(
            {"dot": wf.GradientDot()}, wf.compare.train_runs(apart, seeds=[0], progress=False), queries(), estimand="models trained like it"
        )


def test_models_of_other_widths_are_compared() -> None:
    train = wf.train.adam(4, 0.05, batch_size=12)
    some = wf.compare.train_runs({f"width {w}": (problem(w), train) for w in (3, 6)}, seeds=[0, 1], progress=False)
    both = wf.compare.consistency({"dot": wf.GradientDot()}, some, queries(), estimand="models trained like it", k=K, progress=False)
    assert set(both.configurations) == {"dot", "random"} and abs(both.configurations["random"].gap.value) < 0.1


def test_what_was_not_varied_is_said_and_what_makes_no_sense_refused() -> None:
    X, y, _, _ = data()
    linear = wf.Problem.of(torch.nn.Linear(3, 2).double().eval(), wf.cross_entropy(l2=0.1), (X, y))
    same = wf.compare.train_runs({"newton": (linear, wf.train.newton())}, seeds=[0, 1], progress=False)
    both = wf.compare.consistency({"dot": wf.GradientDot()}, same, queries(), estimand="models trained like it", k=K, progress=False)
    assert "seed changes nothing" in both.notes[0]
    for some, estimand, settings, said in (
        (runs(), "this model", {}, "about one run"), (runs()[:1], "models trained like it", {}, "about several"), (runs(), "both", {}, "give one of"),
        (runs()[:1], "this model", {"repeats": 1}, "shows no noise"),
    ):  # fmt: skip
        with pytest.raises(wf.UsageError, match=said):
            wf.compare.consistency({"dot": wf.GradientDot()}, some, queries(), estimand=estimand, **settings)  # type: ignore[arg-type]
    with pytest.raises(wf.UsageError, match="gave a int"):
        wf.compare.consistency({"odd": lambda run, draw: 3}, runs(), queries(), estimand="models trained like it", progress=False)  # type: ignore[dict-item,return-value]
