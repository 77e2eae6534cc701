"""What holds for every method, whatever it computes."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from helpers.problems import data, problem

import whence as wh

METHODS = {
    "influence, exact": wh.InfluenceFunction(wh.IHVP(wh.GaussNewton(), wh.Exact())),
    "influence, CG": wh.InfluenceFunction(wh.IHVP(wh.GaussNewton(), wh.CG())),
    "influence, leverage": wh.InfluenceFunction(wh.IHVP(wh.GaussNewton(), wh.Exact()), leverage=True),
    "gradient dot": wh.GradientDot(),
    "gradient cosine": wh.GradientCosine(),
    "random": wh.RandomScores(3),
    "representer points": wh.RepresenterL2(l2=1e-5, output=0),
    "representer points, local": wh.RepresenterLJE(output=0),
    "renormalised influence": wh.RenormalisedInfluence(wh.IHVP(wh.GaussNewton(), wh.Exact())),
    "embedding": wh.EmbeddingSimilarity(),
    "embedding, euclidean": wh.EmbeddingSimilarity(metric="euclidean"),
    "loss": wh.LossScores(),
    "gradient norm": wh.GradientNorm(),
}
PROBLEMS = ["softmax", "mlp", "ridge with weights", "bare parameter", "sequence in a dictionary"]
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
some_problems = pytest.mark.parametrize("name", PROBLEMS)


@every_method
@some_problems
def test_batch_size_makes_no_difference(method: wh.Method, name: str) -> None:
    case = problem(name)
    whole = wh.attribute(method, case.problem, case.queries)
    own = wh.self_influence(method, case.problem)
    for size in (1, 5):
        p = type(case.problem)(**{**vars(case.problem), "batch_size": size})
        torch.testing.assert_close(wh.attribute(method, p, case.queries).values, whole.values, rtol=1e-8, atol=1e-10)
        torch.testing.assert_close(wh.self_influence(method, p), own, rtol=1e-8, atol=1e-10)


@every_method
def test_scores_follow_ids_through_a_permutation(method: wh.Method) -> None:
    X, y = data(24, "class")
    X, order = X.double(), np.random.default_rng(0).permutation(24)
    model = torch.nn.Linear(4, 3, dtype=torch.float64).eval()
    ids = np.array([f"row {i}" for i in range(24)])
    plain = wh.Problem.of(model, wh.cross_entropy(l2=0.1), (X, y), ids=ids)
    mixed = wh.Problem.of(model, wh.cross_entropy(l2=0.1), (X[order], y[order]), ids=ids[order])
    queries = (X[:2], y[:2])
    one, other = wh.attribute(method, plain, queries), wh.attribute(method, mixed, queries)
    torch.testing.assert_close(other.select(ids), one.values, rtol=1e-8, atol=1e-10)


@every_method
def test_scoring_some_ids_gives_their_columns(method: wh.Method) -> None:
    case = problem("mlp")
    whole = wh.attribute(method, case.problem, case.queries)
    some = wh.attribute(method, case.problem, case.queries, ids=[7, 3, 20])
    torch.testing.assert_close(some.values, whole.values[:, [7, 3, 20]])
    assert some.train_ids.tolist() == [7, 3, 20]


@every_method
def test_the_model_is_left_bit_for_bit_as_it_was(method: wh.Method) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.BatchNorm1d(5), torch.nn.Linear(5, 3)).double().eval()
    model[0].bias.requires_grad_(False)
    model[2].weight.grad = torch.ones_like(model[2].weight)
    before, mode = copy.deepcopy(model.state_dict()), [m.training for m in model.modules()]
    wanted = [value.requires_grad for value in model.parameters()]
    random, X, y = torch.get_rng_state(), *(part if part.dtype == torch.int64 else part.double() for part in data(20, "class"))
    torch.set_rng_state(random)
    p = wh.Problem.of(model, wh.cross_entropy(l2=0.1), (X, y))
    wh.attribute(method, p, (X[:2], y[:2]))
    wh.self_influence(method, p)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert mode == [m.training for m in model.modules()] and wanted == [value.requires_grad for value in model.parameters()]
    assert torch.equal(model[2].weight.grad, torch.ones_like(model[2].weight)) and model[0].weight.grad is None
    assert not any(m._forward_hooks or m._backward_hooks or m._forward_pre_hooks for m in model.modules())
    assert torch.equal(torch.get_rng_state(), random)


@every_method
@some_problems
def test_datasets_batches_and_tensors_give_the_same(method: wh.Method, name: str) -> None:
    case = problem(name)
    whole = wh.attribute(method, case.problem, case.queries)
    tree = case.problem.train.source.tree  # type: ignore[attr-defined]
    p = case.problem
    settings: dict[str, Any] = {"parameters": p.names, "weights": p.weights}
    items = [{k: v[i] for k, v in tree.items()} if isinstance(tree, dict) else tuple(part[i] for part in tree) for i in range(len(p))]
    loader = torch.utils.data.DataLoader(items, batch_size=7)  # type: ignore[arg-type,var-annotated]
    for train in (loader, list(loader)):
        again = wh.Problem.of(p.model, p.objective, train, **settings).at(p.parameters)
        torch.testing.assert_close(wh.attribute(method, again, case.queries).values, whole.values)


def test_settings_hold_no_data() -> None:
    for method in METHODS.values():
        assert method == copy.copy(method) and isinstance(hash(method), int) and "Tensor" not in repr(method)
