"""The weighted bootstrap of a linear last layer (Newton & Raftery 1994): one Newton step from the present weights for each draw."""

from dataclasses import dataclass

import torch
from torch import Tensor

from wherefrom.curvature.linear_head import Head, head_operator
from wherefrom.curvature.outputs import LossCurvature
from wherefrom.errors import UsageError
from wherefrom.gradients import Dense, Rows
from wherefrom.methods.last_layer import LastLayer
from wherefrom.problem import Problem
from wherefrom.solvers import Exact


@dataclass(frozen=True, eq=False)
class HeadBootstrap:
    """θ_w = θ - (C_w + damping I)⁻¹ (1/N) Σᵢ (wᵢ - w⁰ᵢ) gᵢ, θ the last layer, w⁰ the problem's own weights.

    At a minimum that is the first Newton step towards the minimum under w; away from one the present gradient is left out of the step, so that
    draws lie about the present weights and not about a minimum that training never reached. Features, slopes and curvatures in the outputs are taken
    once, so a draw needs no pass through the model. ``curvature`` is the layer's for weights of 1, ``slopes`` (n, C) are ∂loss/∂outputs.
    """

    last: LastLayer
    curvature: Head
    slopes: Tensor

    @classmethod
    def of(cls, problem: Problem) -> "HeadBootstrap":
        """Raises :class:`UsageError` where the model does not end in one linear layer of its own."""
        last = LastLayer.of(problem)
        with torch.no_grad():
            alone = last.problem.reweighted(torch.ones_like(problem.weights))
            curvature = head_operator(alone, LossCurvature())
            if curvature is None:
                raise UsageError("The model ends in its linear layer for some batches and not for others; give one that always does.")
            slopes = curvature.features.new_empty(len(problem), curvature.curvature.shape[1])
            for batch in problem.batches():
                slopes[torch.from_numpy(batch.positions).to(slopes.device)] = last.slopes(last.read(batch)[1], batch)
        return cls(last, curvature, slopes)

    def parameters(self, weights: Tensor) -> dict[str, Tensor]:
        """The layer's parameters under other weights (n,) of the same sum."""
        head, problem = self.curvature, self.last.problem
        weights = weights.to(self.slopes)
        operator = Head(problem, head.layout, head.features, head.curvature * weights[:, None, None], head.semidefinite)
        change = (self.slopes * (weights - problem.weights)[:, None]).T @ head.features / problem.normaliser
        gradient = Rows((Dense(change[None]),), head.layout).flat()
        step = Exact().fit(operator, operator.default_damping()).solve(gradient.T).x[:, 0]
        return {name: value.clone() for name, value in problem.unflatten(problem.flatten(problem.parameters) - step).items()}
