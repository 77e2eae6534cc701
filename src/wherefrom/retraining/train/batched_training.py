"""Many runs of one trainer at once: one stream of batches, of which each model takes its own examples, parameters stacked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import vmap

from wherefrom.data.trees import tree_map
from wherefrom.gradients.functional import REFUSALS
from wherefrom.problem import Problem
from wherefrom.retraining.interventions import Change
from wherefrom.retraining.train.recording import batch_of, step_gradient
from wherefrom.retraining.variants import Variants

CHUNK = 24  # models at a time: more of a hundred thousand parameters no longer fit into a CPU's caches
ENTRIES = 1 << 21  # parameters of all models at a time, where more than that many models are so few
FEW = 2  # examples on which a stacked gradient is held against one alone


@dataclass(frozen=True, eq=False)
class Together:
    """(1/divisorⱼ) Σᵢ wⱼᵢ lossⱼᵢ(θⱼ) of m models at a time, each on its own examples of a batch, under its own labels."""

    problem: Problem
    variants: Variants

    @classmethod
    def of(cls, problem: Problem, changes: Sequence[Change]) -> "Together":
        """A model for each change."""
        return cls(problem, Variants.of(problem, changes))

    def __len__(self) -> int:
        return len(self.variants)

    def gradients(self, parameters: Mapping[str, Tensor], positions: np.ndarray, divisor: float) -> dict[str, Tensor]:
        """Of each model by its parameters (m, *shape), on one batch of the problem's examples."""
        planned = torch.from_numpy(positions).to(self.problem.device)
        weights = self.variants.weights[:, planned]
        most = int((weights > 0).sum(1).amax()) if len(positions) else 0
        if not most:
            return {name: torch.zeros_like(value) for name, value in parameters.items()}
        # each model's own examples first; where others have more, some of weight 0 follow
        places = torch.argsort((weights > 0).byte(), dim=1, descending=True, stable=True)[:, :most]
        batch = batch_of(self.problem, positions)
        inputs = tree_map(lambda leaf: leaf[places], batch.inputs)
        models = torch.arange(len(self), device=places.device)[:, None]
        targets = self.variants.targets_at(models, planned[places], tree_map(lambda leaf: leaf[places], batch.targets))
        weights = weights.gather(1, places) / (divisor * self.variants.divisors[:, None])

        def total(parameters: dict[str, Tensor], inputs: Any, targets: Any, weights: Tensor) -> Tensor:
            return self.problem.objective.loss(self.problem.outputs(inputs, parameters), targets) @ weights

        with torch.enable_grad():
            free = {name: value.detach().requires_grad_() for name, value in parameters.items()}
            found = torch.autograd.grad(vmap(total)(free, inputs, targets, weights).sum(), list(free.values()), materialize_grads=True)
        return dict(zip(free, found, strict=True))

    def possible(self) -> bool:
        """Whether torch can stack this model, and stacked it has the gradient that it has alone."""
        positions, theta = np.arange(min(FEW, len(self.problem))), self.problem.flatten(self.problem.parameters)
        alone = step_gradient(self.problem, theta, batch_of(self.problem, positions), 1.0)
        whole = Together(self.problem, Variants(self.problem.weights.repeat(2, 1), self.problem.weights.new_ones(2)))
        try:
            found = whole.gradients(self.stacked(2), positions, 1.0)
        except REFUSALS:
            return False
        stacked = self.problem.flatten(found)
        return torch.allclose(stacked, alone.expand_as(stacked), rtol=1e-3, atol=1e-5 * float(alone.abs().max()))

    def stacked(self, count: int) -> dict[str, Tensor]:
        """The problem's parameters ``count`` times (count, *shape)."""
        return {name: value.expand(count, *value.shape).clone() for name, value in self.problem.parameters.items()}

    def laid_out(self, positions: np.ndarray, divisor: float) -> dict[str, Tensor]:
        """The problem's parameters for each model, in memory as their gradients come: torch transposes some, and sums across two orders are slow."""
        parameters = self.stacked(len(self))
        gradients = self.gradients(parameters, positions, divisor)
        return {name: torch.empty_like(gradients[name]).copy_(value) for name, value in parameters.items()}

    @property
    def chunk(self) -> int:
        """How many models to take at a time."""
        return max(CHUNK, ENTRIES // self.problem.size)

    def chunks(self) -> Iterator["Together"]:
        """The models some at a time."""
        for first in range(0, len(self), self.chunk):
            yield Together(self.problem, self.variants[first : first + self.chunk])
