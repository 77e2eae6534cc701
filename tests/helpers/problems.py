"""Small named problems in float64, one for each kind of model and data."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

import wherefrom as wf

N, Q = 24, 3


@dataclass(frozen=True, eq=False)
class Named:
    """A problem, its queries, and whether its loss is convex in θ."""

    problem: wf.Problem
    queries: Any
    convex: bool


class Reused(nn.Module):
    """A layer that is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.outer(torch.tanh(self.inner(torch.tanh(self.inner(x)))))


class Tied(nn.Module):
    """A weight that two modules share."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.second(torch.tanh(self.first(x)))


class Bare(nn.Module):
    """A parameter held directly, beside a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.layer = nn.Parameter(torch.rand(4) + 0.5), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x * self.scale)


class Sequence(nn.Module):
    """A linear layer over positions, then the mean of them; keyword arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.head = nn.Linear(4, 5), nn.Linear(5, 3, bias=False)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        hidden = torch.relu(self.layer(tokens)) * mask[:, :, None]
        return self.head(hidden.sum(1) / mask.sum(1, keepdim=True))


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))


def conv() -> nn.Module:
    return nn.Sequential(nn.Unflatten(1, (1, 2, 2)), nn.Conv2d(1, 3, 2), nn.Flatten(), nn.Linear(3, 3))


def data(n: int, outputs: str) -> tuple[Tensor, Tensor]:
    X = torch.randn(n, 4)
    targets = {
        "class": torch.randint(0, 3, (n,)),
        "bit": torch.randint(0, 2, (n,)).double(),
        "pair": torch.randint(0, 2, (n,)),
        "number": X.sum(1) + torch.randn(n),
    }
    return X, targets[outputs]


def sequences(n: int) -> dict[str, Tensor]:
    return {"tokens": torch.randn(n, 6, 4), "mask": (torch.arange(6) < torch.randint(2, 7, (n, 1))).double(), "labels": torch.randint(0, 3, (n,))}


def named(model: nn.Module, objective: wf.Objective, train: Any, queries: Any, *, convex: bool = False, **settings: Any) -> Named:
    return Named(wf.Problem.of(model.eval(), objective, train, **settings), queries, convex)


def softmax(n: int = N, l2: Any = 0.05, **settings: Any) -> Named:
    return trained(named(nn.Linear(4, 3), wf.cross_entropy(l2=l2), data(n, "class"), data(Q, "class"), convex=True, **settings))


def logistic(n: int = N, l2: Any = 0.05, **settings: Any) -> Named:
    return trained(named(nn.Linear(4, 1), wf.binary_cross_entropy(l2=l2), data(n, "bit"), data(Q, "bit"), convex=True, **settings))


def ridge(n: int = N, l2: Any = 0.1, **settings: Any) -> Named:
    return trained(named(nn.Linear(4, 1), wf.squared_error(l2=l2), data(n, "number"), data(Q, "number"), convex=True, **settings))


def trained(start: Named) -> Named:
    return Named(start.problem.at(wf.train.newton()(start.problem, 0).parameters), start.queries, start.convex)


BUILDERS: dict[str, Callable[[], Named]] = {
    "softmax": softmax,
    "logistic": logistic,
    "ridge": ridge,
    "ridge with weights": lambda: ridge(weights=torch.rand(N) + 0.1),
    "ridge, l2 on the weight alone": lambda: ridge(l2={"weight": 0.2}),
    "hinge": lambda: named(nn.Linear(4, 1), wf.smooth_hinge(0.5, l2=0.1), data(N, "pair"), data(Q, "pair"), convex=True),
    "mlp": lambda: named(mlp(), wf.cross_entropy(l2=0.01), data(N, "class"), data(Q, "class")),
    "mlp, last layer": lambda: named(mlp(), wf.cross_entropy(l2=0.01), data(N, "class"), data(Q, "class"), convex=True, parameters="2.*"),
    "mlp, weights alone": lambda: named(mlp(), wf.cross_entropy(l2=0.01), data(N, "class"), data(Q, "class"), parameters="*.weight"),
    "reused layer": lambda: named(Reused(), wf.cross_entropy(l2=0.01), data(N, "pair"), data(Q, "pair")),
    "tied weight": lambda: named(Tied(), wf.cross_entropy(l2=0.01), data(N, "class"), data(Q, "class")),
    "bare parameter": lambda: named(Bare(), wf.cross_entropy(l2=0.01), data(N, "class"), data(Q, "class")),
    "sequence in a dictionary": lambda: named(Sequence(), wf.cross_entropy(l2=0.01), sequences(N), sequences(Q)),
    "convolution": lambda: named(conv(), wf.cross_entropy(l2=0.01), data(N, "class"), data(Q, "class")),
}


@cache
def problem(name: str) -> Named:
    """A problem by name; the same each time, whatever ran before."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        before = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        try:
            return BUILDERS[name]()
        finally:
            torch.set_default_dtype(before)


NAMES = list(BUILDERS)
CONVEX = [name for name in NAMES if problem(name).convex]
