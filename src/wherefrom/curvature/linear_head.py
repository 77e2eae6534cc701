"""The closed form for a linear last layer: C = (1/N) Σᵢ wᵢ Sᵢ ⊗ xᵢxᵢᵀ + diag(l2), by matrix products.

Outputs that are linear in θ have the same Hessian and Gauss-Newton matrix. x (i,) are the layer's inputs with a 1 for the
bias, S (C, C) the loss's second derivative in the outputs.
"""

import numpy as np
import torch
from torch import Tensor

from wherefrom.curvature.operator import Operator, written_out
from wherefrom.curvature.outputs import OutputCurvature
from wherefrom.gradients import Dense, Gradients, Layout, Rows
from wherefrom.problem import Problem


class Head(Operator):
    """The curvature of softmax, logistic and linear last layers from their features (n, i) and Sᵢ wᵢ/N (n, C, C)."""

    def __init__(self, problem: Problem, layout: Layout, features: Tensor, curvature: Tensor, semidefinite: bool) -> None:
        self.problem, self.layout, self.features, self.curvature = problem, layout, features, curvature
        self.semidefinite = semidefinite

    def apply(self, vectors: Tensor) -> Tensor:
        (n, i), c = self.features.shape, self.curvature.shape[1]
        weights = self.layout.rows(vectors.T).blocks[0].dense()  # (k, C, i)
        pushed = (self.features @ weights.reshape(-1, i).T).view(n, -1, c)  # (n, k, C)
        bent = (pushed @ self.curvature).view(n, -1)
        found = Dense((bent.T @ self.features).view(-1, c, i))
        return Rows((found,), self.layout).flat().T + self.problem.l2[:, None] * vectors

    def on(self, positions: np.ndarray) -> "Head":
        rows = torch.from_numpy(positions).to(self.features.device)
        scale = len(self.features) / len(positions)
        return Head(self.problem, self.layout, self.features[rows], self.curvature[rows] * scale, self.semidefinite)

    def dense(self) -> Tensor:
        (_, i), c = self.features.shape, self.curvature.shape[1]
        if c * i < 64:  # too small to be worth blocks
            return written_out(self)
        matrix = self.features.new_empty(c, i, c, i)
        for row in range(c):
            for column in range(row + 1):
                block = (self.features * self.curvature[:, row, column, None]).T @ self.features
                matrix[row, :, column] = block
                matrix[column, :, row] = block  # each block is symmetric itself
        order = self._parameter_order(c, i)
        flat = matrix.view(c * i, c * i)
        flat = flat if order is None else flat[order][:, order]
        flat.diagonal().add_(self.problem.l2)
        return flat

    def mean_eigenvalue(self) -> float:
        trace = (self.curvature.diagonal(dim1=1, dim2=2).sum(1) * self.features.square().sum(1)).sum() + self.problem.l2.sum()
        return float(trace) / self.size

    def _parameter_order(self, c: int, i: int) -> Tensor | None:
        """The block's entries in parameter order: weights before biases. None where that is their order already."""
        if len(self.layout.blocks[0].names) == 1:
            return None
        places = torch.arange(c * i, dtype=torch.float64, device=self.features.device)
        return Rows((Dense(places.view(1, c, i)),), self.layout).flat()[0].long()


def head_operator(problem: Problem, of: OutputCurvature) -> Head | None:
    """The closed form, where the chosen parameters are one linear layer that ends the model."""
    gradients = Gradients(problem)
    features, curvatures, positions = [], [], []
    for batch in problem.batches():
        found = gradients.head(batch)
        if found is None:
            return None
        features.append(found[0])
        positions.append(batch.positions)
        scale = (batch.weights / problem.normaliser)[:, None, None]
        curvatures.append(of.matrix(problem, found[1], batch) * scale)
    order = torch.from_numpy(np.argsort(np.concatenate(positions))).to(features[0].device)  # batches may come in another order
    return Head(problem, gradients.layout, torch.cat(features)[order], torch.cat(curvatures)[order], of.semidefinite(problem))
