"""Many problems that differ only in the weights of their examples, and the risk and gradients of all of them at once."""

import torch
from torch import Tensor

from whence.batch import Batch
from whence.gradients import Dense, Gradients, Rows
from whence.gradients.functional import total_gradient
from whence.problem import Problem

ENTRIES = 1 << 22  # outputs of all models held at a time


class Stacked:
    """Rⱼ(θⱼ) = (1/N) Σᵢ keepⱼᵢ lossᵢ(θⱼ) + l2/2 ‖θⱼ‖² for rows θⱼ (m, d) and weights keep (m, n).

    Where the chosen parameters are a linear last layer, its inputs are kept, and the outputs of all models are one matrix
    product; otherwise each model takes a pass of its own.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem, self.gradient = problem, Gradients(problem)
        self.layout, self.l2 = self.gradient.layout, problem.l2
        heads = [(batch, self.gradient.head(batch)) for batch in problem.batches(size=self.gradient.size)]
        self.heads = [(batch, found[0]) for batch, found in heads if found is not None]
        self.is_head = len(self.heads) == len(heads)

    def flat(self, parameters: dict[str, Tensor]) -> Tensor:
        """Parameters as one vector (d,)."""
        return torch.cat([parameters[name].reshape(-1) for name in self.problem.names])

    def named(self, theta: Tensor) -> dict[str, Tensor]:
        """A vector as parameters."""
        return {name: value.clone() for name, value in self.layout.split(theta).items()}

    def keep_all(self) -> Tensor:
        """The weights of the whole problem (n,)."""
        return self.problem.weights.clone()

    def reduced(self, theta: Tensor, keep: Tensor) -> Problem:
        """One of the problems, at its parameters."""
        return self.problem.at(self.named(theta)).reweighted(keep)

    def risk(self, theta: Tensor, keep: Tensor) -> float:
        """R at one θ."""
        problem, total = self.problem.at(self.named(theta)), torch.zeros((), dtype=theta.dtype)
        with torch.no_grad():
            for batch in problem.batches(size=4096):
                total += problem.losses(problem.outputs(batch.inputs), batch) @ keep[torch.from_numpy(batch.positions)]
        return float(total / self.problem.normaliser + (self.l2 * theta.square()).sum() / 2)

    def gradients(self, thetas: Tensor, keep: Tensor) -> Tensor:
        """∇Rⱼ(θⱼ) of every row (m, d)."""
        found = self._head_gradients(thetas, keep) if self.is_head else self._looped_gradients(thetas, keep)
        return found / self.problem.normaliser + self.l2 * thetas

    def _looped_gradients(self, thetas: Tensor, keep: Tensor) -> Tensor:
        rows = []
        for theta, weights in zip(thetas, keep, strict=True):
            problem, total = self.problem.at(self.named(theta)), torch.zeros_like(theta)
            for batch in problem.batches(size=4096):
                total += self.flat(total_gradient(problem, batch, problem.objective.loss, weights[torch.from_numpy(batch.positions)]))
            rows.append(total)
        return torch.stack(rows)

    def _head_gradients(self, thetas: Tensor, keep: Tensor) -> Tensor:
        weights = self.layout.rows(thetas).blocks[0].dense()  # (m, C, i)
        m, c, i = weights.shape
        total = torch.zeros_like(weights)
        for batch, features in self.heads:
            step = max(1, ENTRIES // (len(batch) * c))
            for start in range(0, m, step):
                part = slice(start, start + step)
                outputs = (features @ weights[part].reshape(-1, i).T).view(len(batch), -1, c)
                change = self._output_gradient(outputs, batch) * keep[part][:, torch.from_numpy(batch.positions)].T[:, :, None]
                total[part] += (change.reshape(len(batch), -1).T @ features).view(-1, c, i)
        return Rows((Dense(total),), self.layout).flat()

    def _output_gradient(self, outputs: Tensor, batch: Batch) -> Tensor:
        """∂loss/∂outputs of each example under each model (B, m, C)."""
        b, m, _ = outputs.shape
        with torch.enable_grad():
            points = outputs.reshape(b * m, -1).requires_grad_()
            losses = self.problem.losses(points, batch.repeated(m))
            return torch.autograd.grad(losses.sum(), points)[0].view_as(outputs)
