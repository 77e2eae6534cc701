"""What holds for every method that goes through ``attribute``, whatever it computes: one table of methods, one table of exceptions."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.problems import data, problem

import wherefrom as wf
from wherefrom.scores import By

pytestmark = pytest.mark.filterwarnings("ignore::wherefrom.methods.CheckpointWarning")  # models that are hardly trained, on purpose

Prepared = tuple[wf.Problem, wf.methods.Method]
Entry = wf.methods.Method | Callable[[wf.Problem], Prepared]  # a method with no data, or what it takes of the problem: checkpoints, a recorded run


def traced(**settings: Any) -> Callable[[wf.Problem], Prepared]:
    """TracIn over two states."""

    def entry(p: wf.Problem) -> Prepared:
        half = {name: value / 2 if value.is_floating_point() else value for name, value in p.state.items()}
        return p, wf.TracIn([half, p.state], [0.1, 0.3], **settings)

    return entry


def adam(**settings: Any) -> Callable[[wf.Problem], Prepared]:
    """LESS over two states with moments of Adam for all of the model's parameters."""

    def entry(p: wf.Problem) -> Prepared:
        named, generator = dict(p.model.named_parameters()), torch.Generator().manual_seed(5)
        points = []
        for factor in (0.5, 1.0):
            state = {name: value * factor if value.is_floating_point() else value for name, value in p.state.items()}
            moments = {}
            for number, value in enumerate(named.values()):
                first, second = (torch.rand(value.shape, generator=generator, dtype=torch.float64) for _ in range(2))
                moments[number] = {"step": 3, "exp_avg": 0.01 * (first - 0.5), "exp_avg_sq": 0.01 * second}
            group = {"params": list(range(len(named))), "lr": 0.1 * factor, "betas": (0.9, 0.99), "eps": 1e-8, "amsgrad": False}
            optimizer = wf.checkpoints.SavedOptimizer((group,), moments)
            points.append(wf.checkpoints.Checkpoint(state, 0.1 * factor, optimizer=optimizer))
        return p, wf.methods.LESS(points, **settings)

    return entry


def recorded(method: Callable[[wf.retraining.Run], wf.methods.Method], train: Any) -> Callable[[wf.Problem], Prepared]:
    """A method of a run, on the problem where it ended."""

    def entry(p: wf.Problem) -> Prepared:
        run = train(p, 0)
        return p.at(run.parameters), method(run)

    return entry


def influence(curvature: Any, solver: wf.solvers.Solver, damping: float | None = None) -> wf.methods.Method:
    return wf.InfluenceFunction(wf.IHVP(curvature, solver, damping))


EXACT = wf.IHVP(wf.GaussNewton(), wf.Exact())
ANY_MODEL: dict[str, Entry] = {
    "influence": wf.InfluenceFunction(EXACT),
    "influence, leverage": wf.InfluenceFunction(EXACT, leverage=True),
    "RelatIF": wf.RelatIF(EXACT),
    "renormalised influence": wf.methods.RenormalisedInfluence(EXACT),
    "gradient dot": wf.GradientDot(),
    "gradient cosine": wf.GradientCosine(),
    "TracIn": traced(),
    "LESS": adam(dimension=64),
    "TRAK": wf.TRAK(dimension=16),
    "projected influence": wf.ProjectedInfluence(wf.LayerProjection(3), wf.GaussNewton()),
    "TrackStar": wf.methods.TrackStar(projection=wf.LayerProjection(3)),
    "DataInf": wf.methods.DataInf(),
    "representer points": wf.methods.RepresenterL2(l2=1e-5, output=0),
    "representer points, local": wf.methods.RepresenterLJE(output=0),
    "unrolled": recorded(wf.UnrolledInfluence, wf.train.adam(2, 0.01, batch_size=7, start=wf.train.present, record=True)),
    "SGD": recorded(wf.methods.SGDInfluence, wf.train.sgd(2, 0.1, batch_size=7, start=wf.train.present, record=True)),
    "embedding": wf.EmbeddingSimilarity(),
    "embedding, euclidean": wf.EmbeddingSimilarity(metric="euclidean"),
    "loss": wf.methods.LossScores(),
    "gradient norm": wf.methods.GradientNorm(),
    "random": wf.methods.RandomScores(3),
}
ON_THE_MLP: dict[str, Entry] = {
    "influence, Hessian": influence(wf.Hessian(), wf.Exact(), 1.0),
    "influence, Fisher": influence(wf.Fisher(), wf.Exact()),
    "influence, empirical Fisher": influence(wf.EmpiricalFisher(), wf.Exact()),
    "influence, blocks": influence(wf.BlockDiagonal(wf.GaussNewton()), wf.Exact()),
    "influence, diagonal": influence(wf.Diagonal(wf.GaussNewton()), wf.Eigen()),
    "influence, identity": influence(wf.curvature.Identity(), wf.Eigen()),
    "influence, K-FAC": influence(wf.KFAC(samples=None), wf.Eigen(tolerance=0)),
    "influence, EK-FAC": influence(wf.EKFAC(samples=None), wf.Eigen(tolerance=0)),
    "influence, CG": influence(wf.GaussNewton(), wf.CG()),
    "influence, LiSSA": influence(wf.GaussNewton(), wf.LiSSA(depth=30), 0.5),
    "influence, Arnoldi": influence(wf.GaussNewton(), wf.Arnoldi(iterations=12)),
    "RelatIF, l": wf.RelatIF(EXACT, variant="l"),
    "TracIn, cosine": traced(normalise="cosine"),
    "TracIn, projected": traced(projection=32),
    "TrackStar, one sketch": lambda p: (p, wf.methods.TrackStar(None, wf.gradients.Projection(16), 0.4, problem("mlp").queries)),
    "LESS, projected": adam(dimension=16, update="scaled"),
    "TracIn, last layer": traced(parameters="2.*"),
    "projected influence, one sketch": wf.ProjectedInfluence(wf.gradients.Projection(16), wf.GaussNewton()),
    "SGD without curvature": recorded(
        lambda run: wf.methods.SGDInfluence(run, hessian=False), wf.train.sgd(2, 0.1, batch_size=7, start=wf.train.present, record=True)
    ),
    "margin": wf.MarginScores(),
}
METHODS = ANY_MODEL | ON_THE_MLP
PROBLEMS = ["softmax", "mlp", "ridge with weights", "bare parameter", "sequence in a dictionary"]
CASES = [(name, where) for where in PROBLEMS for name in (METHODS if where == "mlp" else ANY_MODEL)]
every_method = pytest.mark.parametrize("name", METHODS)
every_case = pytest.mark.parametrize(("name", "where"), CASES)


def prepared(name: str, p: wf.Problem) -> Prepared:
    entry = METHODS[name]
    return (p, entry) if isinstance(entry, wf.methods.Method) else entry(p)


def on(name: str, where: str = "mlp") -> tuple[wf.Problem, wf.methods.Method, Any]:
    case = problem(where)
    return *prepared(name, case.problem), case.queries


def close(left: torch.Tensor, right: torch.Tensor, tolerance: float = 1e-8) -> None:
    torch.testing.assert_close(left, right, rtol=tolerance, atol=1e-2 * tolerance)


@every_case
def test_batch_size_makes_no_difference(name: str, where: str) -> None:
    p, method, queries = on(name, where)
    whole, own = wf.attribute(method, p, queries), wf.self_influence(method, p, ids=[4, 0, 9])
    for size in (1, 5) if name in ANY_MODEL else (5,):
        again = replace(p, batch_size=size)
        close(wf.attribute(method, again, queries).values, whole.values)
        close(wf.self_influence(method, again, ids=[4, 0, 9]), own)


@every_case
def test_streamed_top_equals_the_top_of_the_table(name: str, where: str) -> None:
    p, method, queries = on(name, where)
    p = replace(p, batch_size=7)
    whole = wf.attribute(method, p, queries)
    ends: tuple[By, ...] = ("proponents", "opponents", "magnitude")
    for by in ends:
        best, expected = wf.attribute(method, p, queries, top=4, by=by), whole.top(4, by)
        assert (best.ids == expected.ids).all() and torch.equal(best.values, expected.values) and best.by == by
        if best.opponents is not None and expected.opponents is not None:
            assert (best.opponents.ids == expected.opponents.ids).all() and torch.equal(best.opponents.values, expected.opponents.values)


OWN_DIFFERS = {
    "random": "self-influence has a chance of its own, for a query has ids of its own",
    "TracIn, projected": "lengths are taken exactly, at no cost; products are projected",
}


@every_case
def test_self_influence_is_the_diagonal_of_the_table(name: str, where: str) -> None:
    p, method, _ = on(name, where)
    own, table = wf.self_influence(method, p), wf.attribute(method, p, p.train.source.tree)  # type: ignore[attr-defined]
    if name in OWN_DIFFERS:
        assert not torch.allclose(own, table.values.diagonal())
    else:
        close(own, table.values.diagonal(), 1e-7)


@every_method
def test_scores_follow_ids_through_a_permutation(name: str) -> None:
    p, method, queries = on(name)
    order = np.random.default_rng(0).permutation(len(p))
    mixed = wf.Problem.of(p.model, p.objective, tuple(part[order] for part in p.train.source.tree), ids=order).at(p.parameters)  # type: ignore[attr-defined]
    one, other = wf.attribute(method, p, queries), wf.attribute(method, mixed, queries)
    assert other.train_ids.tolist() == order.tolist()
    close(other.select(p.ids), one.values)


@every_method
def test_the_same_seed_gives_the_same_bits(name: str) -> None:
    case = problem("mlp")
    tables = []
    for _ in range(2):
        p, method = prepared(name, case.problem)
        tables.append(wf.attribute(method, p, case.queries).values)
        torch.rand(3)  # the global generator plays no part
    assert torch.equal(*tables)


@every_method
def test_scoring_some_ids_gives_their_columns(name: str) -> None:
    p, method, queries = on(name)
    whole = wf.attribute(method, p, queries)
    some = wf.attribute(method, p, queries, ids=[7, 3, 20])
    close(some.values, whole.values[:, [7, 3, 20]])
    assert some.train_ids.tolist() == [7, 3, 20]


@every_method
def test_all_queries_at_once_are_the_sum_of_rows_and_groups_that_of_columns(name: str) -> None:
    p, method, queries = on(name)
    whole = wf.attribute(method, p, queries)
    close(wf.attribute(method, p, queries, aggregate=True).values, whole.values.sum(0, keepdim=True), 1e-7)
    groups = {"few": [1, 5, 9], "one": [3]}
    close(wf.attribute(method, p, queries, groups=groups).values, whole.grouped(groups).values)


@every_method
def test_scores_and_their_top_are_saved_and_opened_bit_for_bit(name: str, tmp_path: Path) -> None:
    p, method, queries = on(name)
    whole, best = wf.attribute(method, p, queries), wf.attribute(method, p, queries, top=3)
    streamed = wf.attribute(method, p, queries, out=tmp_path / "streamed")
    whole.save(tmp_path / "whole")
    best.save(tmp_path / "best")
    for found in (wf.Scores.open(tmp_path / "whole", fingerprint=p.fingerprint()), streamed):
        assert torch.equal(found.values, whole.values) and found.unit == whole.unit and found.method == whole.method == repr(method)
    top = wf.TopScores.open(tmp_path / "best", fingerprint=p.fingerprint())
    assert torch.equal(top.values, best.values) and (top.ids == best.ids).all() and top.unit == whole.unit
    assert top.opponents is not None and best.opponents is not None and torch.equal(top.opponents.values, best.opponents.values)


@every_method
def test_float32_problems_score_as_those_in_float64(name: str) -> None:
    case = problem("mlp")
    double, single = prepared(name, case.problem), prepared(name, case.problem.to(torch.float32))
    one, other = wf.attribute(double[1], double[0], case.queries).values, wf.attribute(single[1], single[0], case.queries).values
    assert other.dtype == (torch.float64 if name == "representer points" else torch.float32)  # those are refitted in float64
    assert float((other - one).norm() / one.norm()) < 1e-3


COUNTED = [  # methods whose score is wᵢ times something: an example of weight 2 scores as two copies of it together
    name
    for name in METHODS
    if name.startswith(("influence", "projected influence", "representer", "DataInf")) or name == "TRAK"
    if name != "influence, leverage"
]
UNCOUNTED = {
    "influence, leverage": "Newton's step without both copies is not twice that without one",
    "influence, Fisher": "targets are drawn by id, so copies draw others",
    "unrolled": "copies fall into other batches",
    "SGD": "copies fall into other batches",
    "SGD without curvature": "copies fall into other batches",
    "random": "scores are fixed by the ids",
}


@pytest.mark.parametrize("name", [name for name in METHODS if name not in UNCOUNTED])
def test_a_weight_of_two_is_two_copies(name: str) -> None:
    """Together where the method has wᵢ in its formula, each where it has not."""
    case = problem("mlp")
    X, y = case.problem.train.source.tree  # type: ignore[attr-defined]
    counts = torch.arange(24) % 3 + 1
    model, objective = case.problem.model, case.problem.objective
    p, method = prepared(name, wf.Problem.of(model, objective, (X, y), weights=counts.double()))
    copies, same = prepared(name, wf.Problem.of(model, objective, (X.repeat_interleave(counts, 0), y.repeat_interleave(counts, 0))))
    first = counts.cumsum(0) - counts
    weighed, each = wf.attribute(method, p, case.queries).values, wf.attribute(same, copies, case.queries).values
    close(weighed, each[:, first] * counts if name in COUNTED else each[:, first], 1e-7)


@every_method
def test_the_model_is_left_bit_for_bit_as_it_was(name: str) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.BatchNorm1d(5), torch.nn.Linear(5, 3)).double().eval()
    model[0].bias.requires_grad_(False)
    model[2].weight.grad = torch.ones(3, 5, dtype=torch.float64)
    before, mode = copy.deepcopy(model.state_dict()), [m.training for m in model.modules()]
    wanted = [value.requires_grad for value in model.parameters()]
    random, X, y = torch.get_rng_state(), *(part if part.dtype == torch.int64 else part.double() for part in data(20, "class"))
    torch.set_rng_state(random)
    p, method = prepared(name, wf.Problem.of(model, wf.cross_entropy(l2=0.1), (X, y)))
    wf.attribute(method, p, (X[:2], y[:2]))
    wf.self_influence(method, p)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert mode == [m.training for m in model.modules()] and wanted == [value.requires_grad for value in model.parameters()]
    assert torch.equal(model[2].weight.grad, torch.ones(3, 5, dtype=torch.float64)) and model[0].weight.grad is None
    assert not any(m._forward_hooks or m._backward_hooks or m._forward_pre_hooks for m in model.modules())
    assert torch.equal(torch.get_rng_state(), random)


@every_case
def test_datasets_batches_and_tensors_give_the_same(name: str, where: str) -> None:
    p, method, queries = on(name, where)
    whole = wf.attribute(method, p, queries)
    tree = p.train.source.tree  # type: ignore[attr-defined]
    settings: dict[str, Any] = {"parameters": p.names, "weights": p.weights}
    items = [{k: v[i] for k, v in tree.items()} if isinstance(tree, dict) else tuple(part[i] for part in tree) for i in range(len(p))]
    loader = torch.utils.data.DataLoader(items, batch_size=7)  # type: ignore[arg-type,var-annotated]
    for train in (loader, list(loader)):
        again = wf.Problem.of(p.model, p.objective, train, **settings).at(p.parameters)
        close(wf.attribute(method, again, queries).values, whole.values)


@every_method
def test_settings_hold_no_data(name: str) -> None:
    """Checkpoints and runs are references, so those settings compare by identity."""
    _, method, _ = on(name)
    same = method if type(method).__eq__ is object.__eq__ else copy.copy(method)
    assert method == same and isinstance(hash(method), int) and "ensor(" not in repr(method)
