"""Perturbation influence: against models that are really trained again, and against dense references."""

from typing import Any

import numpy as np
import pytest
import torch
from helpers import reference
from helpers.problems import named, problem, trained
from torch import Tensor, nn

import wherefrom as wf
from wherefrom.retraining.retrain import measure_queries, parameters_of

STEP = 2e-4
IDS = [3, 17]


def retrained(p: wf.Problem, ids: Any, inputs: Tensor, queries: Any) -> Tensor:
    """Each query's measurement after training with other inputs (q,)."""
    changed = p.replaced(ids, inputs)
    run = wf.train.newton(1e-13)(changed, 0)
    return measure_queries(p, parameters_of(run), p.examples(queries))


@pytest.mark.parametrize("name", ["softmax", "logistic", "ridge", "ridge with weights", "ridge, l2 on the weight alone"])
def test_it_is_the_derivative_of_really_retrained_models(name: str) -> None:
    case = problem(name)
    p = case.problem.at(wf.train.newton(1e-13)(case.problem, 0).parameters)
    found = wf.methods.perturbation_influence(p, case.queries, IDS, wf.IHVP(wf.Hessian(), damping=0.0))
    X = reference.whole(p).inputs[IDS]
    for row, key in enumerate(IDS):
        for column in range(4):
            move = STEP * torch.eye(4, dtype=torch.float64)[column]
            high, low = (retrained(p, [key], X[row : row + 1] + sign * move, case.queries) for sign in (1, -1))
            torch.testing.assert_close(found.values[:, row, column], (high - low) / (2 * STEP), rtol=1e-6, atol=1e-9)
    assert found.unit == "loss change" and found.train_ids.tolist() == IDS and found.values.shape == (3, 2, 4)


@pytest.mark.parametrize("name", ["mlp", "convolution", "reused layer"])
def test_models_that_are_not_convex_by_dense_references(name: str) -> None:
    case, damping, step = problem(name), 0.5, 1e-5
    p, batch = case.problem, reference.whole(case.problem)
    matrix = reference.hessian(p) + damping * torch.eye(p.size, dtype=torch.float64)
    solved = torch.linalg.solve(matrix, reference.gradients(p, case.queries).T)
    found = wf.methods.perturbation_influence(p, case.queries, IDS, wf.IHVP(wf.Hessian(), damping=damping)).values
    for column in range(4):
        move = step * torch.eye(4, dtype=torch.float64)[column]
        high, low = (reference.gradients(p, (batch.inputs[IDS] + sign * move, batch.targets[IDS])) for sign in (1, -1))
        torch.testing.assert_close(found[:, :, column], -((high - low) @ solved).T / (2 * step * len(p)), rtol=1e-6, atol=1e-10)


def test_finite_changes_of_one_example_are_foretold_and_those_of_its_gradient_better() -> None:
    X, y = torch.randn(40, 4, dtype=torch.float64), torch.arange(40) % 3
    case = trained(named(nn.Linear(4, 3).double(), wf.cross_entropy(l2=0.02), (X, y), (X[:3] + 0.1, y[:3])))
    p = case.problem
    changes = 0.3 * torch.randn(len(p), 4, dtype=torch.float64)
    baseline = measure_queries(p, p.parameters, p.examples(case.queries))
    true = torch.stack([retrained(p, [key], (X + changes)[key : key + 1], case.queries) - baseline for key in range(len(p))], 1)
    linear = wf.methods.perturbation_influence(p, case.queries, p.ids, progress=False).effect(changes)
    whole = wf.methods.replacement_influence(p, case.queries, p.ids, X + changes)
    for foretold, least in ((linear, 0.95), (whole, 0.99)):
        assert np.corrcoef(foretold.flatten(), true.flatten())[0, 1] > least
    small = 1e-5 * changes
    near = wf.methods.replacement_influence(p, case.queries, p.ids, X + small)
    torch.testing.assert_close(near, wf.methods.perturbation_influence(p, case.queries, p.ids).effect(small), rtol=1e-3, atol=1e-10)


def test_discrete_inputs_can_be_replaced() -> None:
    torch.manual_seed(2)
    model = nn.Sequential(nn.EmbeddingBag(9, 3), nn.Linear(3, 2)).double().eval()
    tokens, y = torch.randint(0, 9, (20, 4)), torch.arange(20) % 2
    p = wf.Problem.of(model, wf.cross_entropy(l2=0.1), (tokens, y), parameters="1.*")
    p = p.at(wf.train.newton(1e-12)(p, 0).parameters)
    new = (tokens[:5] + 1) % 9
    found = wf.methods.replacement_influence(p, (tokens[:3], y[:3]), range(5), new)
    baseline = measure_queries(p, p.parameters, p.examples((tokens[:3], y[:3])))
    true = torch.stack([retrained(p, [key], new[key : key + 1], (tokens[:3], y[:3])) - baseline for key in range(5)], 1)
    assert found.shape == (3, 5) and np.corrcoef(found.flatten(), true.flatten())[0, 1] > 0.98
    with pytest.raises(wf.UsageError, match="give the model embeddings"):
        wf.methods.perturbation_influence(p, (tokens[:3], y[:3]), [0])


def test_the_measurements_own_sign_and_the_sum_of_queries() -> None:
    torch.manual_seed(3)
    X, y = torch.randn(24, 4, dtype=torch.float64), torch.arange(24) % 3
    worst = lambda outputs, targets: outputs.gather(1, targets[:, None])[:, 0]  # noqa: E731
    objectives = [wf.cross_entropy(l2=0.1, measurement=worst, lower_is_better=lower) for lower in (True, False)]
    problems = [named(nn.Linear(4, 3).double(), objective, (X, y), (X, y)).problem for objective in objectives]
    problems[1] = problems[1].at(problems[0].parameters)
    rises, falls = (wf.methods.perturbation_influence(p, (X[:2], y[:2]), [0, 5]) for p in problems)
    assert torch.equal(rises.values, falls.values) and falls.unit == "measurement change"
    together = wf.methods.perturbation_influence(problems[0], (X[:2], y[:2]), [0, 5], aggregate=True)
    torch.testing.assert_close(together.values, rises.values.sum(0, keepdim=True))
    assert together.query_ids.tolist() == ["all queries"]


def test_same_answer_for_any_batch_size_and_form_of_the_data_with_weights_that_count() -> None:
    case = problem("ridge with weights")
    p, (X, y) = case.problem, (reference.whole(case.problem).inputs, reference.whole(case.problem).targets)
    settings: dict[str, Any] = {"weights": p.weights, "ids": p.ids}
    whole = wf.methods.perturbation_influence(p, case.queries, [20, 1, 7])
    forms = [((X, y), 2), ([(X[:9], y[:9]), (X[9:], y[9:])], None), (torch.utils.data.TensorDataset(X, y), 4)]
    for data, size in forms:
        other = wf.Problem.of(p.model, p.objective, data, batch_size=size, **settings).at(p.parameters)
        torch.testing.assert_close(wf.methods.perturbation_influence(other, case.queries, [20, 1, 7]).values, whole.values)
        replaced = wf.methods.replacement_influence(other, case.queries, [20, 1, 7], X[[20, 1, 7]] + 0.1)
        torch.testing.assert_close(replaced, wf.methods.replacement_influence(p, case.queries, [20, 1, 7], X[[20, 1, 7]] + 0.1))
    none = wf.methods.perturbation_influence(p.reweighted(p.weights * (torch.arange(24) != 7)), case.queries, [7])
    assert not none.values.any()


def test_what_cannot_be_answered_is_refused() -> None:
    case = problem("softmax")
    with pytest.raises(wf.UsageError, match="99 is not among"):
        wf.methods.perturbation_influence(case.problem, case.queries, [99])
    with pytest.raises(wf.UsageError, match=r"changes have shape \(4,\); give \(2, 4\)"):
        wf.methods.perturbation_influence(case.problem, case.queries, IDS).effect(torch.ones(4))
    wide = wf.Problem.of(nn.Linear(3000, 2).eval(), wf.cross_entropy(l2=1.0), (torch.rand(60, 3000), torch.arange(60) % 2), memory=2**20)
    with pytest.raises(wf.UsageError, match="ask for fewer ids or queries"):
        wf.methods.perturbation_influence(wide, (torch.rand(8, 3000), torch.arange(8) % 2), range(60), wf.IHVP(solver=wf.CG()))
