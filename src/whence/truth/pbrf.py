"""The proximal Bregman response (Bae et al. 2022): what influence estimates for a network that was never trained to a minimum."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from whence.batch import Batch
from whence.curvature import KFAC, GaussNewton
from whence.errors import UsageError
from whence.gradients import Gradients, Layout
from whence.problem import Problem
from whence.progress import track
from whence.scores import Groups, group_ids, positions_of
from whence.solvers import CG, IHVP, Exact, FittedIHVP
from whence.truth.outcomes import Outcomes
from whence.truth.retrain import measured

DENSE = 2000  # parameters up to which the Gauss-Newton matrix is factored
CLOSE = 1e-4  # of the solves that precondition the steps
SLOW = 0.9  # a step that leaves more of the gradient than this is halved


def pbrf(
    problem: Problem,
    groups: Groups,
    queries: Any,
    *,
    damping: float | None = None,
    tolerance: float = 1e-6,
    max_steps: int = 100,
    progress: bool = True,
) -> Outcomes:
    """Each query's measurement where the proximal Bregman objective without each group (name -> ids, or a name per example) is least.

    (1/N) Σⱼ wⱼ D(fⱼ(θ), fⱼ(θₛ)) - (1/N) Σ_{i∈S} wᵢ lossᵢ(θ) + ½ Σ (l2 + damping)(θ - θₛ)², with D(y, y') = loss(y) - loss(y') - ∇loss(y')ᵀ(y - y')
    and θₛ the problem's parameters, at which all is compared: outputs and parameters are to stay, but for the group's losses, which may rise.
    Influence by ``GaussNewton`` with the same ``damping`` (default: that of ``IHVP``) is its linear form, so this is the truth that it estimates
    where retraining would find another minimum altogether. Found in float64 by chord steps, all groups at once, each step one pass for each group and
    one solve for all, until each gradient is ``tolerance`` of its first. Raises :class:`UsageError` where ``max_steps`` do not suffice.
    """
    problem, named = problem.to(torch.float64), group_ids(groups, problem.ids)
    asked = problem.examples(queries)
    response = Response.of(problem, list(named.values()), damping)
    found = response.minimised(tolerance, max_steps, progress)
    values = torch.stack([measured(problem, response.parameters(theta), asked) for theta in found], 1)
    baseline = measured(problem, problem.parameters, asked)
    return Outcomes(values[None], baseline[None], named, asked.ids, problem.objective.sign, problem.objective.unit)


@dataclass(frozen=True, eq=False)
class Response:
    """The proximal Bregman objectives of m groups, each at its own θ."""

    problem: Problem
    layout: Layout
    ihvp: FittedIHVP
    start: Tensor  # θₛ (d,)
    kept: Tensor  # (m, n): 0 for the members of a group
    slopes: tuple[tuple[Batch, Tensor], ...]  # each batch with ∂loss/∂outputs at θₛ

    @classmethod
    def of(cls, problem: Problem, groups: Sequence[Any], damping: float | None) -> "Response":
        """Prepared once: the slopes of all losses at θₛ, and the inverse that preconditions the steps."""
        kept = problem.weights.new_ones(len(groups), len(problem))
        for row, ids in enumerate(groups):
            kept[row, torch.from_numpy(positions_of(ids, problem.ids, "training"))] = 0
        solver = Exact() if problem.size <= DENSE else CG(tolerance=CLOSE, preconditioner=KFAC())
        ihvp = IHVP(GaussNewton(), solver, damping).fit(problem)
        slopes = tuple((batch, _slope(problem, batch)) for batch in problem.batches(size=4096))
        start = torch.cat([value.reshape(-1) for value in problem.parameters.values()])
        return cls(problem, Gradients(problem).layout, ihvp, start, kept, slopes)

    def parameters(self, theta: Tensor) -> Mapping[str, Tensor]:
        """A vector as parameters."""
        return self.layout.split(theta)

    def gradients(self, thetas: Tensor, rows: Tensor) -> Tensor:
        """The gradient of the objective of each of some groups at its θ (k, d)."""
        found = torch.stack([self._gradient(theta, kept) for theta, kept in zip(thetas, self.kept[rows], strict=True)])
        return found + (self.problem.l2 + torch.as_tensor(self.ihvp.damping).flatten()) * (thetas - self.start)

    def minimised(self, tolerance: float, max_steps: int, progress: bool) -> Tensor:
        """θ of each group (m, d)."""
        thetas = self.start.repeat(len(self.kept), 1)
        active, sizes = torch.arange(len(thetas)), self.start.new_ones(len(thetas))
        gradients = self.gradients(thetas, active)
        norms = gradients.norm(dim=1)
        goal = tolerance * norms
        for _ in track(range(max_steps), "proximal Bregman response", None, progress):
            going = norms[active] > goal[active]
            active = active[going]
            if not len(active):
                return thetas
            gradients = gradients[going]
            steps = self.ihvp.inverse.solve(gradients.T.contiguous()).x.T * sizes[active, None]
            new = thetas[active] - steps
            found = self.gradients(new, active)
            better = found.norm(dim=1) < SLOW * norms[active]
            thetas[active[better]], norms[active[better]] = new[better], found[better].norm(dim=1)
            gradients = torch.where(better[:, None], found, gradients)
            sizes[active[~better]] /= 2
        raise UsageError(
            f"{len(active)} of {len(thetas)} responses did not settle in {max_steps} steps; "
            "raise damping=, max_steps= or tolerance=, or take smaller groups."
        )

    def _gradient(self, theta: Tensor, kept: Tensor) -> Tensor:
        total = torch.zeros_like(theta)
        with torch.enable_grad():
            values = {name: value.clone().requires_grad_() for name, value in self.parameters(theta).items()}
            for batch, slope in self.slopes:
                outputs = self.problem.outputs(batch.inputs, values)
                losses = self.problem.losses(outputs, batch) * kept[torch.from_numpy(batch.positions)]
                objective = (batch.weights * (losses - (outputs * slope).flatten(1).sum(1))).sum() / self.problem.normaliser
                found = torch.autograd.grad(objective, list(values.values()), materialize_grads=True)
                total += torch.cat([piece.reshape(-1) for piece in found])
        return total


def _slope(problem: Problem, batch: Batch) -> Tensor:
    with torch.no_grad():
        outputs = problem.outputs(batch.inputs)
    with torch.enable_grad():
        points = outputs.requires_grad_()
        return torch.autograd.grad(problem.losses(points, batch).sum(), points)[0]
