"""TRAK against its closed form in numpy, and the cases in which its peers give NaN, zeros or answers that depend on the batch."""

import copy
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import reference
from helpers.problems import N, problem
from torch import Tensor, nn

import wherefrom as wf
from wherefrom.methods.trajectory.checkpoint_states import CheckpointWarning

pytestmark = pytest.mark.filterwarnings("ignore:.*no better than shuffled ones")  # most checkpoints here are random


def states(p: wf.Problem, count: int = 3) -> list[dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    return [{k: v + 0.3 * torch.randn(v.shape, generator=generator, dtype=v.dtype) for k, v in p.state.items()} for _ in range(count)]


def softmax_margins(logits: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """p of the target, and ∂ log(p/(1-p)) / ∂ logits: 1 at the target, minus the others' shares among themselves."""
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    own = np.eye(p.shape[1])[y]
    return (p * own).sum(1), own - p * (1 - own) / (1 - (p * own).sum(1, keepdims=True))


def softmax_features(X: np.ndarray, y: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, d) gradients of the margin for weight and bias, and 1 - p."""
    p, slopes = softmax_margins(X @ weight.T + bias, y)
    return np.concatenate([(slopes[:, :, None] * X[:, None, :]).reshape(len(X), -1), slopes], 1), 1 - p


def logistic_features(X: np.ndarray, y: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    z, sign = (X @ weight.T + bias)[:, 0], 2 * y - 1
    return sign[:, None] * np.concatenate([X, np.ones((len(X), 1))], 1), 1 / (1 + np.exp(sign * z))


FEATURES = {"softmax": softmax_features, "logistic": logistic_features}


def arrays(p: wf.Problem, queries: Any) -> tuple[np.ndarray, ...]:
    train = reference.whole(p)
    return train.inputs.numpy(), train.targets.numpy(), queries[0].numpy(), queries[1].numpy()


def closed_form(name: str, p: wf.Problem, queries: Any, found: list[dict[str, Tensor]], ridge: float) -> np.ndarray:
    X, y, Xq, yq = arrays(p, queries)
    inner, missing = [], []
    for state in found:
        weights = state["weight"].numpy(), state["bias"].numpy()
        (train, q), (asked, _) = FEATURES[name](X, y, *weights), FEATURES[name](Xq, yq, *weights)
        inner.append(asked @ np.linalg.inv(train.T @ train + ridge * np.eye(train.shape[1])) @ train.T)
        missing.append(q)
    return np.mean(inner, 0) * np.mean(missing, 0)


@pytest.mark.parametrize(("name", "ridge"), [("logistic", 0.0), ("logistic", 0.7), ("softmax", 0.3)])
@pytest.mark.parametrize("count", [1, 3])
def test_nothing_projected_away_it_is_the_closed_form(name: str, ridge: float, count: int) -> None:
    case = problem(name)
    found = states(case.problem, count)
    scores = wf.attribute(wf.TRAK(found, ridge=ridge), case.problem, case.queries)
    np.testing.assert_allclose(scores.values.numpy(), closed_form(name, case.problem, case.queries, found, ridge), rtol=1e-10, atol=1e-12)
    assert scores.unit == "arbitrary" and scores.method.startswith(f"TRAK({count} checkpoint")


def test_logistic_regression_without_bias_is_the_formula_of_x_alone() -> None:
    case = problem("logistic")
    p = case.problem.restricted("weight")
    X, y, Xq, yq = arrays(p, case.queries)
    sign, z = 2 * y - 1, (X @ p.state["weight"].numpy().T + p.state["bias"].numpy())[:, 0]
    expected = (2 * yq - 1)[:, None] * (Xq @ np.linalg.inv(X.T @ X) @ X.T) * sign / (1 + np.exp(sign * z))
    found = wf.attribute(wf.TRAK(ridge=0, parameters="weight"), case.problem, case.queries).values
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-10, atol=1e-12)


def test_without_checkpoints_it_is_the_models_own_weights() -> None:
    case = problem("softmax")
    own = wf.attribute(wf.TRAK(), case.problem, case.queries).values
    torch.testing.assert_close(wf.attribute(wf.TRAK([case.problem.state]), case.problem, case.queries).values, own, rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", ["ridge", "ridge with weights"])
def test_for_squared_error_it_is_twice_influence(name: str) -> None:
    case = problem(name)
    strength = float(case.problem.l2[0])
    influence = wf.attribute(wf.InfluenceFunction(), case.problem, case.queries).values
    method = wf.TRAK(ridge=case.problem.normaliser * strength / 2)  # C = (2/N) ΦᵀWΦ + l2
    torch.testing.assert_close(wf.attribute(method, case.problem, case.queries).values, 2 * influence, rtol=1e-9, atol=1e-12)


def test_a_measurement_of_ones_own_is_what_is_asked() -> None:
    case = problem("softmax")
    plain = wf.attribute(wf.TRAK(ridge=0.3), case.problem, case.queries).values

    def margin(outputs: Tensor, targets: Tensor) -> Tensor:
        p = outputs.softmax(1).gather(1, targets[:, None])[:, 0]
        return torch.log(p / (1 - p))

    for lower, function in ((False, margin), (True, lambda outputs, targets: -margin(outputs, targets))):
        objective = wf.cross_entropy(l2=0.05, measurement=function, lower_is_better=lower)
        asked = replace(case.problem, objective=objective)
        torch.testing.assert_close(wf.attribute(wf.TRAK(ridge=0.3), asked, case.queries).values, plain, rtol=1e-9, atol=1e-12)


def test_an_output_of_ones_own() -> None:
    case = problem("softmax")

    def log_odds(outputs: Tensor, targets: Tensor) -> Tensor:  # by way of the loss: log p - log(1 - p)
        log_p = -nn.functional.cross_entropy(outputs, targets, reduction="none")
        return log_p - torch.log1p(-log_p.exp())

    for objective in (case.problem.objective, wf.Objective(lambda outputs, targets: nn.functional.cross_entropy(outputs, targets, reduction="none"))):
        p = replace(case.problem, objective=objective)
        found = wf.attribute(wf.TRAK(ridge=0.3, output=log_odds), p, case.queries).values
        torch.testing.assert_close(found, wf.attribute(wf.TRAK(ridge=0.3), case.problem, case.queries).values, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["mlp", "convolution", "tied weight", "sequence in a dictionary", "bare parameter", "logistic", "ridge"])
@pytest.mark.parametrize("dimension", [10, 2048])
def test_batch_size_streaming_sums_and_self_influence_agree(name: str, dimension: int) -> None:
    case = problem(name)
    p, method = case.problem, wf.TRAK(states(case.problem, 2), dimension)
    whole = wf.attribute(method, p, case.queries)
    small = replace(p, batch_size=5)
    torch.testing.assert_close(wf.attribute(method, small, case.queries).values, whole.values, rtol=1e-8, atol=1e-11)
    assert (wf.attribute(method, small, case.queries, top=4).ids == whole.top(4).ids).all()
    together = wf.attribute(method, small, case.queries, aggregate=True).values
    torch.testing.assert_close(together, whole.values.sum(0, keepdim=True), rtol=1e-8, atol=1e-10)
    table = wf.attribute(method, p, p.train).values
    torch.testing.assert_close(wf.self_influence(method, small), table.diagonal(), rtol=1e-8, atol=1e-11)
    assert (table.diagonal() >= 0).all()


def test_the_order_of_the_data_makes_no_difference() -> None:
    case = problem("mlp")
    p, order = case.problem, np.random.default_rng(0).permutation(N)
    shuffled = replace(p, train=p.train.take(order))
    method = wf.TRAK(states(p, 2), 12)
    scores, again = (wf.attribute(method, one, case.queries).values for one in (p, shuffled))
    torch.testing.assert_close(again, scores[:, torch.from_numpy(order)], rtol=1e-8, atol=1e-11)


def test_seeds_repeat_and_differ_and_do_not_touch_the_global_generator() -> None:
    case = problem("mlp")
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    one, again, other = (wf.attribute(wf.TRAK(dimension=12, seed=seed), case.problem, case.queries).values for seed in (1, 1, 2))
    assert torch.equal(one, again) and not torch.allclose(one, other)
    assert torch.equal(before, torch.random.get_rng_state())


def test_projections_are_drawn_anew_at_each_checkpoint() -> None:
    fitted = wf.TRAK(states(problem("mlp").problem, 2), 12).fit(problem("mlp").problem)
    first, second = (member.projector.hashes[0].column_places for member in fitted.members)
    assert not torch.equal(first, second)


def test_an_error_of_one_over_the_root_of_the_dimension() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(60, 80), nn.Tanh(), nn.Linear(80, 4)).double().eval()
    X, y = torch.randn(60, 60, dtype=torch.float64), torch.arange(60) % 4
    p = wf.Problem.of(model, wf.cross_entropy(), (X, y))
    batch, errors = reference.whole(p), {}
    exact = wf.TRAK(dimension=10**6).fit(p).members[0](batch)[0]
    scale = exact.norm(dim=1)[:, None] * exact.norm(dim=1)
    for k in (100, 400):
        found = []
        for seed in range(8):
            rows = wf.TRAK(dimension=k, seed=seed).fit(p).members[0](batch)[0]
            found.append(((rows @ rows.T - exact @ exact.T) / scale).square().mean().sqrt())
        errors[k] = float(torch.stack(found).mean())
    assert errors[100] < 1.5 / 10 and errors[400] < 1.5 / 20
    assert errors[100] / errors[400] == pytest.approx(2, rel=0.25)


def test_an_example_of_weight_two_is_two_copies_of_it() -> None:
    case = problem("softmax")
    batch = reference.whole(case.problem)
    weights = torch.ones(N, dtype=torch.float64)
    weights[[3, 5]] = torch.tensor([2.0, 0.0], dtype=torch.float64)
    weighted = case.problem.reweighted(weights)
    copies = [*range(5), *range(6, N), 3]
    copied = wf.Problem.of(case.problem.model, wf.cross_entropy(), (batch.inputs[copies], batch.targets[copies])).at(case.problem.state)
    found, twice = (wf.attribute(wf.TRAK(), one, case.queries).values for one in (weighted, copied))
    assert (found[:, 5] == 0).all()
    torch.testing.assert_close(found[:, 3], twice[:, 3] + twice[:, -1])
    torch.testing.assert_close(found[:, 6:], twice[:, 5:-1])


def test_an_example_that_supports_a_query_raises_its_margin() -> None:
    """Steps of training with more weight on each example: TRAK foretells which way the query's margin goes."""
    case = problem("logistic")
    p, retrain = case.problem, wf.train.newton()
    scores = wf.attribute(wf.TRAK(), p, case.queries).values
    sign = 2 * case.queries[1] - 1
    changes = []
    for row in range(N):
        weights = p.weights.clone()
        weights[row] += 0.01
        there = p.at(retrain(p.reweighted(weights), 0).parameters)
        changes.append(sign * (there.outputs(case.queries[0]) - p.outputs(case.queries[0])).flatten().detach())
    truth = torch.stack(changes, 1)
    for found, true in zip(scores, truth, strict=True):
        assert torch.corrcoef(torch.stack([found, true]))[0, 1] > 0.95
        top = true.abs().topk(5).indices
        assert (found[top].sign() == true[top].sign()).all()


def test_the_model_is_left_as_it_was() -> None:
    case = problem("mlp")
    before = copy.deepcopy(case.problem.model.state_dict())
    wf.attribute(wf.TRAK(states(case.problem), 12), case.problem, case.queries)
    assert all(torch.equal(value, before[name]) for name, value in case.problem.model.state_dict().items())
    assert all(parameter.grad is None for parameter in case.problem.model.parameters())


# Where peers are known to fail


def finite(p: wf.Problem, queries: Any, **settings: Any) -> Tensor:
    scores = wf.attribute(wf.TRAK(**settings), p, queries).values
    assert torch.isfinite(scores).all() and torch.isfinite(wf.self_influence(wf.TRAK(**settings), p)).all()
    return scores


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("dimension", [10, 30, 2048])
def test_fewer_examples_than_dimensions_give_finite_scores(dimension: int, dtype: torch.dtype) -> None:
    """traker's default of no ridge is singular here and gives NaN or zeros."""
    case = problem("mlp")
    few = case.problem.subset(range(5)).to(dtype)
    scores = finite(few, case.queries, dimension=dimension)
    assert (scores.abs().sum(1) > 0).all()


def test_duplicated_examples_score_alike() -> None:
    case = problem("mlp")
    batch = reference.whole(case.problem)
    rows = [0, 0, 0, 1, 2, 2]
    p = wf.Problem.of(case.problem.model, wf.cross_entropy(), (batch.inputs[rows], batch.targets[rows]))
    scores = finite(p, case.queries)
    torch.testing.assert_close(scores[:, [0, 4]], scores[:, [2, 5]])


def test_gradients_of_zero_score_zero() -> None:
    model = nn.Linear(3, 2, bias=False).double().eval()
    X, y = torch.randn(6, 3, dtype=torch.float64), torch.arange(6) % 2
    X[2] = 0
    assert (finite(wf.Problem.of(model, wf.cross_entropy(), (X, y)), (X, y))[:, 2] == 0).all()
    assert (finite(wf.Problem.of(model, wf.cross_entropy(), (0 * X, y)), (X, y)) == 0).all()


def test_more_queries_than_parameters_each_score_as_they_do_alone() -> None:
    case = problem("logistic")
    X = torch.randn(40, 4, dtype=torch.float64)
    queries = X, (X.sum(1) > 0).double()
    scores = finite(case.problem, queries)
    assert (scores.abs().sum(1) > 0).all()
    alone = torch.cat([wf.attribute(wf.TRAK(), case.problem, (queries[0][[row]], queries[1][[row]])).values for row in range(40)])
    torch.testing.assert_close(scores, alone)


@pytest.mark.parametrize("name", ["softmax", "logistic"])
def test_a_probability_that_rounds_to_one_has_a_margin(name: str) -> None:
    """By way of p, log p - log(1 - p) is infinite and its gradient NaN (the examples of dattri)."""
    case = problem(name)
    sure = case.problem.at({key: 1e3 * value for key, value in case.problem.state.items()}).to(torch.float32)
    assert (sure.outputs(reference.whole(sure).inputs).abs() > 20).any()
    finite(sure, case.queries)


def test_no_settings_leak_from_one_method_to_another() -> None:
    """dattri 0.3.0 changes a global table of settings."""
    case = problem("mlp")
    before = wf.attribute(wf.TRAK(dimension=12), case.problem, case.queries).values
    wf.attribute(wf.TRAK(dimension=7, seed=4), case.problem, case.queries)
    assert torch.equal(wf.attribute(wf.TRAK(dimension=12), case.problem, case.queries).values, before)


def test_scores_are_saved_and_opened(tmp_path: Path) -> None:
    case = problem("mlp")
    scores = wf.attribute(wf.TRAK(dimension=12), case.problem, case.queries, out=tmp_path / "scores")
    opened = wf.Scores.open(tmp_path / "scores")
    assert torch.equal(torch.as_tensor(opened.values[:]), torch.as_tensor(scores.values[:])) and "dimension=12" in opened.method


def test_a_plan_tells_of_both_passes() -> None:
    case = problem("mlp")
    found = wf.plan(wf.TRAK(states(case.problem, 2), 12), case.problem, case.queries)
    assert found.passes == 2 and "2 more passes" in str(found) and "12² entries" in str(found)


def test_identical_checkpoints_are_named() -> None:
    case = problem("mlp")
    with pytest.warns(CheckpointWarning, match="'checkpoint 0' and 'checkpoint 1' hold the same weights"):
        wf.attribute(wf.TRAK([case.problem.state] * 2), case.problem, case.queries)


def test_learning_rates_do_not_matter() -> None:
    case = problem("mlp")
    one, two = states(case.problem, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error", CheckpointWarning)
        warnings.filterwarnings("ignore", ".*no better than shuffled ones")
        rated = wf.attribute(wf.TRAK([wf.checkpoints.Checkpoint(one, 0.0), two]), case.problem, case.queries).values
    assert torch.equal(rated, wf.attribute(wf.TRAK([one, two]), case.problem, case.queries).values)


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("mlp", {"dimension": 0}, "keeps nothing"),
        ("mlp", {"ridge": -1.0}, "is no ridge"),
        ("mlp", {"ridge": float("nan")}, "is no ridge"),
        ("mlp", {"checkpoints": []}, "at least one"),
        ("mlp", {"checkpoints": [{"0.weight": torch.zeros(5, 4)}]}, "has no parameter"),
        ("mlp", {"parameters": "nothing.*"}, "No parameter matches"),
        ("softmax", {"ridge": 0.0}, "do not span all of their 15 dimensions; leave out ridge="),
        ("hinge", {}, "knows no margin for this loss; give output="),
    ],
)
def test_bad_input_is_one_sentence(name: str, settings: dict[str, Any], said: str) -> None:
    case = problem(name)
    with pytest.raises(wf.UsageError, match=said):
        wf.attribute(wf.TRAK(**settings), case.problem, case.queries)
