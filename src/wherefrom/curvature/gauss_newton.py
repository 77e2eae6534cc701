"""Gauss-Newton and Fisher matrices: curvature of the loss in the outputs, pulled back through the model (Schraudolph 2002)."""

import warnings
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.autograd import forward_ad

from wherefrom.curvature.linear_head import head_operator
from wherefrom.curvature.operator import Curvature, Operator
from wherefrom.curvature.outputs import MOST, DrawnTargets, GivenTargets, LossCurvature, OutputCurvature
from wherefrom.curvature.products import Risk, Route, directions, linked, pull_back
from wherefrom.data.batches import Batch
from wherefrom.forward import tensor_outputs
from wherefrom.gradients import Gradients
from wherefrom.problem import Problem
from wherefrom.store import UnfinishedFit

FEWER = 4  # columns for each output from which rows are quicker than products
SLACK = 1e-6  # of the products' length, for rounding
Push = Callable[[Problem, Batch, list[Tensor], dict[str, Tensor], Tensor], Tensor]


class PulledBack(Curvature):
    """(1/N) Σᵢ wᵢ Jᵢᵀ Sᵢ Jᵢ + diag(l2), J the outputs' derivative by θ and S as ``of`` says."""

    @property
    @abstractmethod
    def of(self) -> OutputCurvature:
        """What stands between the two Jacobians."""

    def fit(self, problem: Problem, resume: UnfinishedFit | None = None) -> Operator:
        """The operator at the problem's parameters."""
        head = head_operator(problem, self.of)
        if head is not None:
            return head
        routes = [Route(partial(pulled_product, of=self.of, push=push), partial(not_adjoint, push=push)) for push in (pushed_twice, pushed_forward)]
        return Risk.of(problem, routes, self.of.semidefinite(problem), partial(summed_rows, of=self.of))


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


def summed_rows(problem: Problem, of: OutputCurvature) -> Tensor | None:
    """The matrix as (1/N) Σᵢ wᵢ Σₖ (Jᵢᵀuₖ)(Jᵢᵀuₖ)ᵀ + diag(l2): a backward pass for each u, where they are fewer than columns and Sᵢ has halves."""
    with torch.no_grad():
        count = tensor_outputs(problem.outputs(next(problem.batches(size=1)).inputs))[0].numel()
        if count > min(MOST, problem.size // FEWER) or not of.semidefinite(problem):
            return None
        gradients, total = Gradients(problem), problem.l2.diag()
        for batch in problem.batches(size=gradients.size):
            weights = batch.weights / problem.normaliser
            for half in gradients.pulled_back(batch, lambda outputs, batch=batch: of.halves(problem, outputs, batch)):
                rows = half.rows().flat()
                total.addmm_((rows * weights[:, None]).T, rows)
    return total


def pulled_product(problem: Problem, batch: Batch, tangents: list[Tensor], of: OutputCurvature, push: Push) -> list[Tensor]:
    """Σᵢ wᵢ JᵢᵀSᵢJᵢ V: J V by ``push``, then back through S and Jᵀ."""
    parameters, outputs = _recorded(problem, batch)
    bend = of.bend(problem, outputs.detach(), batch)
    pushed = push(problem, batch, tangents, parameters, outputs)
    weights = batch.weights.view(-1, *[1] * (outputs.dim() - 1))
    return pull_back([outputs], list(parameters.values()), [bend(pushed) * weights])


def pushed_twice(_: Problem, __: Batch, tangents: list[Tensor], parameters: dict[str, Tensor], outputs: Tensor) -> Tensor:
    """J V (k, B, ...) as the derivative of uᵀJ by u, all of V at once; forward mode is no faster for one vector, and slower for many."""
    dummy = torch.zeros_like(outputs, requires_grad=True)
    backward = torch.autograd.grad(outputs, list(parameters.values()), dummy, create_graph=True, materialize_grads=True)
    return pull_back(backward, [dummy], tangents)[0].detach()


def pushed_forward(problem: Problem, batch: Batch, tangents: list[Tensor], parameters: dict[str, Tensor], outputs: Tensor) -> Tensor:
    """The same in forward mode, one vector at a time: for layers whose backward pass has no derivative."""
    found = []
    with warnings.catch_warnings(action="ignore"):  # torch's own, of how it was built
        for directions in zip(*tangents, strict=True):
            with forward_ad.dual_level():
                duals = [forward_ad.make_dual(value, along) for value, along in zip(parameters.values(), directions, strict=True)]
                moved = problem.outputs(batch.inputs, dict(zip(parameters, duals, strict=True)))
                tangent = forward_ad.unpack_dual(moved).tangent
                found.append(torch.zeros_like(outputs) if tangent is None else tangent.detach())
    return torch.stack(found)


def not_adjoint(problem: Problem, batch: Batch, push: Push) -> str:
    """What ``push`` gives must be J V by what Jᵀ is: uᵀ(J v) = (Jᵀu)ᵀv. Backward passes that torch takes as constant give too little, in silence."""
    parameters, outputs = _recorded(problem, batch)
    tangents, u = directions(problem, 1), torch.randn(outputs.shape, generator=torch.Generator().manual_seed(1)).to(outputs)
    pushed = push(problem, batch, tangents, parameters, outputs)[0]
    pulled = pull_back([outputs], list(parameters.values()), [u[None]])
    gap = (u * pushed).sum() - torch.stack([(part * along).sum() for part, along in zip(pulled, tangents, strict=True)]).sum()
    size = max(float(pushed.norm()), *(float(part.norm()) for part in pulled))
    return "a backward pass in it has no derivative" if abs(float(gap)) > SLACK * size else ""


def _recorded(problem: Problem, batch: Batch) -> tuple[dict[str, Tensor], Tensor]:
    """The parameters, and the outputs as a function of them."""
    parameters = {name: value.clone().requires_grad_() for name, value in problem.parameters.items()}
    return parameters, linked(tensor_outputs(problem.outputs(batch.inputs, parameters)), parameters)
