"""The linear layer that ends a model: found whatever parameters are chosen, read example by example, and as a problem of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from wherefrom.data.batches import Batch
from wherefrom.errors import UsageError
from wherefrom.gradients.capture import Gradients, last_inputs
from wherefrom.gradients.passes import record_pass
from wherefrom.objective import Objective
from wherefrom.problem import Problem
from wherefrom.types import Tree


@dataclass(frozen=True, eq=False)
class LastLayer:
    """outputs = features Θᵀ, Θ (C, i) the weight with the bias as its last column where the layer has one.

    ``problem`` has that layer's parameters for θ; ``shape`` is that of one example's outputs.
    """

    problem: Problem
    gradients: Gradients
    shape: torch.Size

    @classmethod
    def of(cls, problem: Problem) -> "LastLayer":
        """Raises :class:`UsageError` where no linear layer's output, used once and with parameters of its own, is what the model says."""
        batch = next(problem.batches(size=2))
        names = _last_layer(problem, batch)
        if names:
            alone = replace(problem, names=names)
            gradients = Gradients(alone)
            if gradients.head(batch) is not None:
                return cls(alone, gradients, problem.outputs(batch.inputs).shape[1:])
        raise UsageError(
            "The model does not end in one linear layer of its own on one vector per example; give a model whose outputs are an nn.Linear's, "
            "as logits, without a softmax after it."
        )

    def read(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Features (B, i), a column of ones standing for the bias, and outputs (B, C)."""
        found = self.gradients.head(batch)
        if found is None:
            raise UsageError("The model ends in its linear layer for some batches and not for others; give one that always does.")
        return found

    def slopes(self, outputs: Tensor, batch: Batch) -> Tensor:
        """∂loss/∂outputs of each example (B, C)."""
        with torch.enable_grad():
            points = outputs.detach().reshape(len(batch), *self.shape).requires_grad_()
            losses = self.problem.losses(points, batch)
            return torch.autograd.grad(losses.sum(), points, materialize_grads=True)[0].reshape(len(batch), -1)

    def alone(self, train: Sequence[tuple[Tensor, Tree]], positions: Sequence[np.ndarray], objective: Objective) -> Problem:
        """The layer as a model of its own, float64 and without a bias: ``train`` holds batches of features and targets, and where they come from.

        Ids, weights and N are this problem's, and so is Θ.
        """
        order = np.concatenate(positions)  # batches of a loader keep its order, whatever order a subset has
        weights = self.problem.weights[torch.from_numpy(order)].double()
        flat = self.problem.flatten(self.problem.parameters)
        theta = self.gradients.layout.rows(flat[None]).blocks[0].dense()[0]
        # without the usual random start, which would move the caller's generator
        model = nn.utils.skip_init(nn.Linear, theta.shape[1], theta.shape[0], bias=False, dtype=torch.float64, device=theta.device).eval()
        model.load_state_dict({"weight": theta})
        found = Problem.of(model, objective, list(train), ids=self.problem.ids[order], weights=weights, memory=self.problem.memory)
        return replace(found, normaliser=self.problem.normaliser)


def _last_layer(problem: Problem, batch: Batch) -> tuple[str, ...]:
    """Weight and bias of the linear layer whose output is what the model says; none where there is no such layer."""
    every = replace(problem, names=tuple(name for name, _ in problem.model.named_parameters() if problem.state[name].dtype == problem.dtype))
    recorder, outputs = record_pass(every, batch)
    if last_inputs(recorder, outputs) is None or recorder.last is None:
        return ()
    return tuple(pure.roots[0] for pure in recorder.last[2].pures if pure.function is None)
