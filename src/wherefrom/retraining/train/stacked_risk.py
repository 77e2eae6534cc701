"""The risk and gradients of many problems at once that differ only in the weights and targets of their examples."""

from dataclasses import replace

import torch
from torch import Tensor

from wherefrom.data.batches import Batch
from wherefrom.gradients import Dense, Gradients, Rows
from wherefrom.gradients.functional import total_gradient
from wherefrom.problem import Problem
from wherefrom.retraining.interventions import LeftOut
from wherefrom.retraining.variants import Variants

ENTRIES = 1 << 22  # outputs of all models held at a time


class Stacked:
    """Rⱼ(θⱼ) = (1/Nⱼ) Σᵢ wⱼᵢ lossⱼᵢ(θⱼ) + l2/2 ‖θⱼ‖² for rows θⱼ (m, d) and m variants of the problem.

    Where the chosen parameters are a linear last layer, its inputs are kept, and the outputs of all models are one matrix
    product; otherwise each model takes a pass of its own.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem, self.gradient = problem, Gradients(problem)
        self.layout, self.l2 = self.gradient.layout, problem.l2
        heads = [(batch, self.gradient.head(batch)) for batch in problem.batches(size=self.gradient.size)]
        self.heads = [(batch, found[0]) for batch, found in heads if found is not None]
        self.is_head = len(self.heads) == len(heads)

    def named(self, theta: Tensor) -> dict[str, Tensor]:
        """A vector as parameters."""
        return {name: value.clone() for name, value in self.problem.unflatten(theta).items()}

    @property
    def start(self) -> Tensor:
        """The problem's parameters (d,)."""
        return self.problem.flatten(self.problem.parameters)

    def own_gradient(self, theta: Tensor) -> Tensor:
        """∇R of the problem itself at one θ (d,)."""
        return self.gradients(theta[None], Variants.of(self.problem, [LeftOut(())]))[0]

    def risk(self, theta: Tensor) -> float:
        """R of the problem itself at one θ."""
        problem, total = self.problem.at(self.named(theta)), torch.zeros((), dtype=theta.dtype)
        with torch.no_grad():
            for batch in problem.batches(size=4096):
                total += problem.losses(problem.outputs(batch.inputs), batch) @ batch.weights
        return float(total / self.problem.normaliser + (self.l2 * theta.square()).sum() / 2)

    def gradients(self, thetas: Tensor, variants: Variants) -> Tensor:
        """∇Rⱼ(θⱼ) of every row (m, d)."""
        found = self._head_gradients(thetas, variants) if self.is_head else self._looped_gradients(thetas, variants)
        return found / (self.problem.normaliser * variants.divisors[:, None]) + self.l2 * thetas

    def _looped_gradients(self, thetas: Tensor, variants: Variants) -> Tensor:
        rows = []
        for row, theta in enumerate(thetas):
            problem, total = self.problem.at(self.named(theta)), torch.zeros_like(theta)
            for batch in problem.batches(size=4096):
                places = torch.from_numpy(batch.positions)
                own = replace(batch, targets=variants.targets_at(row, places, batch.targets))
                total += problem.flatten(total_gradient(problem, own, problem.objective.loss, variants.weights[row, places]))
            rows.append(total)
        return torch.stack(rows)

    def _head_gradients(self, thetas: Tensor, variants: Variants) -> Tensor:
        weights = self.layout.rows(thetas).blocks[0].dense()  # (m, C, i)
        m, c, i = weights.shape
        total = torch.zeros_like(weights)
        for batch, features in self.heads:
            step = max(1, ENTRIES // (len(batch) * c))
            for start in range(0, m, step):
                part = slice(start, start + step)
                outputs = (features @ weights[part].reshape(-1, i).T).view(len(batch), -1, c)
                places = torch.from_numpy(batch.positions)
                change = self._output_gradient(outputs, batch, variants[part]) * variants.weights[part][:, places].T[:, :, None]
                total[part] += (change.reshape(len(batch), -1).T @ features).view(-1, c, i)
        return Rows((Dense(total),), self.layout).flat()

    def _output_gradient(self, outputs: Tensor, batch: Batch, variants: Variants) -> Tensor:
        """∂loss/∂outputs of each example under each model (B, m, C)."""
        b, m, _ = outputs.shape
        with torch.enable_grad():
            points = outputs.reshape(b * m, -1).requires_grad_()
            repeated = batch.repeated(m)
            targets = variants.targets_at(torch.arange(m).repeat(b), torch.from_numpy(repeated.positions), repeated.targets)
            losses = self.problem.losses(points, replace(repeated, targets=targets))
            return torch.autograd.grad(losses.sum(), points)[0].view_as(outputs)
