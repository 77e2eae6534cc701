"""The change of the parameters, against closed forms, dense references and retraining."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import reference
from helpers.problems import problem
from torch import Tensor

import wherefrom as wf
from wherefrom.gradients import Gradients
from wherefrom.methods.influence.parameter_change import Order

EXACT = wf.IHVP(wf.Hessian(), wf.Exact(), damping=0.0)
NEWTON = wf.train.newton(1e-12)
GROUPS = {"few": [3, 5, 11], "one": [7], "many": [0, 1, 2, 4, 6, 8, 10, 12, 14, 20]}
ORDERS: tuple[Order, ...] = (1, 2, "newton")
LINEAR = ["ridge", "ridge with weights", "ridge, l2 on the weight alone"]


def beta(p: wf.Problem, weights: Tensor, normaliser: float, y: Tensor | None = None) -> Tensor:
    """Ridge by its normal equations, in the problem's order: weight, bias."""
    batch = reference.whole(p)
    X = torch.cat([batch.inputs, torch.ones(len(p), 1, dtype=p.dtype)], 1)
    targets = batch.targets if y is None else y
    return torch.linalg.solve(2 * X.T @ (weights[:, None] * X) / normaliser + torch.diag(p.l2), 2 * X.T @ (weights * targets) / normaliser)


def masked(p: wf.Problem, ids: list[int], factor: float = 0.0) -> Tensor:
    weights = p.weights.clone()
    weights[torch.tensor(ids)] *= factor
    return weights


def refitted(p: wf.Problem, weights: Tensor, normalise: bool) -> Tensor:
    """Δθ of ridge with other weights."""
    return beta(p, weights, float(weights.sum()) if normalise else p.normaliser) - beta(p, p.weights, p.normaliser)


def error(found: Tensor, truth: Tensor) -> float:
    return float((found - truth).norm() / truth.norm())


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("weight", [0.0, 0.3, 2.0])
def test_newton_is_exact_for_ridge(name: str, normalise: bool, weight: float) -> None:
    p = problem(name).problem
    p = p.at(NEWTON(p, 0).parameters)
    found = wf.methods.parameter_change(p, GROUPS, EXACT, order="newton", normalise=normalise, weight=weight)
    for row, ids in enumerate(GROUPS.values()):
        assert error(found.values[row], refitted(p, masked(p, ids, weight), normalise)) < 1e-10


def basu(p: wf.Problem, ids: list[int], normalise: bool) -> Tensor:
    """The two published forms, by dense matrices: Σ over the group with the penalty in each member (Basu), and without (N kept)."""
    n, H, g = p.normaliser, reference.hessian(p), reference.gradients(p)
    inside = p.subset(ids)
    total = reference.hessian(inside) * len(ids)  # Σ (∇²loss + l2)
    if not normalise:
        pull = g[ids].sum(0)
        total = total - len(ids) * torch.diag(p.l2)
        solved = torch.linalg.solve(H, pull)
        return solved / n + torch.linalg.solve(H, total @ solved) / n**2
    share, pull = len(ids) / n, (g[ids] + p.l2 * reference.theta_of(p)).sum(0)
    solved = torch.linalg.solve(H, pull)
    return (1 - 2 * share) / (1 - share) ** 2 / n * solved + torch.linalg.solve(H, total @ solved) / (1 - share) ** 2 / n**2


@pytest.mark.parametrize("name", ["ridge", "softmax", "logistic"])
@pytest.mark.parametrize("normalise", [False, True])
def test_the_second_order_is_the_published_formula(name: str, normalise: bool) -> None:
    p = problem(name).problem
    p = p.at(NEWTON(p, 0).parameters)
    found = wf.methods.parameter_change(p, GROUPS, EXACT, order=2, normalise=normalise)
    expected = torch.stack([basu(p, ids, normalise) for ids in GROUPS.values()])
    torch.testing.assert_close(found.values, expected, rtol=1e-9, atol=1e-12)


def ridge_400() -> wf.Problem:
    X, noise = torch.randn(400, 6, dtype=torch.float64), torch.randn(400, dtype=torch.float64)
    p = wf.Problem.of(torch.nn.Linear(6, 1, dtype=torch.float64).eval(), wf.squared_error(l2=0.02), (X, X.sum(1) + noise))
    return p.at(NEWTON(p, 0).parameters)


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("size", [4, 10, 20])
def test_the_second_order_errs_a_tenth_of_the_first_on_ridge(normalise: bool, size: int) -> None:
    p, random = ridge_400(), np.random.default_rng(0)
    groups = {f"group {k}": random.choice(400, size, replace=False).tolist() for k in range(20)}
    truth = [refitted(p, masked(p, ids), normalise) for ids in groups.values()]
    errors = []
    for order in ORDERS[:2]:
        found = wf.methods.parameter_change(p, groups, EXACT, order=order, normalise=normalise).values
        errors.append(np.median([error(row, one) for row, one in zip(found, truth, strict=True)]))
    assert errors[1] <= 0.1 * errors[0]


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize(("order", "slope"), [(1, 2), (2, 3)])
def test_errors_fall_by_the_order_as_less_of_a_group_leaves(order: Order, slope: int, normalise: bool) -> None:
    """Down-weighting a fixed group by ε leaves an error of ε² after the first order and ε³ after the second."""
    p, ids, parts = ridge_400(), list(range(160)), np.array([0.02, 0.05, 0.1, 0.2])
    left = []
    for part in parts:
        found = wf.methods.parameter_change(p, {"group": ids}, EXACT, order=order, normalise=normalise, weight=1 - part).values[0]
        left.append(float((found - refitted(p, masked(p, ids, 1 - part), normalise)).norm()))
    assert np.polyfit(np.log(parts), np.log(left), 1)[0] == pytest.approx(slope, abs=0.1)


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("damping", [0.0, 0.3])
def test_orders_agree_on_few_of_many(normalise: bool, damping: float) -> None:
    """Also with damping: the second order is what Newton's step is to second order."""
    p = problem("softmax").problem
    ihvp = wf.IHVP(wf.GaussNewton(), wf.Exact(), damping).fit(p)
    first, second, step = (wf.methods.parameter_change(p, GROUPS, ihvp, order=order, normalise=normalise, weight=0.99).values for order in ORDERS)
    assert (second - step).norm() < 0.02 * (first - step).norm()


def test_at_no_minimum_a_group_like_all_others_has_no_pull() -> None:
    """θ is taken as the minimum, so leaving out half of a doubled data set changes nothing when the rest is divided by what remains."""
    model, (X, y) = torch.nn.Linear(3, 1, dtype=torch.float64).eval(), (torch.randn(8, 3, dtype=torch.float64), torch.randn(8, dtype=torch.float64))
    p = wf.Problem.of(model, wf.squared_error(l2=0.1), (torch.cat([X, X]), torch.cat([y, y])))
    for order in ORDERS:
        found = wf.methods.parameter_change(p, {"half": range(8)}, EXACT, order=order, normalise=True).values
        torch.testing.assert_close(found, torch.zeros_like(found), rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", ["softmax", "ridge with weights", "mlp", "convolution", "sequence in a dictionary"])
def test_the_first_order_is_the_closed_form(name: str) -> None:
    p = problem(name).problem
    damped = reference.gauss_newton(p) + 0.2 * torch.eye(p.size, dtype=p.dtype)
    pulls = reference.gradients(p) * p.weights[:, None] / p.normaliser
    found = wf.methods.parameter_change(p, GROUPS, wf.IHVP(damping=0.2))
    expected = torch.linalg.solve(damped, torch.stack([pulls[ids].sum(0) for ids in GROUPS.values()]).T).T
    torch.testing.assert_close(found.values, expected, rtol=1e-8, atol=1e-11)
    assert found.groups.tolist() == list(GROUPS) and found.notes == ()


def test_a_problem_that_examples_have_left_already() -> None:
    """N is more than the weights then; dividing by what remains counts that too, as retraining does."""
    p = problem("ridge").problem.without([22, 23])
    p = p.at(NEWTON(p, 0).parameters)
    for normalise in (False, True):
        found = wf.methods.parameter_change(p, GROUPS, EXACT, order="newton", normalise=normalise)
        for row, ids in enumerate(GROUPS.values()):
            assert error(found.values[row], refitted(p, masked(p, ids), normalise)) < 1e-9


@pytest.mark.parametrize("order", ORDERS)
def test_altered_examples(order: Order) -> None:
    """Newton is exact for ridge; with targets alone altered the curvature stays, and so is every order."""
    p = problem("ridge with weights").problem
    p = p.at(NEWTON(p, 0).parameters)
    batch = reference.whole(p)
    X, y = batch.inputs.clone(), batch.targets.clone()
    y[[3, 5, 7]] += torch.tensor([2.0, -1.0, 3.0], dtype=p.dtype)
    groups, other = {"a": [3, 5], "b": [7]}, wf.Examples.of((X[[7, 3, 5]], y[[7, 3, 5]]), ids=[7, 3, 5])
    found = wf.methods.parameter_change(p, groups, EXACT, order=order, altered=other)
    for row, ids in enumerate(groups.values()):
        targets = batch.targets.clone()
        targets[ids] = y[ids]
        expected = beta(p, p.weights, p.normaliser, targets) - beta(p, p.weights, p.normaliser)
        assert error(found.values[row], expected) < 1e-9


def test_altered_inputs_by_newton_and_less_well_by_the_lower_orders() -> None:
    p = problem("softmax").problem
    p = p.at(NEWTON(p, 0).parameters)
    batch = reference.whole(p)
    X = batch.inputs.clone()
    X[[3, 5]] += 0.3 * torch.randn(2, 4, dtype=p.dtype)
    altered = replace(p, train=wf.Examples.of((X, batch.targets)))
    truth = reference.theta_of(p.at(NEWTON(altered, 0).parameters)) - reference.theta_of(p)
    other = wf.Examples.of((X[[5, 3]], batch.targets[[5, 3]]), ids=[5, 3])
    errors = [error(wf.methods.parameter_change(p, {"both": [3, 5]}, EXACT, order=order, altered=other).values[0], truth) for order in ORDERS]
    assert errors[0] < 0.2 and errors[1] < 0.6 * errors[0] and errors[2] < 0.6 * errors[0]


@pytest.mark.parametrize("curvature", [wf.EKFAC(samples=None), wf.Diagonal(), wf.curvature.Identity(), wf.BlockDiagonal(wf.KFAC())], ids=repr)
def test_curvatures_that_are_no_means_take_the_groups_own_from_gauss_newton(curvature: wf.curvature.Curvature) -> None:
    p = problem("mlp").problem
    solver = wf.Eigen() if not isinstance(curvature, wf.BlockDiagonal) else wf.Exact()
    ihvp = wf.IHVP(curvature, solver, damping=0.1).fit(p)
    inverse = ihvp.solve(Gradients(p).layout.rows(torch.eye(p.size, dtype=p.dtype))).x
    first, second = (wf.methods.parameter_change(p, GROUPS, ihvp, order=order).values for order in ORDERS[:2])
    for row, ids in enumerate(GROUPS.values()):
        group = len(ids) / p.normaliser * (reference.gauss_newton(p.subset(ids)) - torch.diag(p.l2))
        torch.testing.assert_close(second[row], first[row] + inverse @ group @ first[row], rtol=1e-8, atol=1e-11)
    assert wf.methods.parameter_change(p, GROUPS, ihvp, order="newton").values.isfinite().all()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("normalise", [False, True])
def test_batch_size_solver_and_order_of_the_data_make_no_difference(order: Order, normalise: bool) -> None:
    """Partial last batches among them, which a peer counts as whole."""
    p = problem("softmax").problem
    expected = wf.methods.parameter_change(p, GROUPS, wf.IHVP(), order=order, normalise=normalise).values
    for size in (1, 5, 7):
        torch.testing.assert_close(
            wf.methods.parameter_change(replace(p, batch_size=size), GROUPS, order=order, normalise=normalise).values, expected
        )
    turned = replace(p, train=p.train.take(np.arange(len(p))[::-1].copy()), weights=p.weights.flip(0))
    torch.testing.assert_close(wf.methods.parameter_change(turned, GROUPS, order=order, normalise=normalise).values, expected)
    close = wf.IHVP(wf.GaussNewton(), wf.CG(tolerance=1e-10), damping=0.0)
    torch.testing.assert_close(wf.methods.parameter_change(p, GROUPS, close, order=order, normalise=normalise).values, expected, rtol=1e-6, atol=1e-9)
    columns = wf.methods.parameter_change(p, ["first" if key < 9 else "rest" for key in range(len(p))], order=1, normalise=normalise)
    assert columns.groups.tolist() == ["first", "rest"]


def test_patched_parameters_serve_problem_and_model() -> None:
    p = problem("mlp, last layer").problem
    before = {name: value.clone() for name, value in p.model.state_dict().items()}
    change = wf.methods.parameter_change(p, GROUPS, EXACT)
    patched = change.patched("few")
    assert set(patched) == set(p.names)
    torch.testing.assert_close(reference.theta_of(p.at(patched)) - reference.theta_of(p), change.values[0])
    assert all(torch.equal(value, before[name]) for name, value in p.model.state_dict().items())
    other = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3)).double()
    assert not other.load_state_dict(patched, strict=False).unexpected_keys
    with pytest.raises(wf.UsageError, match="no group 'fwe'.*'few'"):
        change.patched("fwe")


def test_what_solvers_warn_of_is_noted() -> None:
    p = problem("mlp").problem
    hurried = wf.IHVP(wf.GaussNewton(), wf.CG(tolerance=1e-12, max_iterations=1))
    with pytest.warns(wf.solvers.SolverWarning):
        assert wf.methods.parameter_change(p, GROUPS, hurried).notes


def test_what_cannot_be_answered_is_refused() -> None:
    p = problem("softmax").problem
    refused = {
        "p = 54% of the training weight: beyond half": lambda: wf.methods.parameter_change(p, {"most": range(13)}, order=2),
        "factor 1 - 2p": lambda: wf.methods.parameter_change(p, {"most": range(13)}, order=2, normalise=True),
        "whole training set": lambda: wf.methods.parameter_change(p, {"all": range(24)}, order="newton"),
        "'all' is the whole": lambda: wf.methods.parameter_change(p, {"all": range(24)}, normalise=True),
        "order=3 is unknown": lambda: wf.methods.parameter_change(p, GROUPS, order=3),  # type: ignore[arg-type]
        "weight=-1": lambda: wf.methods.parameter_change(p, GROUPS, weight=-1.0),
        "names an id twice": lambda: wf.methods.parameter_change(p, {"twice": [1, 1]}),
        "'none' is empty": lambda: wf.methods.parameter_change(p, {"none": []}),
        "Id 99 is not among": lambda: wf.methods.parameter_change(p, {"unknown": [99]}),
        "altered= takes": lambda: wf.methods.parameter_change(p, GROUPS, altered=p.train, weight=2.0),
        "Id 7 is not among": lambda: wf.methods.parameter_change(p, {"one": [7]}, altered=p.train.select([3])),
        "given from outside": lambda: wf.methods.parameter_change(p, GROUPS, wf.IHVP(torch.eye(15).double(), wf.Exact(), 0.0), order="newton"),
    }
    for message, ask in refused.items():
        with pytest.raises(wf.UsageError, match=message):
            ask()
    wf.methods.parameter_change(p, {"most": range(13)}, order=1)
    wf.methods.parameter_change(p, {"most": range(13)}, order="newton")
