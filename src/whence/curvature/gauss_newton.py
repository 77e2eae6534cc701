"""Gauss-Newton and Fisher matrices: curvature of the loss in the outputs, pulled back through the model (Schraudolph 2002)."""

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from whence.batch import Batch
from whence.curvature.head import head_operator
from whence.curvature.operator import Curvature, Operator
from whence.curvature.outputs import DrawnTargets, GivenTargets, LossCurvature, OutputCurvature
from whence.curvature.products import Risk, pull_back
from whence.problem import Problem


class PulledBack(Curvature):
    """(1/N) Σᵢ wᵢ Jᵢᵀ Sᵢ Jᵢ + diag(l2), J the outputs' derivative by θ and S as ``of`` says."""

    @property
    @abstractmethod
    def of(self) -> OutputCurvature:
        """What stands between the two Jacobians."""

    def fit(self, problem: Problem) -> Operator:
        """The operator at the problem's parameters."""
        of = self.of

        def product(problem: Problem, batch: Batch, tangents: list[Tensor]) -> list[Tensor]:
            return pulled_product(problem, batch, tangents, of)

        return head_operator(problem, of) or Risk(problem, product, semidefinite=of.semidefinite(problem))


@dataclass(frozen=True)
class GaussNewton(PulledBack):
    """(1/N) Σᵢ wᵢ Jᵢᵀ Sᵢ Jᵢ + diag(l2), J the outputs' derivative by θ, S the loss's second derivative in the outputs.

    Positive semi-definite for every loss that is convex in the outputs, whatever the model; equal to the Hessian where the
    outputs are linear in θ. Products cost one forward and three backward passes for up to 32 vectors at a time.
    """

    @property
    def of(self) -> OutputCurvature:
        return LossCurvature()


@dataclass(frozen=True)
class Fisher(PulledBack):
    """(1/N) Σᵢ wᵢ E[g gᵀ] + diag(l2), g the gradient at a target drawn from the model, the mean over ``samples`` draws.

    Its expectation is the Gauss-Newton matrix for cross entropy and binary cross entropy, and for squared error. Each example's
    draws depend on ``seed`` and its id alone. Raises :class:`UsageError` where the objective has no sampler.
    """

    samples: int = 1
    seed: int = 0

    @property
    def of(self) -> OutputCurvature:
        return DrawnTargets(self.samples, self.seed)


@dataclass(frozen=True)
class EmpiricalFisher(PulledBack):
    """(1/N) Σᵢ wᵢ gᵢgᵢᵀ + diag(l2) with gradients at the data's own targets.

    Cheap and common, but no curvature: it falls to 0 as the training examples are fitted (Kunstner et al. 2019).
    """

    @property
    def of(self) -> OutputCurvature:
        return GivenTargets()


def pulled_product(problem: Problem, batch: Batch, tangents: list[Tensor], of: OutputCurvature) -> list[Tensor]:
    """Σᵢ wᵢ JᵢᵀSᵢJᵢ V: J V as the derivative of uᵀJ by u, then back through S and Jᵀ."""
    parameters = {name: value.clone().requires_grad_() for name, value in problem.parameters.items()}
    outputs, values = problem.outputs(batch.inputs, parameters), list(parameters.values())
    bend = of.bend(problem, outputs.detach(), batch)
    dummy = torch.zeros_like(outputs, requires_grad=True)
    backward = torch.autograd.grad(outputs, values, dummy, create_graph=True, materialize_grads=True)
    pushed = pull_back(backward, [dummy], tangents)[0].detach()
    weights = batch.weights.view(-1, *[1] * (outputs.dim() - 1))
    return pull_back([outputs], values, [bend(pushed) * weights])
