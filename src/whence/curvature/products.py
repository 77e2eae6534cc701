"""Products with second derivatives, many vectors at once, by reverse-mode passes alone (no vmap over the user's model)."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from whence.batch import Batch
from whence.curvature.operator import Operator, estimated_trace, written_out
from whence.problem import Problem

Product = Callable[[Problem, Batch, list[Tensor]], list[Tensor]]
STEP = 32  # vectors pulled back through one graph at a time


class Risk(Operator):
    """(1/N) Σᵢ wᵢ Cᵢ + diag(l2), where ``product`` gives Σᵢ wᵢ Cᵢ V over a batch."""

    def __init__(self, problem: Problem, product: Product, semidefinite: bool) -> None:
        self.problem, self.product, self.semidefinite = problem, product, semidefinite

    def apply(self, vectors: Tensor) -> Tensor:
        return torch.cat([self._apply(part) for part in vectors.split(STEP, dim=1)], 1)

    def on(self, positions: np.ndarray) -> "Risk":
        problem, share = self.problem, len(positions) / len(self.problem)
        some = replace(
            problem,
            train=problem.train.take(positions),
            weights=problem.weights[torch.from_numpy(positions).to(problem.device)],
            normaliser=problem.normaliser * share,
        )
        return Risk(some, self.product, self.semidefinite)

    def dense(self) -> Tensor:
        return written_out(self)

    def mean_eigenvalue(self) -> float:
        return estimated_trace(self) / self.size

    def _apply(self, vectors: Tensor) -> Tensor:
        shapes = [value.shape for value in self.problem.parameters.values()]
        parts = vectors.T.split([shape.numel() for shape in shapes], dim=1)
        tangents = [part.reshape(-1, *shape) for part, shape in zip(parts, shapes, strict=True)]
        total = self.problem.l2[:, None] * vectors
        for batch in self.problem.batches():
            with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):  # fused attention has no second derivative
                found = self.product(self.problem, batch, tangents)
            total = total + torch.cat([piece.reshape(len(piece), -1) for piece in found], 1).T / self.problem.normaliser
        return total


def pull_back(outputs: Sequence[Tensor], inputs: Sequence[Tensor], cotangents: Sequence[Tensor], *, create_graph: bool = False) -> list[Tensor]:
    """Jᵀu for k cotangents u at once: (k, *output) each -> (k, *input) each; what does not depend on an input gives zeros."""
    live = [(output, cotangent) for output, cotangent in zip(outputs, cotangents, strict=True) if output.requires_grad]
    k = len(cotangents[0])
    if not live:
        return [value.new_zeros(k, *value.shape) for value in inputs]
    ends, given = [output for output, _ in live], [cotangent for _, cotangent in live]

    def gradients(given: Sequence[Tensor], batched: bool) -> tuple[Tensor | None, ...]:
        return torch.autograd.grad(
            ends, list(inputs), list(given), retain_graph=True, create_graph=create_graph, allow_unused=True, is_grads_batched=batched
        )

    try:
        found = gradients(given, batched=True)
    except RuntimeError:  # some operation cannot be batched: one cotangent at a time
        single = [gradients([cotangent[j] for cotangent in given], batched=False) for j in range(k)]
        found = tuple(None if parts[0] is None else torch.stack([p for p in parts if p is not None]) for parts in zip(*single, strict=True))
    return [value.new_zeros(k, *value.shape) if part is None else part for value, part in zip(inputs, found, strict=True)]
