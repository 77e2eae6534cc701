"""SGD-influence (Hara, Nitanda & Maehara 2019): what skipping an example in every step of a run of plain SGD does to a query, to first order.

For t from the last step to the first, with u = ∇m_q at the end:  score_i += (η_t / |S_t|) uᵀ∇lossᵢ(θ_t) for i in S_t,  u ← u - η_t ∇²L_t(θ_t) u.
"""

from dataclasses import dataclass

from torch import Tensor

from wherefrom.errors import UsageError
from wherefrom.gradients import Gradients
from wherefrom.methods.base import FittedMethod, Method, Work
from wherefrom.methods.trajectory.unrolled_influence import Unrolled, UnrolledInfluence, recording_of
from wherefrom.problem import Problem
from wherefrom.retraining.run import Run
from wherefrom.retraining.train.recording import Replay
from wherefrom.retraining.train.rules import SGD, State


@dataclass(frozen=True, eq=False)
class SGDInfluence(Method):
    """Σ_t (η_t / |S_t|) uᵀ_t ∇lossᵢ(θ_t) over the steps that used i; positive = leaving it out worsens the query.

    For plain SGD it is what :class:`wherefrom.UnrolledInfluence` gives. ``hessian=False`` leaves u as it is (HyDRA's fast form, Chen et al. 2021): a
    gradient pass instead of a double backward pass for each step, and exact only as far as the curvature along the run may be neglected; what is
    left is TracIn over every step with the query's final gradient. Raises :class:`UsageError` for other optimisers.
    """

    run: Run
    hessian: bool = True

    def __repr__(self) -> str:
        return f"SGDInfluence({recording_of(self.run)}{'' if self.hessian else ', hessian=False'})"

    def fit(self, problem: Problem) -> FittedMethod:
        """Check that the run is of plain SGD and ends where the problem stands."""
        if recording_of(self.run).rule != SGD():
            raise UsageError(f"{recording_of(self.run).rule} is no plain SGD; use UnrolledInfluence(run), which follows momentum and Adam too.")
        if self.hessian:
            return UnrolledInfluence(self.run).fit(problem)
        gradients = Gradients(problem)

        def straight(replay: Replay, t: int, state: State, u: State) -> tuple[State, Tensor]:
            """u as it is, and the products of -η u with the examples' gradients at θ_t."""
            step, batch = replay.recording.steps[t], replay.batch(t)
            there = Gradients(problem.at(problem.unflatten(state[0])), gradients.coverage)
            (unmoved, along) = replay.recording.rule.pull_back(state, state[0], step.rate, t, u)
            return unmoved, there.layout.rows(along).dot(there.losses(batch)) * (batch.weights / step.divisor)

        return Unrolled.of(problem, self.run, straight)

    def work(self, problem: Problem) -> Work:
        """The run itself."""
        return UnrolledInfluence(self.run).work(problem)
