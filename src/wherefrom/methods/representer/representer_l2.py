"""Representer points (Yeh et al. 2018): a prediction of a penalised last layer as a sum over training examples."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from wherefrom.data.batches import Batch
from wherefrom.data.examples import Data
from wherefrom.data.trees import tree_map
from wherefrom.errors import UsageError
from wherefrom.estimate import Estimate, undefined
from wherefrom.gradients import Gradients, Rows
from wherefrom.gradients.blocks import Factored
from wherefrom.methods.base import FittedMethod, InnerProduct, Method, Score, Work
from wherefrom.methods.last_layer import LastLayer
from wherefrom.methods.output_selection import Output, check_output, directions
from wherefrom.objective import Objective, PerExample
from wherefrom.problem import Problem
from wherefrom.progress import track
from wherefrom.retraining import train
from wherefrom.scores import positions_of
from wherefrom.solvers import SolverWarning

FAITHFUL = 0.99  # correlation with the model's own softmax below which the refitted layer is another model


@dataclass(frozen=True)
class RepresenterL2(Method):
    """αᵢc fᵢᵀf_q: what example i gives to the logit Φ_c of a query, αᵢ = -(wᵢ/(l2 N)) ∂lossᵢ/∂Φ; ``unit="arbitrary"``.

    The last linear layer Θ, its bias as one more feature of 1, is refitted to a stationary point of (1/N) Σ wᵢ lossᵢ(Θfᵢ) + l2/2 ‖Θ‖², where
    Θ = Σ αᵢ fᵢᵀ, so that the scores of a query sum to the refitted logit exactly. Positive = speaks for the logit ("excitatory"). ``output`` says
    which logit: that of the query's "target", that "predicted", or one by number. ``targets="model"`` refits to the model's own outputs, by the
    loss's Bregman divergence from them (soft targets, for cross entropy); "labels" to the data's. Yeh et al. write λ‖Θ‖², so l2 = 2λ; theirs is
    λ = 0.003. ``tolerance``: the most that sum and refitted logit may differ by. What is decomposed is the last layer's logit, neither the loss nor
    what leaving i out does, and the ranking is nearly one of classes. Raises :class:`UsageError` where the model does not end in a linear layer, and
    where Newton's method finds no stationary point.
    """

    l2: float = 0.006
    output: Output = "target"
    targets: Literal["model", "labels"] = "model"
    tolerance: float = 1e-8

    def __post_init__(self) -> None:
        check_output(self.output)
        if self.targets not in ("model", "labels"):
            raise UsageError(f"targets={self.targets!r} is unknown; give 'model' or 'labels'.")
        if not self.l2 > 0 or not self.tolerance > 0:
            raise UsageError(f"Representer points divide by l2={self.l2} and need tolerance={self.tolerance} to reach; give numbers above 0.")

    def fit(self, problem: Problem) -> "FittedRepresenterL2":
        """Read the features once and refit the layer, in float64."""
        layer = LastLayer.of(problem)
        if (needed := _bytes(layer)) > problem.budget:
            told = f"The features take {needed / 1e9:.2g} GB and may take {problem.budget / 1e9:.2g}"
            raise UsageError(f"{told}; use problem.subset, or raise memory=.")
        size, given, positions = layer.gradients.size, [], []
        for batch in track(problem.batches(size=size), "reading the last layer", -(-len(problem) // size)):
            features, outputs = layer.read(batch)
            given.append(self._given(layer, features, outputs, batch))
            positions.append(batch.positions)
        loss = FromOwn(problem.objective.loss, layer.shape)
        alone = layer.alone(given, positions, Objective(loss, l2=self.l2, convex=problem.objective.convex))
        longest = max(float(features.norm(dim=1).max()) for features, _ in given)
        # Θ - Σ αᵢfᵢᵀ is ∇R / l2, so logits differ by at most ‖∇R‖ ‖f‖ / l2.
        alone = alone.at(train.newton(self.tolerance * self.l2 / max(longest, 1.0))(alone, 0).parameters)
        fitted = FittedRepresenterL2.of(self, layer, alone)
        alike = fitted.fidelity().softmax.value
        if alike is not None and alike < FAITHFUL:
            text = f"The refitted last layer's softmax correlates with the model's at {alike:.3f} alone; lower l2={self.l2:g} of RepresenterL2."
            warnings.warn(text, SolverWarning, stacklevel=2)
        return fitted

    def work(self, problem: Problem) -> Work:
        """One pass, after the refit."""
        layer = LastLayer.of(problem)
        return Work(layer.problem, fitting=f"a forward pass and Newton's method for {layer.problem.size:,} parameters", bytes=_bytes(layer))

    def _given(self, layer: LastLayer, features: Tensor, outputs: Tensor, batch: Batch) -> tuple[Tensor, Any]:
        """Features, and targets with the model's own slope, in float64."""
        slopes = layer.slopes(outputs, batch) if self.targets == "model" else torch.zeros_like(outputs)
        return features.double(), tree_map(lambda leaf: leaf.double() if leaf.is_floating_point() else leaf, (batch.targets, slopes))


@dataclass(frozen=True)
class FromOwn:
    """loss(outputs, target) - slope · outputs: minimal where ∂loss/∂outputs is ``slope``.

    With the model's own slope it is the loss's Bregman divergence from the model's own outputs, up to a constant; with a slope of 0 the loss.
    """

    loss: PerExample
    shape: tuple[int, ...]

    def __call__(self, outputs: Tensor, targets: tuple[Any, Tensor]) -> Tensor:
        target, slope = targets
        return self.loss(outputs.reshape(len(outputs), *self.shape), target) - (outputs * slope).sum(1)


@dataclass(frozen=True)
class Fidelity:
    """How true a decomposition is: the largest |refitted logit - Σ scores|, and Pearson correlations of what it sums to with what the model says.

    ``softmax`` compares probabilities, the sigmoid's where there is one output; for a regression ``outputs`` is the one to read.
    """

    error: float
    outputs: Estimate
    softmax: Estimate


@dataclass(frozen=True, eq=False)
class FittedRepresenterL2(FittedMethod):
    """``alpha`` (n, C) of the training examples, in order, and ``theta`` = Σ αᵢfᵢᵀ (C, i)."""

    settings: RepresenterL2
    layer: LastLayer
    alone: Problem
    points: InnerProduct
    alpha: Tensor
    theta: Tensor
    unit: str
    size: int

    @classmethod
    def of(cls, settings: RepresenterL2, layer: LastLayer, alone: Problem) -> "FittedRepresenterL2":
        """From the layer at its stationary point."""
        layout, scale = Gradients(alone).layout, settings.l2 * alone.normaliser

        def rows(features: Tensor, weights: Tensor) -> Rows:
            return Rows((Factored(features.double()[:, None], weights.double()[:, None]),), layout)

        def query(batch: Batch) -> Rows:
            features, outputs = layer.read(batch)
            return rows(features, directions(settings.output, outputs, batch))

        def given(batch: Batch) -> Rows:
            features, outputs = layer.read(batch)
            inputs, targets = settings._given(layer, features, outputs, batch)
            return rows(features, _alpha(alone, Batch(batch.positions, batch.ids, inputs, targets, batch.weights.double()), scale))

        size = layer.gradients.size
        points = InnerProduct("arbitrary", size, query, given, query)
        parts = [(_alpha(alone, batch, scale), batch.inputs) for batch in alone.batches(size=size)]
        theta = torch.stack([alpha.T @ features for alpha, features in parts]).sum(0)
        order = torch.from_numpy(positions_of(layer.problem.ids, alone.ids, "training"))
        return cls(settings, layer, alone, points, torch.cat([alpha for alpha, _ in parts]).cpu()[order], theta, points.unit, size)

    def prepare(self, queries: Iterable[Batch]) -> Score:
        return self.points.prepare(queries)

    def prepare_sum(self, queries: Iterable[Batch]) -> Score:
        return self.points.prepare_sum(queries)

    def own(self, batch: Batch) -> Tensor:
        return self.points.own(batch)

    def importance(self) -> Tensor:
        """|αᵢ| of the output that each training example would ask about itself (n,): how hard it pulls, whatever the query."""
        found = torch.zeros(len(self.alpha), dtype=torch.float64)
        for batch in self.layer.problem.batches(size=self.size):
            asked, rows = directions(self.settings.output, self.layer.read(batch)[1], batch), torch.from_numpy(batch.positions)
            found[rows] = (self.alpha[rows] * asked.double().cpu()).sum(1).abs()
        return found

    def decompose(self, data: Data | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """(Σ scores, refitted logits, the model's own), each (k, C), for the training examples or others."""
        problem, refitted = self.layer.problem, self.alone.state["weight"]
        examples = problem.train if data is None else problem.examples(data)
        found = torch.zeros(3, len(examples), len(refitted), dtype=torch.float64)
        for batch in problem.batches(None if data is None else examples, size=self.size):
            features, outputs = self.layer.read(batch)
            parts = (features.double() @ self.theta.T, features.double() @ refitted.T, outputs.double())
            found[:, torch.from_numpy(batch.positions)] = torch.stack(parts).cpu()
        return found[0], found[1], found[2]

    def fidelity(self, data: Data | None = None) -> Fidelity:
        """Of the training examples or others."""
        with torch.no_grad():
            summed, refitted, own = self.decompose(data)
        chances = [value.softmax(1) if value.shape[1] > 1 else value.sigmoid() for value in (summed, own)]
        return Fidelity(float((summed - refitted).abs().max()), _pearson("outputs", summed, own), _pearson("softmax", *chances))


def _bytes(layer: LastLayer) -> int:
    """What the features, slopes and αᵢ of all training examples take."""
    outputs = layer.shape.numel()
    return 8 * len(layer.problem) * (layer.problem.size // outputs + 2 * outputs)


def _alpha(alone: Problem, batch: Batch, scale: float) -> Tensor:
    """αᵢ = -(wᵢ/(l2 N)) ∂lossᵢ/∂Φ at the refitted layer (B, C)."""
    with torch.enable_grad():
        points = (batch.inputs @ alone.state["weight"].T).requires_grad_()
        slopes = torch.autograd.grad(alone.losses(points, batch).sum(), points)[0]
    return -slopes * batch.weights[:, None] / scale


def _pearson(name: str, left: Tensor, right: Tensor) -> Estimate:
    """The correlation over all entries; no interval, for nothing is sampled."""
    x, y = left.flatten() - left.mean(), right.flatten() - right.mean()
    if x.norm() <= 1e-12 * left.norm() or y.norm() <= 1e-12 * right.norm():
        return undefined(name, "one side is constant", len(left))
    return Estimate(name, float(x @ y / (x.norm() * y.norm())), n=len(left))
