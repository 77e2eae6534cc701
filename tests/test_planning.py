"""Plans: what is said before a run is what the run then does."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.problems import problem
from torch import nn

import wherefrom as wf

pytestmark = pytest.mark.filterwarnings("ignore:.*no better than shuffled ones")


def wide() -> tuple[wf.Problem, Any]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(200, 300), nn.Tanh(), nn.Linear(300, 10)).eval()
    X, y = torch.randn(6000, 200), torch.randint(10, (6000,))
    return wf.Problem.of(model, wf.cross_entropy(), (X, y)), (X[:50], y[:50])


def test_seconds_and_contractions() -> None:
    p, queries = wide()
    method = wf.TracIn([p.state, {name: value * 2 for name, value in p.state.items()}])
    found = wf.plan(method, p, queries)
    start = time.perf_counter()
    wf.attribute(method, p, queries, progress=False)
    taken = time.perf_counter() - start
    assert taken / 5 < found.seconds < taken * 5  # other work may share the machine
    assert (found.passes, found.query_passes, found.examples, found.disk) == (2, 2, 6000, 0)
    assert [layer.contraction for layer in found.layers] == ["Gram products"] * 2
    assert found.memory >= 50 * 6000 * 4
    assert found.layers[0].multiplications == 50 * found.batch * (300 + 201 + 2)


def test_it_is_said_in_words_and_as_a_table() -> None:
    p, queries = wide()
    found = wf.plan(wf.GradientDot(), p, queries)
    said = str(found)
    for part in (
        "GradientDot(): 50 queries, 6,000 training examples",
        "1 over the training data",
        "MB beside model and data",
        "0: Linear, 300 × 201",
    ):
        assert part in said
    table = found.to_pandas()
    assert table["layer"].tolist() == ["0", "2"] and table["rule"].tolist() == ["Linear", "Linear"]


def test_layers_alike_share_a_line() -> None:
    model = nn.Sequential(*(nn.Linear(5, 5) for _ in range(6))).eval()
    p = wf.Problem.of(model, wf.squared_error(), (torch.randn(9, 5), torch.randn(9, 5)))
    assert "0 and 5 more: Linear, 5 × 6" in str(wf.plan(wf.GradientDot(), p, p.train))


def test_many_queries_are_written_out_and_few_are_not(tmp_path: Path) -> None:
    case = problem("sequence in a dictionary")
    ways = [{layer.contraction for layer in wf.plan(wf.GradientDot(), case.problem, case.queries, aggregate=all_).layers} for all_ in (True, False)]
    assert ways[0] != ways[1] or ways[0] == {"written out"}
    whole = wf.plan(wf.GradientDot(), case.problem, case.queries, out=tmp_path / "scores")
    assert whole.disk == 8 * whole.queries * whole.examples and not list(tmp_path.iterdir())


def test_streaming_holds_less_and_a_part_takes_less() -> None:
    p, queries = wide()
    whole, top = wf.plan(wf.GradientDot(), p, queries), wf.plan(wf.GradientDot(), p, queries, top=5)
    assert whole.memory - top.memory > 50 * 5000 * 4
    assert wf.plan(wf.GradientDot(), p, queries, ids=p.ids[:300]).examples == 300


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (wf.InfluenceFunction(), "written out and factored"),
        (wf.InfluenceFunction(wf.IHVP(solver=wf.CG(max_iterations=70))), "at most 70 products with the curvature"),
        (wf.InfluenceFunction(wf.IHVP(solver=wf.CG(preconditioner=wf.GaussNewton()))), "preconditioned by a matrix"),
        (wf.InfluenceFunction(leverage=True), "C solves for each training example"),
        (wf.TracIn([{}], projection=3), ""),
    ],
)
def test_what_comes_before_is_said(method: wf.methods.Method, said: str) -> None:
    case = problem("softmax")
    method = wf.TracIn([case.problem.state], projection=3) if isinstance(method, wf.TracIn) else method
    found = wf.plan(method, case.problem, case.queries)
    assert said in found.fitting and said in str(found)
    written = {layer.queries for layer in found.layers}
    assert "factors" not in written
    if isinstance(method, wf.TracIn):
        assert [layer.shape for layer in found.layers] == [(1, 3)] and not found.fitting


def test_random_scores_and_a_fitted_solver_need_nothing_before() -> None:
    case = problem("softmax")
    none = wf.plan(wf.methods.RandomScores(), case.problem, case.queries)
    assert (none.passes, none.seconds, none.layers) == (0, 0.0, ())
    fitted = wf.IHVP().fit(case.problem)
    assert wf.plan(wf.InfluenceFunction(fitted), case.problem, case.queries).fitting == ""


def test_parameters_of_the_method_are_those_of_the_plan() -> None:
    p, queries = wide()
    assert [layer.name for layer in wf.plan(wf.TracIn([p.state], parameters="2.*"), p, queries).layers] == ["2"]


def test_a_fitted_ihvp_says_what_it_approximates_and_how_well() -> None:
    p, queries = wide()
    fitted = wf.IHVP(wf.EKFAC(), wf.Eigen()).fit(p)
    said = wf.plan(wf.InfluenceFunction(fitted), p, queries).approximated
    assert "2.weight" in said and "relative error 0.00" in said and said in str(wf.plan(wf.RelatIF(fitted), p, queries))
    assert wf.plan(wf.InfluenceFunction(wf.IHVP(wf.EKFAC(), wf.Eigen(tolerance=0)).fit(p)), p, queries).approximated == ""
    assert "taken as" not in str(wf.plan(wf.GradientDot(), p, queries))


def test_it_costs_about_two_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each example passed through the model is counted: two runs of a batch at most, some queries, and a look at two examples."""
    case, seen = problem("mlp"), []
    p = replace(case.problem, batch_size=8)
    whole = wf.Problem.outputs
    monkeypatch.setattr(wf.Problem, "outputs", lambda self, inputs, *rest: seen.append(len(inputs)) or whole(self, inputs, *rest))
    wf.plan(wf.GradientDot(), p, case.queries)
    assert sum(seen) <= 2 * 8 + 8 + 1 + 2
