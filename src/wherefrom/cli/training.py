"""The models that wherefrom trains itself: softmax, logistic or linear regression, or a small network, in float64 to the minimum."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from wherefrom.errors import UsageError
from wherefrom.objective import Objective, binary_cross_entropy, cross_entropy, squared_error
from wherefrom.problem import Problem
from wherefrom.retraining import train

HIDDEN = 16  # units of the small network
ROUGH_STEPS = 300  # of L-BFGS before Newton's method
TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class Learner:
    """What is learnt: ``classes`` (empty for regression), the kind of model, its penalty and seed.

    A regression learns the target less ``centre``, divided by ``spread``.
    """

    classes: tuple[str, ...]
    model: str = "linear"
    l2: float = 1e-2
    seed: int = 0
    centre: float = 0.0
    spread: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.l2 < float("inf"):
            raise UsageError(f"--l2 {self.l2} leaves the minimum undetermined; give a number above 0, such as 0.01.")

    @property
    def outputs(self) -> int:
        """Outputs of the model: one for two classes and for regression."""
        return len(self.classes) if len(self.classes) > 2 else 1

    @property
    def describe(self) -> str:
        """The model in words."""
        linear = {0: "Linear regression", 2: "Logistic regression"}.get(len(self.classes), "Softmax regression")
        return linear if self.model == "linear" else f"A network of one hidden layer ({HIDDEN} units)"

    def objective(self) -> Objective:
        """The loss of the task, with the penalty on every parameter."""
        factory = squared_error if not self.classes else binary_cross_entropy if len(self.classes) == 2 else cross_entropy
        return factory(l2=self.l2)

    def targets(self, y: Tensor) -> Tensor:
        """Targets as the loss wants them."""
        return y if len(self.classes) > 2 else (y.double() - self.centre) / self.spread

    def problem(self, X: Tensor, y: Tensor, ids: np.ndarray) -> Problem:
        """Model and data together, before any training."""
        return Problem.of(self._network(X[0].numel()), self.objective(), (X, self.targets(y)), ids=ids)

    def fit(self, X: Tensor, y: Tensor, ids: np.ndarray) -> Problem:
        """Train to a gradient norm of 1e-9 and put model and data together."""
        problem = self.problem(X, y, ids)
        if self.model != "linear":
            problem = problem.at(_rough(problem))
        return problem.at(train.newton(TOLERANCE)(problem, self.seed).parameters)

    def _network(self, features: int) -> nn.Module:
        generator = torch.Generator().manual_seed(self.seed)
        sizes = [features, self.outputs] if self.model == "linear" else [features, HIDDEN, self.outputs]
        layers: list[nn.Module] = [nn.Flatten()]
        for inner, outer in pairwise(sizes):
            layer = nn.Linear(inner, outer, dtype=torch.float64)
            with torch.no_grad():
                layer.weight.normal_(std=inner**-0.5, generator=generator) if self.model != "linear" else layer.weight.zero_()
                layer.bias.zero_()
            layers += [layer, nn.Tanh()]
        return nn.Sequential(*layers[:-1]).eval()

    def answers(self, outputs: Tensor) -> tuple[Tensor, list[str]]:
        """Predicted class positions or values (n,), and each in words."""
        if not self.classes:
            values = outputs[:, 0] * self.spread + self.centre
            return values, [f"{value:.4g}" for value in values.tolist()]
        chances = outputs.softmax(1) if len(self.classes) > 2 else torch.cat([1 - outputs.sigmoid(), outputs.sigmoid()], 1)
        best = chances.max(1)
        return best.indices, [f"{self.classes[c]} ({chance:.0%})" for chance, c in zip(best.values.tolist(), best.indices.tolist(), strict=True)]

    def truth(self, y: Tensor) -> list[str]:
        """Targets in words."""
        return [self.classes[int(value)] for value in y.tolist()] if self.classes else [f"{value:.4g}" for value in y.tolist()]

    def held_out(self, outputs: Tensor, y: Tensor) -> dict[str, float]:
        """Accuracy or R² on held-out rows, and how many there are."""
        predicted, _ = self.answers(outputs)
        if self.classes:
            return {"accuracy": float((predicted == y).double().mean()), "n": len(y)}
        spread = (y - y.mean()).square().sum()
        if len(y) < 2 or not spread > 0:
            return {"n": len(y)}
        return {"r2": float(1 - (predicted - y).square().sum() / spread), "n": len(y)}


def _rough(problem: Problem) -> dict[str, Tensor]:
    """L-BFGS from the network's start to the neighbourhood of a minimum."""
    parameters = {name: value.clone().requires_grad_() for name, value in problem.parameters.items()}
    optimiser = torch.optim.LBFGS(list(parameters.values()), max_iter=ROUGH_STEPS, tolerance_grad=1e-7, line_search_fn="strong_wolfe")
    batches = list(problem.batches())

    def risk() -> Tensor:
        optimiser.zero_grad()
        total = sum((problem.losses(problem.outputs(b.inputs, parameters), b).sum() for b in batches), start=torch.zeros(()).double())
        total = total / problem.normaliser + (problem.l2 * problem.flatten(parameters).square()).sum() / 2
        total.backward()
        return total

    optimiser.step(risk)  # type: ignore[arg-type]
    return {name: value.detach() for name, value in parameters.items()}
