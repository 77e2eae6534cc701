"""The losses of boosted trees: gradient and hessian in the raw outputs, and how both change with them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, softmax

from wherefrom.objective import Objective, binary_cross_entropy, cross_entropy, squared_error


class Loss(ABC):
    """A loss of K raw outputs F (n, K). ``full``: its hessian is (n, K, K) and a leaf solves for all outputs at once."""

    outputs: int
    full: bool = False

    @abstractmethod
    def derivatives(self, y: np.ndarray, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradient g (n, K) and the hessian h (n, K), or (n, K, K) where it is full."""

    @abstractmethod
    def slopes(self, y: np.ndarray, raw: np.ndarray, step: np.ndarray) -> np.ndarray:
        """Return ∂(g + h step)_k / ∂F_m at a fixed step (n, K): (n, K, K)."""

    @property
    @abstractmethod
    def objective(self) -> Objective:
        """What a query is asked unless told otherwise."""


@dataclass(frozen=True)
class SquaredLoss(Loss):
    """(y - F)²/2."""

    outputs = 1

    def derivatives(self, y: np.ndarray, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return raw - y[:, None], np.ones_like(raw)

    def slopes(self, y: np.ndarray, raw: np.ndarray, step: np.ndarray) -> np.ndarray:
        return np.ones((*raw.shape, 1))

    @property
    def objective(self) -> Objective:
        return squared_error()


@dataclass(frozen=True)
class LogisticLoss(Loss):
    """-log of the Bernoulli likelihood of the logit F. ``newton=False``: the hessian is taken as 1."""

    newton: bool = True
    outputs = 1

    def derivatives(self, y: np.ndarray, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        p = expit(raw)
        return p - y[:, None], p * (1 - p) if self.newton else np.ones_like(p)

    def slopes(self, y: np.ndarray, raw: np.ndarray, step: np.ndarray) -> np.ndarray:
        p = expit(raw)
        h = p * (1 - p)
        return (h * (1 + step * (1 - 2 * p)) if self.newton else h)[:, :, None]

    @property
    def objective(self) -> Objective:
        return binary_cross_entropy()


@dataclass(frozen=True)
class SoftmaxLoss(Loss):
    """-log softmax(F)[y], its hessian the diagonal alone times a factor: XGBoost 2, LightGBM K/(K - 1), scikit-learn 1."""

    outputs: int
    factor: float

    def derivatives(self, y: np.ndarray, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        p = softmax(raw, axis=1)
        h = self.factor * p * (1 - p)
        p[np.arange(len(y)), y.astype(np.int64)] -= 1
        return p, h

    def slopes(self, y: np.ndarray, raw: np.ndarray, step: np.ndarray) -> np.ndarray:
        p = softmax(raw, axis=1)
        return (p * (1 + self.factor * step * (1 - 2 * p)))[:, :, None] * (np.eye(self.outputs) - p[:, None, :])

    @property
    def objective(self) -> Objective:
        return cross_entropy()


@dataclass(frozen=True)
class FullSoftmaxLoss(Loss):
    """-log softmax(F)[y] with its whole hessian diag(p) - ppᵀ. ``newton=False``: the hessian is taken as the identity."""

    outputs: int
    newton: bool = True
    full = True

    def derivatives(self, y: np.ndarray, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        p = softmax(raw, axis=1)
        h = _hessian(p) if self.newton else np.broadcast_to(np.eye(self.outputs), (*p.shape, self.outputs))
        g = p.copy()
        g[np.arange(len(y)), y.astype(np.int64)] -= 1
        return g, h

    def slopes(self, y: np.ndarray, raw: np.ndarray, step: np.ndarray) -> np.ndarray:
        # (h v)_k = p_k u_k with u = v - p·v; ∂p_k/∂F_m = h_km and ∂(p·v)/∂F_m = p_m u_m
        p = softmax(raw, axis=1)
        h = _hessian(p)
        if not self.newton:
            return h
        u = step - (p * step).sum(1, keepdims=True)
        return h * (1 + u[:, :, None]) - p[:, :, None] * (p * u)[:, None, :]

    @property
    def objective(self) -> Objective:
        return cross_entropy()


def _hessian(p: np.ndarray) -> np.ndarray:
    return p[:, :, None] * (np.eye(p.shape[1]) - p[:, None, :])
