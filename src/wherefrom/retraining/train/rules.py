"""Update rules of optimisers on flat parameters, with the derivatives that tracing an influence back through training needs.

A state is (θ, buffers...), each (d,), or (m, d) for m models trained at once. Each rule takes the steps of the ``torch.optim`` class of its name.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

State = tuple[Tensor, ...]
Rate = float | Tensor  # one for all, or one for each entry (d,)


class Rule(ABC):
    """How a gradient changes a state, and how the derivative by the new state becomes those by the old one and by the gradient."""

    buffers: int

    def start(self, theta: Tensor) -> State:
        """The state before the first step."""
        return (theta, *(torch.zeros_like(theta) for _ in range(self.buffers)))

    @abstractmethod
    def step(self, state: State, gradient: Tensor, rate: Rate, count: int) -> State:
        """The state after one more step, ``count`` steps having been taken."""

    @abstractmethod
    def pull_back(self, state: State, gradient: Tensor, rate: Rate, count: int, cotangents: State) -> tuple[State, Tensor]:
        """From ∂f/∂(new state) (q, d) each: ∂f/∂(old state) with the gradient held fixed, and ∂f/∂gradient."""


@dataclass(frozen=True)
class SGD(Rule):
    """b ← μb + (1 - dampening) g, θ ← θ - η b, or θ - η (g + μb) with ``nesterov``; the first b is g."""

    momentum: float = 0.0
    dampening: float = 0.0
    nesterov: bool = False

    @property
    def buffers(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return int(self.momentum > 0)

    def step(self, state: State, gradient: Tensor, rate: Rate, count: int) -> State:
        if not self.momentum:
            return (_less(state[0], gradient, rate),)
        kept = self._kept(count)
        moved = torch.add(gradient if kept == 1 else kept * gradient, state[1], alpha=self.momentum)
        along = torch.add(gradient, moved, alpha=self.momentum) if self.nesterov else moved
        return _less(state[0], along, rate), moved

    def pull_back(self, state: State, gradient: Tensor, rate: Rate, count: int, cotangents: State) -> tuple[State, Tensor]:
        step = -rate * cotangents[0]
        if not self.momentum:
            return cotangents, step
        moved = cotangents[1] + (self.momentum * step if self.nesterov else step)
        by_gradient = self._kept(count) * moved
        return (cotangents[0], self.momentum * moved), by_gradient + step if self.nesterov else by_gradient

    def _kept(self, count: int) -> float:
        return 1.0 - self.dampening if count else 1.0


@dataclass(frozen=True)
class Adam(Rule):
    """m ← β₁m + (1 - β₁) g, v ← β₂v + (1 - β₂) g², θ ← (1 - η decay) θ - η m̂ / (√(v̂ + eps_root) + eps), m̂ and v̂ without their bias.

    ``decay`` is AdamW's, one for all or one for each entry. With ``eps_root`` the step has a bounded derivative where gradients come near 0 (torch
    has none; optax names it so).
    """

    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    eps_root: float = 0.0
    decay: Rate = 0.0

    buffers = 2

    def step(self, state: State, gradient: Tensor, rate: Rate, count: int) -> State:
        theta, first, second = self._moments(state, gradient)
        size, _ = self._sizes(second, count)
        return theta * (1 - rate * self.decay) - rate * first / (self._unbiased(0, count) * size), first, second

    def pull_back(self, state: State, gradient: Tensor, rate: Rate, count: int, cotangents: State) -> tuple[State, Tensor]:
        by_theta, by_first, by_second = cotangents
        _, first, second = self._moments(state, gradient)
        size, root = self._sizes(second, count)
        inverse = rate / (self._unbiased(0, count) * size)
        # √ has no derivative at 0, where an entry has never had a gradient, and neither had its first moment
        bend = torch.where(root > 0, inverse * first / (2 * size * root * self._unbiased(1, count)), 0.0)
        by_first = torch.addcmul(by_first, by_theta, inverse, value=-1)
        by_second = torch.addcmul(by_second, by_theta, bend)
        b, c = self.betas
        by_gradient = torch.addcmul((1 - b) * by_first, by_second, 2 * (1 - c) * gradient)
        return (
            by_theta * (1 - rate * self.decay) if isinstance(self.decay, Tensor) or self.decay else by_theta,
            b * by_first,
            c * by_second,
        ), by_gradient

    def _moments(self, state: State, gradient: Tensor) -> State:
        b, c = self.betas
        return state[0], torch.lerp(state[1], gradient, 1 - b), torch.addcmul(c * state[2], gradient, gradient, value=1 - c)

    def _sizes(self, second: Tensor, count: int) -> tuple[Tensor, Tensor]:
        root = (second / self._unbiased(1, count) + self.eps_root).sqrt()
        return root + self.eps, root

    def _unbiased(self, moment: int, count: int) -> float:
        return 1 - self.betas[moment] ** (count + 1)


def _less(theta: Tensor, step: Tensor, rate: Rate) -> Tensor:
    """θ - rate × step, in one pass over memory where one rate serves all."""
    return torch.addcmul(theta, step, rate, value=-1) if isinstance(rate, Tensor) else torch.sub(theta, step, alpha=rate)
