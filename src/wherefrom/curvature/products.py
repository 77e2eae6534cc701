"""Products with second derivatives, many vectors at once, by reverse-mode passes alone (no vmap over the user's model)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from wherefrom.curvature.double_backward import Kernels, differentiable_twice
from wherefrom.curvature.operator import Operator, estimated_trace, written_out
from wherefrom.data.batches import Batch
from wherefrom.errors import UsageError
from wherefrom.memory import out_of_memory
from wherefrom.problem import Problem

Product = Callable[[Problem, Batch, list[Tensor]], list[Tensor]]
Written = Callable[[Problem], Tensor | None]
STEP = 32  # vectors pulled back through one graph at a time
COPY = 4 * 8  # bytes for each number of a model in float64, with its gradients
UNPROVED = "unproved"
FEW = 2  # examples that a product is proved on


class Risk(Operator):
    """(1/N) Σᵢ wᵢ Cᵢ + diag(l2), where ``product`` gives Σᵢ wᵢ Cᵢ V over a batch; ``kernels`` are those it needs.

    ``written`` gives the matrix itself where there is a quicker way than a product for each column, else None.
    """

    def __init__(
        self, problem: Problem, product: Product, semidefinite: bool, kernels: Kernels = Kernels.ALL, written: Written | None = None
    ) -> None:  # fmt: skip
        self.problem, self.product, self.semidefinite, self.kernels, self.written = problem, product, semidefinite, kernels, written

    @classmethod
    def of(cls, problem: Problem, routes: Sequence["Route"], semidefinite: bool, written: Written | None = None) -> "Risk":
        """By the first route that torch can take through the model and that gives what it should. Raises :class:`UsageError` where none does."""
        batch = next(problem.batches(size=FEW))
        with torch.no_grad():
            problem.outputs(batch.inputs)  # what fails here is no matter of derivatives
        reasons = []
        for route in routes:
            for kernels in Kernels:
                wrong = route.fault(problem, batch, kernels)
                if not wrong:
                    return cls(problem, route.product, semidefinite, kernels, written)
                reasons.append(wrong)
        reason = next(reason for reason in reasons if reason != UNPROVED)
        raise UsageError(
            f"torch cannot take this curvature through the model ({reason}); use EKFAC() or {routes[0].instead}, "
            "or leave the layer out through parameters=."
        )

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
        return Risk(some, self.product, self.semidefinite, self.kernels, self.written)

    def dense(self) -> Tensor:
        found = self.written(self.problem) if self.written else None
        return written_out(self) if found is None else found

    def mean_eigenvalue(self) -> float:
        return estimated_trace(self) / self.size

    def _apply(self, vectors: Tensor) -> Tensor:
        tangents = list(self.problem.unflatten(vectors.T).values())
        total = self.problem.l2[:, None] * vectors
        for batch in self.problem.batches():
            with differentiable_twice(self.kernels):
                found = self.product(self.problem, batch, tangents)
            total = total + self.problem.flatten(dict(zip(self.problem.names, found, strict=True))).T / self.problem.normaliser
        return total


@dataclass(frozen=True)
class Route:
    """A product and what proves it: ``check`` says in words what is wrong with it on a batch, or nothing. ``instead``: another curvature to use."""

    product: Product
    check: Callable[[Problem, Batch], str]
    instead: str = "KFAC()"

    def fault(self, problem: Problem, batch: Batch, kernels: Kernels) -> str:
        """Why it cannot be taken; empty where it can. What has no room or device for a proof is taken without, never with all kernels."""
        unproved = UNPROVED if kernels == Kernels.ALL else ""
        try:
            with differentiable_twice(kernels):
                self.product(problem, batch, directions(problem, 1))
        except RuntimeError as error:
            if out_of_memory(error):
                raise
            return str(error).strip().split("\n")[0].rstrip(".")
        if COPY * sum(value.numel() for value in problem.state.values()) > problem.budget:
            return unproved
        try:
            exact = problem.to(torch.float64)  # where rounding is no excuse
            with differentiable_twice(kernels):
                return self.check(exact, next(exact.batches(size=FEW)))
        except (RuntimeError, TypeError, ValueError):  # a device or a model without float64
            return unproved


def directions(problem: Problem, k: int) -> list[Tensor]:
    """k random directions in the shape of each parameter, the same each time."""
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(k, *value.shape, generator=generator).to(value) for value in problem.parameters.values()]


def linked(outputs: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
    """Return outputs as a function of the parameters, if only by a zero: a layer that the model does not use has a curvature of 0."""
    return outputs if outputs.requires_grad else outputs + 0 * torch.stack([value.sum() for value in parameters.values()]).sum()


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
