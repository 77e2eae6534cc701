"""Influence through training itself (Ilyas & Engstrom 2025, "MAGIC"): the exact derivative of a query by each example's weight in a recorded run.

With s_t = (θ, buffers) before step t, s_{t+1} = rule(s_t, g_t(θ_t, w)) and f the query's measurement at the end, u = ∂f/∂s_{t+1} goes back by

    c = uᵀ∂s_{t+1}/∂g_t,     ∂f/∂wᵢ += cᵀ∇lossᵢ(θ_t) / divisor  for i in step t's batch,     u ← uᵀ∂s_{t+1}/∂s_t + ∇²L_t(θ_t) c,

for all queries together: one graph of the gradient, pulled back along every c at once, gives both products.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from wherefrom.curvature import products
from wherefrom.curvature.double_backward import Kernels, differentiable_twice
from wherefrom.curvature.hessian import hessian_product, unlike_differences
from wherefrom.data.batches import Batch
from wherefrom.errors import UsageError
from wherefrom.gradients import Gradients
from wherefrom.gradients.signed import signed_measurements
from wherefrom.methods.base import FittedMethod, Method, Score, Work
from wherefrom.problem import Problem
from wherefrom.progress import track
from wherefrom.retraining.run import Run
from wherefrom.retraining.train.recording import Recording, Replay
from wherefrom.retraining.train.rules import State
from wherefrom.scores import positions_of

Back = Callable[[Replay, int, State, State], tuple[State, Tensor]]


@dataclass(frozen=True, eq=False)
class UnrolledInfluence(Method):
    """-wᵢ ∂f_q(θ_T(w))/∂wᵢ, w the weights in every loss that examples entered: what leaving i out of this very run does, to first order.

    ``run`` comes from a trainer with ``record=True`` (:func:`wherefrom.train.sgd`, :func:`wherefrom.train.adam`) or a
    :class:`wherefrom.RunRecorder`; the problem stands at its end. Positive = proponent; ``unit`` as :class:`wherefrom.InfluenceFunction`'s. It
    predicts retraining with the same seed, where order and initialisation stay and the divisor of each batch too; that is another question than
    what training anew would give on average. Activations should be smooth (SiLU, GELU, tanh): at kinks of ReLU the derivative leaves out what
    crossing them does.

    Takes the run once more, forward from about √T states, and a double backward pass for each step, all queries together. Raises
    :class:`UsageError` where the run is not of the problem, or taking its steps again does not lead where it led.
    """

    run: Run

    def __repr__(self) -> str:
        return f"UnrolledInfluence({recording_of(self.run)})"

    def fit(self, problem: Problem) -> FittedMethod:
        """Check that the run ends where the problem stands."""
        kernels = products.Risk.of(problem, [products.Route(hessian_product, unlike_differences)], False).kernels
        return Unrolled.of(problem, self.run, lambda replay, t, state, u: followed(replay, t, state, u, kernels))

    def work(self, problem: Problem) -> Work:
        """No pass over the data: the run itself."""
        recording = recording_of(self.run)
        states = max(later - before for before, later in zip(sorted(recording.kept), sorted(recording.kept)[1:], strict=False)) + len(recording.kept)
        held = states * (1 + recording.rule.buffers) * problem.size * problem.dtype.itemsize
        return Work(problem, score=0, fitting=f"{len(recording.steps):,} steps of training taken again and followed backwards", bytes=held)


@dataclass(frozen=True, eq=False)
class Unrolled(FittedMethod):
    """Queries are followed back through the whole run at once; scores are then looked up."""

    unit: str
    size: int
    gradients: Gradients
    replay: Replay
    back: Back

    @classmethod
    def of(cls, problem: Problem, run: Run, back: Back) -> "Unrolled":
        """For a run that ends at the problem's parameters."""
        return cls(problem.objective.unit, 1024, Gradients(problem), recording_of(run).of(problem), back)

    def prepare(self, queries: Iterable[Batch]) -> Score:
        return self._looked_up(torch.cat([self._traced(signed_measurements(self.gradients, batch).flat()) for batch in queries]))

    def prepare_sum(self, queries: Iterable[Batch]) -> Score:
        rows = torch.stack([signed_measurements(self.gradients, batch).sum().flat()[0] for batch in queries])
        return self._looked_up(self._traced(rows.sum(0, keepdim=True)))

    def own(self, batch: Batch) -> Tensor:
        table = self._traced(self.gradients.losses(batch).flat())
        return table.gather(1, self._places(batch)[:, None])[:, 0]

    def _places(self, batch: Batch) -> Tensor:
        return torch.from_numpy(positions_of(batch.ids, self.replay.problem.ids, "training")).to(batch.weights.device)

    def _looked_up(self, table: Tensor) -> Score:
        return lambda batch: table[:, self._places(batch)]

    def _traced(self, gradients: Tensor) -> Tensor:
        """-wᵢ ∂f/∂wᵢ of each query (rows ∂f/∂θ_T) for all training examples (q, n), as many queries at a time as fit an eighth of the memory."""
        problem, rule = self.replay.problem, self.replay.recording.rule
        fitting = problem.budget // 8 // (3 * (1 + rule.buffers) * problem.size * problem.dtype.itemsize)
        return torch.cat([self._back_through(part) for part in gradients.split(max(1, fitting))])

    def _back_through(self, gradients: Tensor) -> Tensor:
        recording, table = self.replay.recording, gradients.new_zeros(len(gradients), len(self.replay.problem))
        u = (gradients, *(torch.zeros_like(gradients) for _ in range(recording.rule.buffers)))
        for t, state in track(self.replay.backwards(), "following the run backwards", len(recording.steps)):
            u, moved = self.back(self.replay, t, state, u)
            table.index_add_(1, torch.from_numpy(self.replay.positions[t]).to(table.device), moved, alpha=-1)  # a step may use an example twice
        return table


def followed(replay: Replay, t: int, state: State, u: State, kernels: Kernels) -> tuple[State, Tensor]:
    """u before step t, and what wᵢ of its examples adds to f, times wᵢ (q, B)."""
    problem, recording, step, batch = replay.problem, replay.recording, replay.recording.steps[t], replay.batch(t)
    with differentiable_twice(kernels):
        parameters = {name: value.requires_grad_() for name, value in problem.unflatten(state[0].detach()).items()}
        shares = (batch.weights / step.divisor).requires_grad_()
        total = problem.losses(problem.outputs(batch.inputs, parameters), batch) @ shares
        first = torch.autograd.grad(total, list(parameters.values()), create_graph=True, materialize_grads=True)
        gradient = problem.flatten(dict(zip(parameters, first, strict=True))).detach() + recording.penalty * state[0]
        replay.check(t, state, gradient)
        (by_theta, *rest), c = recording.rule.pull_back(state, gradient, step.rate, t, u)
        *bent, moved = products.pull_back(first, [*parameters.values(), shares], list(problem.unflatten(c.detach()).values()))
    by_theta = torch.addcmul(by_theta, c, recording.penalty)
    for place, piece in zip(problem.unflatten(by_theta).values(), bent, strict=True):
        place += piece
    return (by_theta, *rest), moved * shares.detach()


def recording_of(run: object) -> Recording:
    """What a run recorded."""
    record = run.record if isinstance(run, Run) else None
    if not isinstance(record, Recording):
        raise UsageError("The run has no record of its steps; train with record=True, or use a RunRecorder in your own loop.")
    return record
