"""The matrix Sᵢ in the model's outputs that stands between two Jacobians: what sets Gauss-Newton, Fisher and empirical Fisher apart."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from wherefrom.curvature.draws import drawn_targets
from wherefrom.data.batches import Batch
from wherefrom.errors import UsageError
from wherefrom.problem import Problem

Bend = Callable[[Tensor], Tensor]
MOST = 1000  # outputs of one example beyond which Sᵢ is not taken apart


class OutputCurvature(ABC):
    """Sᵢ = Σₖ uₖuₖᵀ of each example, (C, C) over its C outputs in whatever shape they have."""

    @abstractmethod
    def halves(self, problem: Problem, outputs: Tensor, batch: Batch) -> Iterator[Tensor]:
        """The uₖ one after the other, each in the shape of ``outputs``."""

    def bend(self, problem: Problem, outputs: Tensor, batch: Batch) -> Bend:
        """The map of k tangents of the outputs at once, (k, B, ...) -> the same shape: each times Sᵢ."""
        halves = list(self.halves(problem, outputs, batch))

        def bent(pushed: Tensor) -> Tensor:
            weights = [(pushed * half).flatten(2).sum(2) for half in halves]
            parts = [weight.view(*weight.shape, *[1] * (outputs.dim() - 1)) * half for weight, half in zip(weights, halves, strict=True)]
            return torch.stack(parts).sum(0)

        return bent

    def semidefinite(self, problem: Problem) -> bool:
        """Whether no Sᵢ can have a negative eigenvalue."""
        return True

    def matrix(self, problem: Problem, outputs: Tensor, batch: Batch) -> Tensor:
        """Sᵢ written out (B, C, C)."""
        count = outputs[0].numel()
        identity = torch.eye(count, dtype=outputs.dtype, device=outputs.device)[:, None].expand(count, len(batch), count)
        return self.bend(problem, outputs, batch)(identity.reshape(count, *outputs.shape)).reshape(count, len(batch), count).transpose(0, 1)


@dataclass(frozen=True)
class LossCurvature(OutputCurvature):
    """Sᵢ = ∂²lossᵢ/∂outputs², of any loss, by differentiating it twice in its outputs."""

    def bend(self, problem: Problem, outputs: Tensor, batch: Batch) -> Bend:
        with torch.enable_grad():
            points = outputs.detach().requires_grad_()
            first = torch.autograd.grad(problem.losses(points, batch).sum(), points, create_graph=True)[0]

        def bent(pushed: Tensor) -> Tensor:
            if not first.requires_grad:  # a loss that is linear in the outputs
                return torch.zeros_like(pushed)
            try:
                found = torch.autograd.grad(first, points, pushed, retain_graph=True, is_grads_batched=True, allow_unused=True)[0]
            except RuntimeError:  # some operation of the loss cannot be batched
                found = torch.stack([torch.autograd.grad(first, points, one, retain_graph=True, materialize_grads=True)[0] for one in pushed])
            return torch.zeros_like(pushed) if found is None else found.detach()

        return bent

    def halves(self, problem: Problem, outputs: Tensor, batch: Batch) -> Iterator[Tensor]:
        count = outputs[0].numel()
        if count > MOST:
            raise UsageError(f"The exact sum over {count:,} outputs takes as many backward passes; give samples= a number.")
        values, vectors = torch.linalg.eigh(self.matrix(problem, outputs, batch))
        # An eigenvalue that is 0, as softmax has, comes out as rounding of either sign: it must be 0 for all examples alike.
        least = count * torch.finfo(values.dtype).eps * values[:, -1:]
        halves = vectors * values.where(values > least, 0).clamp_min(0).sqrt()[:, None, :]
        for column in halves.unbind(2):
            yield column.reshape(outputs.shape)

    def semidefinite(self, problem: Problem) -> bool:
        return problem.objective.convex


@dataclass(frozen=True)
class DrawnTargets(OutputCurvature):
    """u = ∂loss/∂outputs at targets drawn from the model, ``samples`` of them for each example, so that E Sᵢ is the true Fisher's."""

    samples: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise UsageError(f"samples={self.samples} draws no targets; give 1 or more.")

    def halves(self, problem: Problem, outputs: Tensor, batch: Batch) -> Iterator[Tensor]:
        for draw in range(self.samples):
            targets = drawn_targets(problem, outputs.detach(), batch, self.seed, draw)
            yield _slope(problem, outputs, batch, targets) / self.samples**0.5


@dataclass(frozen=True)
class GivenTargets(OutputCurvature):
    """u = ∂loss/∂outputs at the targets of the data."""

    def halves(self, problem: Problem, outputs: Tensor, batch: Batch) -> Iterator[Tensor]:
        yield _slope(problem, outputs, batch, batch.targets)


def _slope(problem: Problem, outputs: Tensor, batch: Batch, targets: Tensor) -> Tensor:
    with torch.enable_grad():
        points = outputs.detach().requires_grad_()
        losses = problem.objective.loss(points, targets)
        return torch.autograd.grad(losses.sum(), points)[0]
