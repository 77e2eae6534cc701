"""The Hessian of the risk, ∇²R(θ): the curvature of Koh & Liang 2017."""

from dataclasses import dataclass

import torch
from torch import Tensor

from wherefrom.curvature.differences import AWAY, first_unlike, moved
from wherefrom.curvature.linear_head import head_operator
from wherefrom.curvature.operator import Curvature, Operator
from wherefrom.curvature.outputs import LossCurvature
from wherefrom.curvature.products import Risk, Route, directions, linked, pull_back
from wherefrom.data.batches import Batch
from wherefrom.gradients.passes import record_pass
from wherefrom.problem import Problem
from wherefrom.store import UnfinishedFit

STEP = 1e-8  # of differences, in float64: so short that hardly a ReLU turns over
WIDE = 1e-3  # of differences, where parts of the model compute in float32 whatever they are given: softmax, norms
NOISE = 1e-5  # of the gradient's length, that is rounding
ROUNDING = 4 * torch.finfo(torch.float64).eps / STEP  # of a difference, where probabilities next to 0 and 1 leave a gradient of their last digits


@dataclass(frozen=True)
class Hessian(Curvature):
    """(1/N) Σᵢ wᵢ ∇²lossᵢ(θ) + diag(l2).

    Indefinite in general, positive semi-definite where the loss is convex and the outputs are linear in θ. Products cost
    one forward and two backward passes for up to 32 vectors at a time; a linear last layer has a closed form.
    """

    def fit(self, problem: Problem, resume: UnfinishedFit | None = None) -> Operator:
        """The operator at the problem's parameters. Raises :class:`UsageError` where torch's second derivatives are missing or wrong."""
        head = head_operator(problem, LossCurvature())
        return head or Risk.of(problem, [Route(hessian_product, unlike_differences, "GaussNewton()")], semidefinite=False)


def hessian_product(problem: Problem, batch: Batch, tangents: list[Tensor]) -> list[Tensor]:
    """Σᵢ wᵢ ∇²lossᵢ V by differentiating the gradient against V."""
    total, values = _total(problem, batch)
    first = torch.autograd.grad(total, values, create_graph=True, materialize_grads=True)
    return pull_back(first, values, tangents)


def unlike_differences(problem: Problem, batch: Batch) -> str:
    """∇²loss v must be what the gradient changes by along v: torch's second derivatives are wrong in places, by hand written ones more often."""
    along, coarsest = directions(problem, 1), max(torch.finfo(kind).eps for kind in record_pass(problem, batch)[0].types)
    problem, fine = moved(problem, along, AWAY), coarsest <= torch.finfo(torch.float64).eps

    def gradient(step: float) -> tuple[Tensor, ...]:
        return torch.autograd.grad(*_total(moved(problem, along, step), batch), materialize_grads=True)

    def bent(step: float) -> tuple[Tensor, ...]:
        """Twice the step along, so that the third derivative cancels (Richardson)."""
        return tuple((4 * one - two / 2) / 3 for one, two in zip(gradient(step), gradient(2 * step), strict=True))

    size = max(float(part.norm()) for part in gradient(0.0))
    least = (NOISE if fine else 10 * coarsest / WIDE) * size + ROUNDING * float(batch.weights.sum())
    products = [part[0] for part in hessian_product(problem, batch, along)]
    wrong = first_unlike(products, gradient, STEP, least) if fine else first_unlike(products, bent, WIDE, least)
    return "" if wrong is None else f"the second derivatives it gives at {problem.names[wrong]} are not those of the gradient"


def _total(problem: Problem, batch: Batch) -> tuple[Tensor, list[Tensor]]:
    """Σᵢ wᵢ lossᵢ, and the parameters that it is a function of."""
    parameters = {name: value.clone().requires_grad_() for name, value in problem.parameters.items()}
    total = (problem.losses(problem.outputs(batch.inputs, parameters), batch) * batch.weights).sum()
    return linked(total, parameters), list(parameters.values())
