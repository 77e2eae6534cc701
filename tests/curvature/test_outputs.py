"""The curvature in the outputs, as a map, as a matrix and as halves."""

import pytest
import torch
from helpers import reference
from helpers.problems import problem
from torch import Tensor

import wherefrom as wf
from wherefrom.curvature.outputs import DrawnTargets, GivenTargets, LossCurvature
from wherefrom.data.batches import Batch

NAMES = ["softmax", "logistic", "ridge", "hinge"]


def outputs_of(name: str) -> tuple[wf.Problem, Tensor, Batch]:
    p = problem(name).problem
    batch = reference.whole(p)
    return p, p.outputs(batch.inputs).detach(), batch


@pytest.mark.parametrize("name", NAMES)
def test_the_loss_curvature_is_its_second_derivative(name: str) -> None:
    p, outputs, batch = outputs_of(name)
    found = LossCurvature().matrix(p, outputs, batch)
    for row in range(len(batch)):
        target = batch.targets[row : row + 1]
        true = torch.autograd.functional.hessian(lambda o, t=target: p.objective.loss(o, t)[0], outputs[row : row + 1])
        torch.testing.assert_close(found[row], torch.as_tensor(true).reshape(found[row].shape))


@pytest.mark.parametrize("of", [LossCurvature(), DrawnTargets(3, 1), GivenTargets()])
def test_halves_make_the_matrix(of: LossCurvature | DrawnTargets | GivenTargets) -> None:
    p, outputs, batch = outputs_of("softmax")
    halves = torch.stack(list(of.halves(p, outputs, batch)))
    torch.testing.assert_close(torch.einsum("kbi,kbj->bij", halves, halves), of.matrix(p, outputs, batch))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_what_softmax_leaves_flat_is_0_for_every_example_alike(dtype: torch.dtype) -> None:
    X, y = torch.randn(200, 4, dtype=torch.float64), torch.randint(0, 3, (200,))
    p = wf.Problem.of(torch.nn.Linear(4, 3).double().eval(), wf.cross_entropy(), (X, y)).to(dtype)
    batch = reference.whole(p)
    halves = list(LossCurvature().halves(p, p.outputs(batch.inputs).detach(), batch))
    assert [int((half != 0).any(1).sum()) for half in halves] == [0, 200, 200]


@pytest.mark.parametrize("name", ["softmax", "logistic", "ridge"])
def test_the_mean_over_draws_is_the_loss_curvature(name: str) -> None:
    p, outputs, batch = outputs_of(name)
    drawn, true = DrawnTargets(4000).matrix(p, outputs, batch), LossCurvature().matrix(p, outputs, batch)
    torch.testing.assert_close(drawn, true, atol=0.12 * float(true.abs().max()), rtol=0)


def test_a_loss_that_is_linear_in_the_outputs_has_none() -> None:
    linear = wf.Objective(lambda outputs, targets: outputs[:, 0] * targets)
    p = wf.Problem.of(torch.nn.Linear(4, 2).double().eval(), linear, (torch.randn(3, 4, dtype=torch.float64), torch.ones(3)))
    batch = reference.whole(p)
    assert (LossCurvature().matrix(p, p.outputs(batch.inputs).detach(), batch) == 0).all()


def test_too_many_outputs_and_too_few_samples_are_refused() -> None:
    p, _, batch = outputs_of("softmax")
    with pytest.raises(wf.UsageError, match="give samples="):
        next(LossCurvature().halves(p, torch.zeros(len(batch), 2000), batch))
    with pytest.raises(wf.UsageError, match="samples=0 draws no targets"):
        wf.Fisher(samples=0).fit(p)
