"""The proximal Bregman response (Bae et al. 2022): what influence estimates for a network that was never trained to a minimum."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from wherefrom.curvature import KFAC, GaussNewton
from wherefrom.data.batches import Batch
from wherefrom.data.examples import Queries
from wherefrom.errors import UsageError
from wherefrom.problem import Problem
from wherefrom.progress import track
from wherefrom.retraining.outcomes import Outcomes
from wherefrom.retraining.retrain import measure_queries
from wherefrom.scores import Groups, group_ids, positions_of
from wherefrom.solvers import CG, IHVP, Exact, FittedIHVP
from wherefrom.types import Id

DENSE = 2000  # parameters up to which the Gauss-Newton matrix is factored
CLOSE = 1e-4  # of the solves that precondition the steps
MEMORY = 10  # steps that a minimisation remembers
ARMIJO = 1e-4  # of the fall that the slope promises: what a step must lower the objective by
SLOW = 0.5  # of the gradient: a step that leaves less is taken, though the objective no longer resolves its fall
KINK = 2.0**-20  # of a whole step: where no longer one lowers the objective, it has a kink, as those of ReLU


def pbrf(
    problem: Problem,
    groups: Groups,
    queries: Queries,
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
    where retraining would find another minimum altogether. Found in float64 by quasi-Newton steps, all groups at once, each step one pass for each
    group and one solve for all, until each gradient is ``tolerance`` of its first, or no step lowers the objective, as at a kink of ReLU. Raises
    :class:`UsageError` where ``max_steps`` do not suffice.
    """
    problem, named = problem.to(torch.float64), group_ids(groups, problem.ids)
    asked = problem.examples(queries)
    response = Response.of(problem, list(named.values()), damping)
    found = response.minimised(tolerance, max_steps, progress)
    values = torch.stack([measure_queries(problem, response.parameters(theta), asked) for theta in found], 1)
    baseline = measure_queries(problem, problem.parameters, asked)
    return Outcomes(values[None], baseline[None], named, asked.ids, problem.objective.sign, problem.objective.unit)


@dataclass(frozen=True, eq=False)
class Response:
    """The proximal Bregman objectives of m groups, each at its own θ."""

    problem: Problem
    ihvp: FittedIHVP
    start: Tensor  # θₛ (d,)
    kept: Tensor  # (m, n): 0 for the members of a group
    slopes: tuple[tuple[Batch, Tensor], ...]  # each batch with ∂loss/∂outputs at θₛ

    @classmethod
    def of(cls, problem: Problem, groups: Sequence[Sequence[Id]], damping: float | None) -> "Response":
        """Prepared once: the slopes of all losses at θₛ, and the inverse that preconditions the steps."""
        kept = problem.weights.new_ones(len(groups), len(problem))
        for row, ids in enumerate(groups):
            kept[row, torch.from_numpy(positions_of(ids, problem.ids, "training"))] = 0
        solver = Exact() if problem.size <= DENSE else CG(tolerance=CLOSE, preconditioner=KFAC())
        ihvp = IHVP(GaussNewton(), solver, damping).fit(problem)
        slopes = tuple((batch, _slope(problem, batch)) for batch in problem.batches(size=4096))
        return cls(problem, ihvp, problem.flatten(problem.parameters), kept, slopes)

    def parameters(self, theta: Tensor) -> Mapping[str, Tensor]:
        """A vector as parameters."""
        return self.problem.unflatten(theta)

    def at(self, thetas: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The objective of each of some groups at its θ (k,), and its gradient (k, d)."""
        found = [self._at(theta, kept) for theta, kept in zip(thetas, self.kept[rows], strict=True)]
        held, moved = self.problem.l2 + torch.as_tensor(self.ihvp.damping).flatten(), thetas - self.start
        values = torch.stack([value for value, _ in found]) + (held * moved.square()).sum(1) / 2
        return values, torch.stack([gradient for _, gradient in found]) + held * moved

    def minimised(self, tolerance: float, max_steps: int, progress: bool) -> Tensor:
        """θ of each group (m, d), by quasi-Newton steps from (G + damping)⁻¹ for all groups at once."""
        thetas, active = self.start.repeat(len(self.kept), 1), torch.arange(len(self.kept))
        values, gradients = self.at(thetas, active)
        goal, sizes, history = tolerance * gradients.norm(dim=1), self.start.new_ones(len(thetas)), History(MEMORY)
        for _ in track(range(max_steps), "proximal Bregman response", None, progress):
            active = active[(gradients[active].norm(dim=1) > goal[active]) & (sizes[active] > KINK)]
            if not len(active):
                return thetas
            steps = history.step(gradients[active], active, self.ihvp) * sizes[active, None]
            new = thetas[active] - steps
            found, slopes = self.at(new, active)
            falls = found <= values[active] - ARMIJO * (steps * gradients[active]).sum(1)
            better = falls | (slopes.norm(dim=1) < SLOW * gradients[active].norm(dim=1))
            history.note(-steps, slopes - gradients[active], active, better, len(thetas))
            moved = active[better]
            thetas[moved], values[moved], gradients[moved] = new[better], found[better], slopes[better]
            sizes[active] = torch.where(better, (2 * sizes[active]).clamp_max(1), sizes[active] / 2)
        raise UsageError(
            f"{len(active)} of {len(thetas)} responses did not settle in {max_steps} steps; "
            "raise damping=, max_steps= or tolerance=, or take smaller groups; smooth activations settle sooner than ReLU."
        )

    def _at(self, theta: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        total, gradient = theta.new_zeros(()), torch.zeros_like(theta)
        with torch.enable_grad():
            values = {name: value.clone().requires_grad_() for name, value in self.parameters(theta).items()}
            for batch, slope in self.slopes:
                outputs = self.problem.outputs(batch.inputs, values)
                losses = self.problem.losses(outputs, batch) * kept[torch.from_numpy(batch.positions)]
                objective = (batch.weights * (losses - (outputs * slope).flatten(1).sum(1))).sum() / self.problem.normaliser
                found = torch.autograd.grad(objective, list(values.values()), materialize_grads=True)
                total = total + objective.detach()
                gradient += self.problem.flatten(dict(zip(values, found, strict=True)))
        return total, gradient


class History:
    """What the last few steps of m minimisations taught of their curvature: limited-memory BFGS (Nocedal 1980), all at once."""

    def __init__(self, most: int) -> None:
        self.pairs: deque[tuple[Tensor, Tensor, Tensor]] = deque(maxlen=most)  # steps, changes of gradient (m, d), 1 / their products (m,)

    def note(self, steps: Tensor, changes: Tensor, active: Tensor, taken: Tensor, count: int) -> None:
        """Steps and changes (k, d) of the active minimisations; those not taken, or along which the curvature is not positive, teach nothing."""
        products = (steps * changes).sum(1)
        useful = taken & (products > 0)
        scales = torch.where(useful, 1 / products.where(useful, products.new_ones(())), products.new_zeros(()))

        def spread(found: Tensor) -> Tensor:
            return found.new_zeros(count, *found.shape[1:]).index_copy(0, active, found)

        self.pairs.append((spread(steps), spread(changes), spread(scales)))

    def step(self, gradients: Tensor, active: Tensor, inverse: FittedIHVP) -> Tensor:
        """The quasi-Newton step against each gradient (k, d)."""
        pairs = [(steps[active], changes[active], scales[active]) for steps, changes, scales in self.pairs]
        found, along = gradients, []
        for steps, changes, scales in reversed(pairs):
            along.append(scales * (steps * found).sum(1))
            found = found - along[-1][:, None] * changes
        found = inverse.inverse.solve(found.T.contiguous()).x.T
        for (steps, changes, scales), share in zip(pairs, reversed(along), strict=True):
            found = found + (share - scales * (changes * found).sum(1))[:, None] * steps
        return found


def _slope(problem: Problem, batch: Batch) -> Tensor:
    with torch.no_grad():
        outputs = problem.outputs(batch.inputs)
    with torch.enable_grad():
        points = outputs.requires_grad_()
        return torch.autograd.grad(problem.losses(points, batch).sum(), points)[0]
