"""Influence of groups: sums, orders on one scale, any sizes, and against retraining."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import reference
from helpers.problems import problem
from torch import Tensor

import wherefrom as wf
from wherefrom.methods.influence.parameter_change import Order

EXACT = wf.IHVP(wf.Hessian(), wf.Exact(), damping=0.0)
NEWTON = wf.train.newton(1e-12)
GROUPS = {"few": [3, 5, 11], "one": [7], "many": [0, 1, 2, 4, 6, 8, 10, 12]}
ORDERS: tuple[Order, ...] = (1, 2, "newton")


@pytest.mark.parametrize("name", ["softmax", "ridge with weights", "mlp", "convolution"])
def test_the_first_order_is_the_sum_of_the_members_influences(name: str) -> None:
    case = problem(name)
    ihvp = wf.IHVP(wf.GaussNewton(), wf.Exact(), 0.1).fit(case.problem)
    sums = wf.attribute(wf.InfluenceFunction(ihvp), case.problem, case.queries, groups=GROUPS)
    found = wf.methods.group_influence(case.problem, case.queries, GROUPS, ihvp)
    torch.testing.assert_close(found.values, sums.values, rtol=1e-10, atol=1e-12)
    assert found.train_ids.tolist() == sums.train_ids.tolist() and found.unit == sums.unit and found.fingerprint == sums.fingerprint


def test_groups_by_ids_by_a_column_and_by_class_have_the_same_numbers() -> None:
    case = problem("softmax")
    labels = reference.whole(case.problem).targets
    classes = {str(c): (labels == c).nonzero()[:, 0].tolist() for c in dict.fromkeys(labels.tolist())}
    expected = wf.methods.group_influence(case.problem, case.queries, classes).values
    for column in (labels, labels.numpy(), pd.Series(labels.numpy()), labels.tolist()):
        found = wf.methods.group_influence(case.problem, case.queries, column)
        assert found.train_ids.tolist() == list(classes)
        assert torch.equal(found.values, expected)
    tensors = {name: torch.tensor(ids) for name, ids in classes.items()}
    assert torch.equal(wf.methods.group_influence(case.problem, case.queries, tensors).values, expected)


@pytest.mark.parametrize("order", ORDERS)
def test_many_queries_one_query_and_their_sum(order: Order) -> None:
    """A group and its queries may be of any sizes: a peer asks that they be the same."""
    case = problem("softmax")
    every = wf.methods.group_influence(case.problem, case.queries, GROUPS, order=order)
    one = wf.methods.group_influence(case.problem, (case.queries[0][1:2], case.queries[1][1:2]), GROUPS, order=order)
    together = wf.methods.group_influence(case.problem, case.queries, GROUPS, order=order, aggregate=True)
    torch.testing.assert_close(one.values[0], every.values[1])
    torch.testing.assert_close(together.values[0], every.values.sum(0))
    assert together.query_ids.tolist() == ["all queries"] and every.values.shape == (3, 3)


@pytest.mark.parametrize("name", ["softmax", "mlp"])
def test_a_group_against_itself(name: str) -> None:
    """Of one example it is the self-influence; of more, the group asked about the sum of its members' losses."""
    p = problem(name).problem
    ihvp = wf.IHVP(wf.GaussNewton(), wf.Exact(), 0.1).fit(p)
    own = wf.methods.group_influence(p, None, {str(key): [key] for key in p.ids}, ihvp)
    torch.testing.assert_close(own.values[0], wf.self_influence(wf.InfluenceFunction(ihvp), p))
    for order in ORDERS:
        found = wf.methods.group_influence(p, None, GROUPS, ihvp, order)
        for column, (name_, ids) in enumerate(GROUPS.items()):
            asked = wf.methods.group_influence(p, p.train.select(ids), {name_: ids}, ihvp, order, aggregate=True)
            torch.testing.assert_close(found.values[0, column], asked.values[0, 0])
    assert own.query_ids.tolist() == ["itself"] and own.unit == "loss change"
    with pytest.raises(wf.UsageError, match="leave aggregate out"):
        wf.methods.group_influence(p, None, GROUPS, aggregate=True)


def test_weights_scale_a_group_but_not_its_own_losses() -> None:
    p = problem("ridge with weights").problem
    own = wf.methods.group_influence(p, None, {str(key): [key] for key in p.ids}, EXACT)
    torch.testing.assert_close(own.values[0], wf.self_influence(wf.InfluenceFunction(EXACT), p))


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("name", ["ridge", "ridge with weights", "ridge, l2 on the weight alone"])
def test_newton_is_exact_for_ridge(name: str, normalise: bool) -> None:
    case = problem(name)
    p = case.problem.at(NEWTON(case.problem, 0).parameters)
    truth = wf.retrain_without(p, GROUPS, case.queries, NEWTON, normalise=normalise)
    found = wf.methods.group_influence(p, case.queries, GROUPS, EXACT, "newton", normalise=normalise)
    assert float((found.values - truth.change).norm() / truth.change.norm()) < 1e-10


@pytest.mark.parametrize("name", ["ridge", "softmax", "mlp, last layer"])
def test_newton_for_a_group_of_one_is_influence_with_leverage(name: str) -> None:
    case = problem(name)
    groups, method = {str(key): [key] for key in case.problem.ids}, wf.InfluenceFunction(EXACT, leverage=True)
    found = wf.methods.group_influence(case.problem, case.queries, groups, EXACT, "newton")
    torch.testing.assert_close(found.values, wf.attribute(method, case.problem, case.queries).values, rtol=1e-8, atol=1e-11)
    own = wf.methods.group_influence(case.problem, None, groups, EXACT, "newton")
    torch.testing.assert_close(own.values[0], wf.self_influence(method, case.problem), rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("name", ["ridge", "ridge with weights"])
def test_orders_stand_on_one_scale_and_approach_retraining(name: str, normalise: bool) -> None:
    """A peer's first order is n times its second. Errors of Δθ are ridge's; the query's own curvature is left out by a linear measurement."""
    case = problem(name)
    linear = replace(case.problem.objective, measurement=lambda outputs, _: outputs[:, 0])
    p = replace(case.problem, objective=linear)
    p = p.at(NEWTON(p, 0).parameters)
    groups = {"few": GROUPS["few"], "one": GROUPS["one"]}
    truth = wf.retrain_without(p, groups, case.queries, NEWTON, normalise=normalise)
    found = [wf.methods.group_influence(p, case.queries, groups, EXACT, order, normalise=normalise) for order in ORDERS]
    errors = [float((one.values - truth.change).norm() / truth.change.norm()) for one in found]
    assert found[0].unit == "measurement change" and errors[0] < 0.6 and errors[1] < 0.5 * errors[0] and errors[2] < 1e-9


def test_a_measurement_that_is_better_when_higher_is_turned_round() -> None:
    case = problem("softmax")

    def margin(outputs: Tensor, targets: Tensor) -> Tensor:
        return outputs.gather(1, targets[:, None])[:, 0] - outputs.mean(1)

    p = replace(case.problem, objective=replace(case.problem.objective, measurement=margin, lower_is_better=False))
    truth = wf.retrain_without(p, GROUPS, case.queries, NEWTON)
    found = wf.methods.group_influence(p, case.queries, GROUPS, order="newton")
    assert np.corrcoef(found.values.flatten(), truth.change.flatten())[0, 1] > 0.99


def test_the_second_order_of_a_published_example() -> None:
    """60 points of 4 parameters, 12 left out, exact -0.01297, first -0.00992, Basu's -0.01295, by a peer's verified study: the same order here."""
    X = torch.randn(60, 4, dtype=torch.float64)
    y = X.sum(1) + torch.randn(60, dtype=torch.float64)
    p = wf.Problem.of(torch.nn.Linear(4, 1, bias=False, dtype=torch.float64).eval(), wf.squared_error(), (X, y))
    p = p.at(NEWTON(p, 0).parameters)
    step, *rest = (wf.methods.parameter_change(p, {"group": range(12)}, EXACT, order=order, normalise=True).values[0] for order in ("newton", 1, 2))
    kept = wf.methods.parameter_change(p, {"group": range(12)}, EXACT, order=2).values[0]
    first, second, third = (float((found - step).norm()) for found in (*rest, kept))
    assert second < third < first and second < 0.3 * first


def test_batch_size_makes_no_difference_to_shares() -> None:
    """A peer counts a partial last batch as a whole one, and so takes another share p for the second order."""
    case = problem("logistic")
    expected = wf.methods.group_influence(case.problem, case.queries, GROUPS, order=2, normalise=True).values
    for size in (5, 7, 24):
        found = wf.methods.group_influence(replace(case.problem, batch_size=size), case.queries, GROUPS, order=2, normalise=True).values
        torch.testing.assert_close(found, expected)


def test_saved_and_opened(tmp_path) -> None:
    case = problem("softmax")
    found = wf.methods.group_influence(case.problem, case.queries, GROUPS, order=2)
    found.save(tmp_path / "groups")
    again = wf.Scores.open(tmp_path / "groups", fingerprint=case.problem.fingerprint())
    assert torch.equal(again.values, found.values) and "order=2" in again.method
