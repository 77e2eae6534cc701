"""The generalised Gauss-Newton matrix (Schraudolph 2002): curvature of the loss in the outputs, pulled back through the model."""

from dataclasses import dataclass

import torch
from torch import Tensor

from whence.batch import Batch
from whence.curvature.head import head_operator
from whence.curvature.operator import Curvature, Operator
from whence.curvature.products import Risk, output_hessian, pull_back
from whence.problem import Problem


@dataclass(frozen=True)
class GaussNewton(Curvature):
    """(1/N) Σᵢ wᵢ Jᵢᵀ Sᵢ Jᵢ + diag(l2), J the outputs' derivative by θ, S the loss's second derivative in the outputs.

    Positive semi-definite for every loss that is convex in the outputs, whatever the model; equal to the Hessian where the
    outputs are linear in θ. Products cost one forward and three backward passes for up to 32 vectors at a time.
    """

    def fit(self, problem: Problem) -> Operator:
        """The operator at the problem's parameters."""
        return head_operator(problem) or Risk(problem, gauss_newton_product, semidefinite=problem.objective.convex)


def gauss_newton_product(problem: Problem, batch: Batch, tangents: list[Tensor]) -> list[Tensor]:
    """Σᵢ wᵢ JᵢᵀSᵢJᵢ V: J V as the derivative of uᵀJ by u, then back through S and Jᵀ."""
    parameters = {name: value.clone().requires_grad_() for name, value in problem.parameters.items()}
    outputs, values = problem.outputs(batch.inputs, parameters), list(parameters.values())
    curvature = output_hessian(problem, outputs, batch) * batch.weights[:, None, None]
    dummy = torch.zeros_like(outputs, requires_grad=True)
    backward = torch.autograd.grad(outputs, values, dummy, create_graph=True, materialize_grads=True)
    pushed = pull_back(backward, [dummy], tangents)[0].reshape(len(tangents[0]), len(batch), -1)
    bent = (pushed[:, :, None, :] * curvature).sum(3).reshape(len(tangents[0]), *outputs.shape)
    return pull_back([outputs], values, [bent])
