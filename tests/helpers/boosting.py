"""Boosting with the structure held, written with autograd over the weights: shares nothing with the library's replay and its way back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

import wherefrom as wf

START = Callable[[Tensor, Tensor], Tensor]  # (targets, weights) -> (K,)


@dataclass
class Reference:
    """``nodes`` (n, rounds, trees of a round) as the library names leaves, ``kind`` one of squared, logistic, softmax, full."""

    nodes: np.ndarray
    y: np.ndarray
    kind: str
    rate: float
    start: START
    classes: int = 1
    l2: float = 0.0
    factor: float = 1.0
    steps: int = 1
    mean_weight: bool = False

    def gradient(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        y = torch.from_numpy(self.y)
        if self.kind == "squared":
            return raw - y[:, None], torch.ones_like(raw)
        if self.kind == "logistic":
            p = 1 / (1 + (-raw).exp())
            return p - y[:, None], p - p**2
        p = raw.exp() / raw.exp().sum(1, keepdim=True)
        g = p - torch.nn.functional.one_hot(y.long(), self.classes)
        return g, self.factor * (p - p**2) if self.kind == "softmax" else torch.diag_embed(p) - p[:, :, None] @ p[:, None, :]

    def queries(self, weights: Tensor, nodes: np.ndarray) -> Tensor:
        """Raw outputs (q, K) as a function of the weights; rows of weight 0 count as rows unless ``mean_weight`` says otherwise."""
        start = self.start(torch.from_numpy(self.y), weights)
        raw, said = start.expand(len(self.y), -1), start.expand(len(nodes), -1)
        present = weights.detach() > 0
        l2 = self.l2 * (weights.sum() / present.sum() if self.mean_weight else 1)
        for number in range(self.nodes.shape[1]):
            total, asked = torch.zeros_like(raw), torch.zeros_like(said)
            for _ in range(self.steps):
                g, h = self.gradient(raw + total)
                step, move = torch.zeros_like(raw), torch.zeros_like(said)
                for place in range(self.nodes.shape[2]):
                    for leaf in np.unique(self.nodes[:, number, place]):
                        rows = torch.from_numpy(self.nodes[:, number, place] == leaf)
                        there = torch.from_numpy(nodes[:, number, place] == leaf)
                        w = weights[rows]
                        if self.kind == "full":
                            whole = (w[:, None, None] * h[rows]).sum(0) + l2 * torch.eye(self.classes, dtype=torch.float64)
                            value = -torch.linalg.solve(whole, (w[:, None] * g[rows]).sum(0))
                            step, move = step + rows[:, None] * value, move + there[:, None] * value
                        else:
                            value = -(w * g[rows, place]).sum() / ((w * h[rows, place]).sum() + l2)
                            one = torch.nn.functional.one_hot(torch.tensor(place), raw.shape[1])
                            step, move = step + rows[:, None] * value * one, move + there[:, None] * value * one
                total, asked = total + step, asked + move
            raw, said = raw + self.rate * total, said + self.rate * asked
        return said


def mean(y: Tensor, w: Tensor) -> Tensor:
    return ((w * y).sum() / w.sum())[None]


def log_odds(y: Tensor, w: Tensor) -> Tensor:
    share = mean(y, w)
    return (share / (1 - share)).log()


def log_priors(classes: int, centred: bool) -> START:
    def start(y: Tensor, w: Tensor) -> Tensor:
        logs = torch.stack([(w * (y == k)).sum() / w.sum() for k in range(classes)]).log()
        return logs - logs.mean() if centred else logs

    return start


def constant(*values: float) -> START:
    return lambda y, w: torch.tensor(values, dtype=torch.float64)


def influence(reference: Reference, problem: Any, weights: np.ndarray, nodes: np.ndarray, queries: wf.Examples) -> np.ndarray:
    """-wᵢ ∂m_q/∂wᵢ by autograd (q, n)."""
    w = torch.from_numpy(weights.astype(np.float64)).requires_grad_()
    batch = next(problem.batches(queries, size=len(queries)))
    said = reference.queries(w, nodes)
    asked = problem.measurements(said[:, 0] if said.shape[1] == 1 else said, batch)
    # a row's leaving takes its count away as well, so the derivative is along the way out
    rows = [torch.autograd.grad(one, w, retain_graph=True)[0] for one in asked]
    found = -(torch.stack(rows) * w.detach()).numpy()
    if reference.mean_weight:
        step = 1e-4
        for column in range(len(weights)):
            moved = []
            for sign in (1, -1):
                share = torch.ones(len(weights), dtype=torch.float64)
                share[column] += sign * step
                other = Reference(**{**reference.__dict__, "mean_weight": False})
                other.l2 = reference.l2 * float((w.detach() * share).sum() / share.sum())
                out = other.queries(w.detach() * share, nodes)
                moved.append(problem.measurements(out[:, 0] if out.shape[1] == 1 else out, batch))
            found[:, column] = -((moved[0] - moved[1]) / (2 * step)).numpy()
    return found


def refitted(reference: Reference, problem: Any, weights: np.ndarray, nodes: np.ndarray, queries: wf.Examples, row: int) -> np.ndarray:
    """The worsening of each query as a row is left out with the structure held (q,)."""
    batch = next(problem.batches(queries, size=len(queries)))
    without = weights.astype(np.float64).copy()
    without[row] = 0
    told = []
    for given in (without, weights.astype(np.float64)):
        said = reference.queries(torch.from_numpy(given), nodes)
        told.append(problem.measurements(said[:, 0] if said.shape[1] == 1 else said, batch))
    return (told[0] - told[1]).numpy()


def tables(n: int = 120, columns: int = 4, seed: int = 0) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """A table, targets of three kinds, and weights."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, columns))
    noisy = X[:, 0] + 0.5 * X[:, 1] ** 2 + 0.4 * random.normal(size=n)
    targets = {"regression": 3 + noisy, "binary": (noisy > 0.4).astype(int), "multiclass": np.digitize(noisy, [-0.2, 0.7])}
    return X, targets, random.uniform(0.5, 2.0, n)
