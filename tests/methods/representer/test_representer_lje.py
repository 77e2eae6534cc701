"""RPS-LJE: the weights sum to the Newton step, the ranking is influence on the logit, and nothing is divided by features."""

from dataclasses import replace

import pytest
import torch
from helpers import reference
from helpers.problems import NAMES, problem
from scipy.stats import spearmanr

import wherefrom as wf
from wherefrom.methods.last_layer import LastLayer
from wherefrom.methods.representer.representer_lje import FittedRepresenterLJE, RepresenterLJE

ENDING = [name for name in NAMES if name != "tied weight"]


def plain_step(p: wf.Problem, step: float) -> wf.Problem:
    """The last layer at θ†, without l2, by plain autograd."""
    layer = LastLayer.of(p).problem
    bare = replace(layer, objective=wf.Objective(p.objective.loss, convex=True))
    theta = reference.theta_of(bare).requires_grad_()
    gradient = torch.autograd.grad(reference.risk(bare, theta), theta)[0]
    parts = (theta + step * gradient).detach().split([value.numel() for value in bare.parameters.values()])
    return bare.at({name: part.view_as(value) for part, (name, value) in zip(parts, bare.parameters.items(), strict=True)})


@pytest.mark.parametrize("name", ENDING)
def test_the_weights_sum_to_the_newton_step(name: str) -> None:
    p = problem(name).problem
    fitted = RepresenterLJE(step=0.05, output=0).fit(p)
    assert isinstance(fitted, FittedRepresenterLJE)
    above = plain_step(p, 0.05)
    matrix = reference.hessian(above) + fitted.damping * torch.eye(above.size, dtype=torch.float64)
    gradients, theta = reference.gradients(above), reference.theta_of(above)
    mean = (gradients * p.weights[:, None]).sum(0) / p.normaliser
    found = fitted.weights(reference.whole(p)).sum(0)
    assert (found - (theta - torch.linalg.solve(matrix, mean))).abs().max() <= 1e-8


def test_the_sum_is_nearly_theta_at_an_optimum() -> None:
    p = problem("softmax").problem
    bare = wf.Problem.of(p.model, wf.cross_entropy(l2=1e-4), p.train.source.tree).at(p.parameters)  # type: ignore[attr-defined]
    bare = bare.at(wf.train.newton()(bare, 0).parameters)
    fitted = RepresenterLJE().fit(bare)
    theta = reference.theta_of(bare)
    assert (fitted.weights(reference.whole(bare)).sum(0) - theta).norm() < 0.05 * theta.norm()


@pytest.mark.parametrize("name", ["softmax", "mlp", "logistic", "ridge with weights", "convolution"])
def test_scores_are_the_weights_of_the_class_against_the_features(name: str) -> None:
    case = problem(name)
    fitted = RepresenterLJE(output=0).fit(case.problem)
    layer = fitted.layer
    count = layer.shape.numel()
    weights = fitted.gradients.layout.rows(fitted.weights(reference.whole(case.problem))).blocks[0].dense()  # (n, C, i)
    f = layer.read(reference.whole(case.problem, case.queries))[0]
    scores = wf.attribute(RepresenterLJE(output=0), case.problem, case.queries, progress=False)
    assert weights.shape[1] == count and scores.unit == "arbitrary"
    torch.testing.assert_close(scores.values, f @ weights[:, 0].T)
    own = wf.self_influence(RepresenterLJE(output=0), case.problem, progress=False)
    torch.testing.assert_close(own, (layer.read(reference.whole(case.problem))[0] * weights[:, 0]).sum(1))


@pytest.mark.parametrize("name", ["softmax", "mlp", "logistic", "bare parameter"])
def test_it_ranks_as_influence_on_the_logit(name: str) -> None:
    case = problem(name)
    fitted = RepresenterLJE().fit(case.problem)
    layer = LastLayer.of(case.problem).problem
    batch = reference.whole(layer, case.queries)
    at_optimum = replace(layer, objective=wf.Objective(case.problem.objective.loss, convex=True))
    matrix = reference.hessian(at_optimum) + fitted.damping * torch.eye(layer.size, dtype=torch.float64)
    logits = []
    for row, label in enumerate(batch.targets.long().tolist()):
        theta = reference.theta_of(layer).requires_grad_()
        parts = theta.split([value.numel() for value in layer.parameters.values()])
        named = {name: part.view_as(value) for part, (name, value) in zip(parts, layer.parameters.items(), strict=True)}
        outputs = layer.outputs(batch.inputs[row : row + 1], named)[0]
        asked = outputs[label] if len(outputs) > 1 else (2 * label - 1) * outputs[0]
        logits.append(torch.autograd.grad(asked, theta)[0])
    # leaving i out lowers the logit by -(1/N) g_i H⁻¹ ∇logit: a proponent's is positive
    influence = -torch.stack(logits) @ torch.linalg.solve(matrix, reference.gradients(at_optimum).T) / layer.normaliser
    scores = wf.attribute(RepresenterLJE(step=1e-4), case.problem, case.queries, progress=False).values
    for mine, theirs in zip(scores, influence, strict=True):
        assert spearmanr(mine, theirs)[0] >= 0.9999
        torch.testing.assert_close(mine - mine.mean(), theirs - theirs.mean(), rtol=0.02, atol=0.02 * float(theirs.std()))


def test_dead_features_do_not_dominate() -> None:
    """Features that are 0 for all examples bear no weight beyond their share of θ†: nothing is divided by them."""
    torch.manual_seed(3)
    first, last = torch.nn.Linear(4, 6), torch.nn.Linear(6, 3)
    torch.nn.init.constant_(first.bias[:3], -100)
    model = torch.nn.Sequential(first, torch.nn.ReLU(), last).double().eval()
    X, y = torch.randn(20, 4).double(), torch.arange(20) % 3
    p = wf.Problem.of(model, wf.cross_entropy(l2=0.01), (X, y))
    fitted = RepresenterLJE().fit(p)
    weights = fitted.gradients.layout.rows(fitted.weights(reference.whole(p))).blocks[0].dense()
    share = last.weight.detach()[:, :3] / 20
    torch.testing.assert_close(weights[:, :, :3], share.expand(20, 3, 3))


def test_the_step_is_one_of_the_mean_loss_however_many_examples() -> None:
    case = problem("mlp")
    X, y = case.problem.train.source.tree  # type: ignore[attr-defined]
    twice = wf.Problem.of(case.problem.model, case.problem.objective, (torch.cat([X, X]), torch.cat([y, y])))
    one, two = (wf.attribute(RepresenterLJE(step=0.5), p, case.queries, progress=False).values for p in (case.problem, twice))
    torch.testing.assert_close(two[:, : len(X)], one / 2)


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(wf.UsageError, match="give 0 or more"):
        RepresenterLJE(step=-1.0)
    with pytest.raises(wf.UsageError, match="not positive definite"):
        RepresenterLJE(damping=0.0).fit(problem("mlp").problem)
