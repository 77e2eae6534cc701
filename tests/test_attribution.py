"""The one loop: dense, streamed, grouped and on disk are one answer."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.problems import problem

import wherefrom as wf
from wherefrom.attribution import _best
from wherefrom.data.batches import Batch
from wherefrom.methods.base import FittedMethod, Method, Score
from wherefrom.solvers import Inverse, Solution

METHOD = wf.InfluenceFunction(wf.IHVP(wf.GaussNewton(), wf.Exact()))


def sized(p: wf.Problem, size: int) -> wf.Problem:
    return replace(p, batch_size=size)


@pytest.mark.parametrize("by", ["proponents", "opponents", "magnitude"])
@pytest.mark.parametrize("k", [1, 5, 24, 100])
def test_streamed_top_equals_top_of_the_dense_table(by: Any, k: int) -> None:
    case = problem("mlp")
    dense = wf.attribute(METHOD, case.problem, case.queries).top(min(k, 24), by=by)
    streamed = wf.attribute(METHOD, sized(case.problem, 5), case.queries, top=k, by=by)
    assert streamed.ids.tolist() == dense.ids.tolist()
    torch.testing.assert_close(streamed.values, dense.values)
    if by != "magnitude":
        assert streamed.opponents.ids.tolist() == dense.opponents.ids.tolist()


class Tied(Method):
    """Scores with many ties: position modulo 3."""

    def fit(self, problem: wf.Problem) -> FittedMethod:
        class Fitted(FittedMethod):
            unit, size = "arbitrary", 4

            def prepare(self, queries: Any) -> Score:
                q = sum(len(batch) for batch in queries)
                return lambda batch: torch.from_numpy(batch.positions % 3).double().expand(q, -1)

            def own(self, batch: Batch) -> torch.Tensor:
                return batch.weights

        return Fitted()


def test_ties_keep_the_order_of_the_data() -> None:
    case = problem("ridge")
    streamed = wf.attribute(Tied(), case.problem, case.queries, top=10)
    dense = wf.attribute(Tied(), case.problem, case.queries).top(10)
    assert streamed.ids.tolist() == dense.ids.tolist() and streamed.ids[0, :3].tolist() == [2, 5, 8]
    assert streamed.opponents.ids.tolist() == dense.opponents.ids.tolist()


@pytest.mark.parametrize("by", ["proponents", "opponents", "magnitude"])
@pytest.mark.parametrize("levels", [1, 3, 40, 10**6])
def test_the_best_of_blocks_in_any_order_are_those_of_a_sort(by: Any, levels: int) -> None:
    generator = np.random.default_rng(levels)
    table = generator.integers(-levels, levels + 1, (7, 500)).astype(np.float64)
    places = generator.permutation(500)
    blocks = [(part, torch.from_numpy(table[:, part])) for part in np.split(places, [3, 40, 44, 300])]
    key = {"proponents": table, "opponents": -table, "magnitude": abs(table)}[by]
    wanted = np.lexsort((np.broadcast_to(np.arange(500), table.shape), -key), axis=1)[:, :12]
    found = _best(iter(blocks), np.arange(500), 12, by, (np.arange(7), "arbitrary", "m"), "")
    assert (found.ids == wanted).all()
    assert (found.values.numpy() == np.take_along_axis(table, wanted, 1)).all()


def test_all_ids_in_another_order_keep_their_weights() -> None:
    case = problem("ridge with weights")
    whole = wf.attribute(METHOD, case.problem, case.queries)
    turned = wf.attribute(METHOD, case.problem, case.queries, ids=case.problem.ids[::-1])
    torch.testing.assert_close(turned.select(whole.train_ids), whole.values)


def test_groups_and_files_are_the_same_table(tmp_path: Path) -> None:
    case = problem("softmax")
    dense = wf.attribute(METHOD, case.problem, case.queries)
    kept = wf.attribute(METHOD, sized(case.problem, 5), case.queries, out=tmp_path / "s")
    torch.testing.assert_close(kept.values, dense.values)
    assert wf.Scores.open(tmp_path / "s", fingerprint=case.problem.fingerprint()).train_ids.tolist() == dense.train_ids.tolist()
    groups = {"a": [0, 5, 23], "b": [1]}
    summed = wf.attribute(METHOD, sized(case.problem, 5), case.queries, groups=groups, out=tmp_path / "g")
    torch.testing.assert_close(summed.values, dense.grouped(groups).values)
    assert wf.Scores.open(tmp_path / "g").train_ids.tolist() == ["a", "b"]


def test_queries_keep_their_ids() -> None:
    case = problem("softmax")
    asked = wf.Examples.of(case.queries, ids=["x", "y", "z"])
    assert wf.attribute(METHOD, case.problem, asked).query_ids.tolist() == ["x", "y", "z"]


def test_an_interrupted_file_leaves_nothing(tmp_path: Path) -> None:
    case = problem("softmax")

    class Stops(Tied):
        def fit(self, problem: wf.Problem) -> FittedMethod:
            fitted = super().fit(problem)
            score = fitted.prepare

            def prepare(queries: Any) -> Score:
                found = score(queries)

                def scored(batch: Batch) -> torch.Tensor:
                    if batch.positions[0] > 10:
                        raise KeyboardInterrupt
                    return found(batch)

                return scored

            fitted.prepare = prepare  # type: ignore[method-assign]
            return fitted

    with pytest.raises(KeyboardInterrupt):
        wf.attribute(Stops(), case.problem, case.queries, out=tmp_path / "s")
    assert not list(tmp_path.iterdir())


def test_requests_that_contradict_are_refused(tmp_path: Path) -> None:
    case = problem("softmax")
    with pytest.raises(wf.UsageError, match="leave out groups= and out="):
        wf.attribute(METHOD, case.problem, case.queries, top=3, out=tmp_path / "s")  # type: ignore[call-overload]
    with pytest.raises(wf.UsageError, match="top=0"):
        wf.attribute(METHOD, case.problem, case.queries, top=0)
    with pytest.raises(wf.UsageError, match="is unknown"):
        wf.attribute(METHOD, case.problem, case.queries, top=1, by="best")  # type: ignore[call-overload]
    with pytest.raises(wf.UsageError, match="Id 77 is not among"):
        wf.attribute(METHOD, case.problem, case.queries, ids=[77])


def test_a_score_that_is_not_finite_is_refused_by_example() -> None:
    class Broken(Tied):
        def fit(self, problem: wf.Problem) -> FittedMethod:
            fitted = super().fit(problem)
            fitted.own = lambda batch: torch.where(torch.from_numpy(batch.positions == 6), np.nan, 1.0)  # type: ignore[method-assign]
            return fitted

    with pytest.raises(wf.UsageError, match="The score of training example 6 is not finite"):
        wf.self_influence(Broken(), problem("ridge").problem)


class Greedy(Method):
    """Runs out of memory above five examples."""

    def __init__(self, least: int = 5) -> None:
        self.least, self.sizes = least, []

    def fit(self, problem: wf.Problem) -> FittedMethod:
        method = self

        class Fitted(FittedMethod):
            unit, size = "arbitrary", 24

            def prepare(self, queries: Any) -> Score:
                asked = sum(len(batch) for batch in queries)
                return lambda batch: self.own(batch).expand(asked, -1)

            def own(self, batch: Batch) -> torch.Tensor:
                method.sizes.append(len(batch))
                if len(batch) > method.least:
                    raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
                return torch.from_numpy(batch.positions).double()

        return Fitted()


def test_out_of_memory_halves_the_batch_and_goes_on() -> None:
    case, method = problem("mlp"), Greedy()
    assert wf.attribute(method, case.problem, case.queries).values[1].tolist() == list(range(24))
    assert method.sizes[:4] == [24, 12, 6, 3] and max(method.sizes[4:]) <= 12
    assert wf.self_influence(Greedy(), case.problem).tolist() == list(range(24))


def test_out_of_memory_on_one_example_is_said() -> None:
    case = problem("mlp")
    with pytest.raises(wf.UsageError, match="Memory ran out on a single training example"):
        wf.self_influence(Greedy(0), case.problem)


def test_self_influence_of_ids_in_any_order_from_batches() -> None:
    X, y = torch.randn(9, 4), torch.arange(9) % 3
    p = wf.Problem.of(torch.nn.Linear(4, 3).eval(), wf.cross_entropy(), [(X[:4], y[:4]), (X[4:], y[4:])])
    own = wf.self_influence(wf.GradientDot(), p)
    torch.testing.assert_close(wf.self_influence(wf.GradientDot(), p, ids=[7, 1, 3]), own[[7, 1, 3]])


def aggregated_methods(case: Any) -> list[Method]:
    states = [{name: value * (1 + step) for name, value in case.problem.state.items()} for step in range(2)]
    kinds: list[dict[str, Any]] = [{}, {"normalise": "cosine"}, {"normalise": "checkpoint"}, {"projection": 10**6}]
    return [METHOD, wf.GradientCosine(), *(wf.TracIn(states, [0.1, 0.2], **kind) for kind in kinds)]


def test_all_queries_at_once_are_the_sum_of_their_rows() -> None:
    case = problem("mlp")
    for method in aggregated_methods(case):
        table = wf.attribute(method, case.problem, case.queries)
        one = wf.attribute(method, case.problem, case.queries, aggregate=True)
        torch.testing.assert_close(one.values, table.values.sum(0, keepdim=True))
        assert one.query_ids.tolist() == ["all queries"] and one.unit == table.unit
    best = wf.attribute(METHOD, case.problem, case.queries, aggregate=True, top=3)
    assert best.ids.shape == (1, 3) and best.query_ids.tolist() == ["all queries"]


def test_influence_on_all_queries_at_once_solves_for_their_sum_alone() -> None:
    case, widths = problem("softmax"), []
    fitted = wf.IHVP().fit(case.problem)

    class Counted(Inverse):
        def solve(self, vectors: torch.Tensor) -> Solution:
            widths.append(vectors.shape[1])
            return fitted.inverse.solve(vectors)

    method = wf.InfluenceFunction(replace(fitted, inverse=Counted()))
    wf.attribute(method, case.problem, case.queries, aggregate=True)
    wf.attribute(method, case.problem, case.queries)
    assert widths == [1, len(case.problem.examples(case.queries))]


def test_a_method_of_its_own_can_be_asked_about_all_queries() -> None:
    case = problem("mlp")
    method = wf.methods.RandomScores(seed=3)
    one = wf.attribute(method, case.problem, case.queries, aggregate=True)
    torch.testing.assert_close(one.values, wf.attribute(method, case.problem, case.queries).values.sum(0, keepdim=True))


def test_what_a_solver_warns_of_stands_beside_the_scores(tmp_path: Path) -> None:
    case = problem("softmax")
    method = wf.InfluenceFunction(wf.IHVP(wf.GaussNewton(), wf.CG(max_iterations=1)))
    with pytest.warns(wf.solvers.SolverWarning, match="allow more iterations"):
        scores = wf.attribute(method, case.problem, case.queries)
    assert len(scores.notes) == 1 and "relative residual" in scores.notes[0]
    assert scores.top(2).notes == scores.notes == scores.grouped({"all": scores.train_ids}).notes
    assert scores.notes[0].split(";")[0] in wf.report(tmp_path / "report.html", scores=scores).read_text()
    with pytest.warns(wf.solvers.SolverWarning):
        streamed = wf.attribute(method, case.problem, case.queries, out=tmp_path / "scores.zarr")
    with pytest.warns(wf.solvers.SolverWarning):
        best = wf.attribute(method, case.problem, case.queries, top=2)
    assert streamed.notes == best.notes == scores.notes and best.opponents is not None and best.opponents.notes == scores.notes
    best.save(tmp_path / "best.zarr")
    assert wf.TopScores.open(tmp_path / "best.zarr").notes == scores.notes
    assert wf.attribute(wf.InfluenceFunction(), case.problem, case.queries).notes == ()
