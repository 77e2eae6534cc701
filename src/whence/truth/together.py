"""Many runs of one trainer at once: one stream of batches, what is left out of each run as weights of 0, parameters stacked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import vmap

from whence.errors import UsageError
from whence.gradients.functional import REFUSALS
from whence.problem import Problem
from whence.scores import positions_of
from whence.truth.recording import batch_of, split, step_gradient

CHUNK = 24  # models at a time: more of a hundred thousand parameters no longer fit into a CPU's caches
ENTRIES = 1 << 21  # parameters of all models at a time, where more than that many models are so few
FEW = 2  # examples on which a stacked gradient is held against one alone


@dataclass(frozen=True, eq=False)
class Together:
    """(1/divisorⱼ) Σᵢ keepⱼᵢ wᵢ lossᵢ(θⱼ) of m models at a time, for rows θⱼ (m, d) and keep (m, n) of 0 and 1."""

    problem: Problem
    keep: Tensor
    scales: Tensor  # (m,): what each model's divisor is multiplied by

    @classmethod
    def of(cls, problem: Problem, groups: Sequence[Any], normalise: bool) -> "Together":
        """A model for each group of ids to leave out; ``normalise``: N is what is left."""
        keep = torch.ones(len(groups), len(problem), dtype=problem.dtype, device=problem.device)
        for row, ids in enumerate(groups):
            keep[row, torch.from_numpy(positions_of(ids, problem.ids, "training"))] = 0
        left = keep @ problem.weights
        if not bool((left > 0).all()):
            raise UsageError("Leaving a group out leaves no training examples; keep at least one.")
        return cls(problem, keep, left / problem.normaliser if normalise else torch.ones_like(left))

    def __len__(self) -> int:
        return len(self.keep)

    def gradients(self, thetas: Tensor, positions: np.ndarray, divisor: float) -> Tensor:
        """Of each model on one batch (m, d)."""
        if not len(positions):
            return torch.zeros_like(thetas)
        batch = batch_of(self.problem, positions)
        weights = self.keep[:, torch.from_numpy(positions).to(self.keep.device)] * batch.weights / (divisor * self.scales[:, None])

        def total(parameters: dict[str, Tensor], weights: Tensor) -> Tensor:
            return self.problem.objective.loss(self.problem.outputs(batch.inputs, parameters), batch.targets) @ weights

        with torch.enable_grad():
            parameters = {name: value.requires_grad_() for name, value in split(self.problem, thetas).items()}
            found = torch.autograd.grad(vmap(total)(parameters, weights).sum(), list(parameters.values()), materialize_grads=True)
        return torch.cat([piece.reshape(len(thetas), -1) for piece in found], 1)

    def possible(self, theta: Tensor) -> bool:
        """Whether torch can stack this model, and stacked it has the gradient that it has alone."""
        positions = np.arange(min(FEW, len(self.problem)))
        alone = step_gradient(self.problem, theta, batch_of(self.problem, positions), 1.0)
        whole = Together(self.problem, torch.ones_like(self.keep[:2]), torch.ones_like(self.scales[:2]))
        try:
            stacked = whole.gradients(theta.repeat(len(whole), 1), positions, 1.0)
        except REFUSALS:
            return False
        return torch.allclose(stacked, alone.expand_as(stacked), rtol=1e-3, atol=1e-5 * float(alone.abs().max()))

    @property
    def chunk(self) -> int:
        """How many models to take at a time."""
        return max(CHUNK, ENTRIES // self.problem.size)

    def chunks(self) -> Iterator["Together"]:
        """The models some at a time."""
        for keep, scales in zip(self.keep.split(self.chunk), self.scales.split(self.chunk), strict=True):
            yield Together(self.problem, keep, scales)
