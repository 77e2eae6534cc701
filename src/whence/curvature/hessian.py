"""The Hessian of the risk, ∇²R(θ): the curvature of Koh & Liang 2017."""

from dataclasses import dataclass

import torch
from torch import Tensor

from whence.batch import Batch
from whence.curvature.head import head_operator
from whence.curvature.operator import Curvature, Operator
from whence.curvature.outputs import LossCurvature
from whence.curvature.products import Risk, pull_back
from whence.problem import Problem


@dataclass(frozen=True)
class Hessian(Curvature):
    """(1/N) Σᵢ wᵢ ∇²lossᵢ(θ) + diag(l2).

    Indefinite in general, positive semi-definite where the loss is convex and the outputs are linear in θ. Products cost
    one forward and two backward passes for up to 32 vectors at a time; a linear last layer has a closed form.
    """

    def fit(self, problem: Problem) -> Operator:
        """The operator at the problem's parameters."""
        return head_operator(problem, LossCurvature()) or Risk(problem, hessian_product, semidefinite=False)


def hessian_product(problem: Problem, batch: Batch, tangents: list[Tensor]) -> list[Tensor]:
    """Σᵢ wᵢ ∇²lossᵢ V by differentiating the gradient against V."""
    parameters = {name: value.clone().requires_grad_() for name, value in problem.parameters.items()}
    total = (problem.losses(problem.outputs(batch.inputs, parameters), batch) * batch.weights).sum()
    values = list(parameters.values())
    first = torch.autograd.grad(total, values, create_graph=True, materialize_grads=True)
    return pull_back(first, values, tangents)
