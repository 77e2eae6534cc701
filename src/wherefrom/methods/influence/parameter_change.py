"""What training without some examples, with more or altered ones would do to θ (Koh & Liang 2017; Koh et al. 2019; Basu, You & Feizi 2020)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from wherefrom.curvature import GaussNewton, Operator, as_curvature
from wherefrom.data.examples import Examples
from wherefrom.data.trees import all_finite
from wherefrom.errors import UsageError, nearest
from wherefrom.gradients import Gradients
from wherefrom.parameters import unflatten
from wherefrom.problem import Problem
from wherefrom.progress import track
from wherefrom.scores import Groups, group_ids, positions_of
from wherefrom.solvers import IHVP, FittedIHVP
from wherefrom.solvers.warnings_capture import listening

Order = Literal[1, 2, "newton"]
HALF = 0.5  # share of the training weight beyond which the second order leaves out more than it adds


@dataclass(frozen=True, eq=False)
class ParameterChange:
    """Δθ of each group: ``values`` (m, d) in the order of the problem's parameters, ``groups`` (m,) their names.

    ``parameters`` is θ, from which :meth:`patched` steps; ``notes`` say what solvers warned of.
    """

    values: Tensor
    groups: np.ndarray
    parameters: Mapping[str, Tensor]
    notes: tuple[str, ...] = ()

    def patched(self, group: str) -> dict[str, Tensor]:
        """θ + Δθ of one group by parameter name, for ``problem.at``, ``torch.func.functional_call`` or ``load_state_dict(strict=False)``."""
        names = self.groups.tolist()
        if group not in names:
            raise UsageError(f"There is no group {group!r}.{nearest(group, names)}")
        changes = unflatten(self.values[names.index(group)], {name: value.shape for name, value in self.parameters.items()})
        return {name: value + changes[name].to(value) for name, value in self.parameters.items()}


def parameter_change(
    problem: Problem,
    groups: Groups,
    ihvp: IHVP | FittedIHVP = IHVP(),
    *,
    order: Order = 1,
    normalise: bool = False,
    weight: float = 0.0,
    altered: Examples | None = None,
    progress: bool = True,
) -> ParameterChange:
    """The change Δθ that training again would make if each group (name -> ids, or a name per training example) were left out.

    With D = C + damping I, and v the fall of the objective's gradient at θ and E that of C when the group leaves:

    - ``order=1``: D⁻¹v, the sum of the examples' own (Koh & Liang's I_up,params, times -wᵢ/N);
    - ``order=2``: D⁻¹v + D⁻¹E D⁻¹v (Basu, You & Feizi 2020 where ``normalise``), for groups of at most half of the training weight;
    - ``order="newton"``: (D - E)⁻¹v, by the same curvature, solver and damping on what remains; exact for squared error and linear models.

    N stays, so v = (1/N) Σ wᵢgᵢ and E = (1/N) Σ wᵢCᵢ over the group; ``normalise=True`` divides by the weight that remains. ``weight``
    multiplies the group's weights: 0 leaves it out, 2 counts it twice. ``altered``, examples with the ids that they take the place of, changes the
    members' data instead. θ is taken as the minimum: a gradient that training left over stays and pulls at no group. Raises :class:`UsageError` for
    an empty group, an unknown id, and a group that leaves too little.
    """
    with torch.no_grad(), listening() as notes:
        step = GroupStep.of(problem, groups, ihvp, order, normalise=normalise, weight=weight, altered=altered)
        values = step.changes(progress).cpu()
    return ParameterChange(values, np.array(list(step.members)), problem.parameters, tuple(notes))


@dataclass(frozen=True, eq=False)
class GroupStep:
    """Δθ of some groups at one order."""

    problem: Problem
    gradients: Gradients
    ihvp: FittedIHVP
    members: Mapping[str, np.ndarray]  # positions
    order: Order
    normalise: bool
    weight: float
    altered: Examples | None

    @classmethod
    def of(
        cls, problem: Problem, groups: Groups, ihvp: IHVP | FittedIHVP, order: Order, *,
        normalise: bool = False, weight: float = 0.0, altered: Examples | None = None,
    ) -> "GroupStep":  # fmt: skip
        """Checked, with the IHVP fitted."""
        if order not in get_args(Order):
            raise UsageError(f"order={order!r} is unknown; choose 1, 2 or 'newton'.")
        if not 0 <= weight < float("inf"):
            raise UsageError(f"weight={weight} is no factor for weights; give 0 (left out) or more.")
        if altered is not None and (weight or not isinstance(altered, Examples)):
            raise UsageError("altered= takes wf.Examples.of(data, ids) with the ids that they take the place of, and no weight=.")
        members = {name: positions_of(ids, problem.ids, "training") for name, ids in group_ids(groups, problem.ids).items()}
        for name, positions in members.items():
            if len(set(positions.tolist())) < len(positions):
                raise UsageError(f"Group {name!r} names an id twice; name each once.")
            if altered is not None:
                positions_of(problem.ids[positions], altered.ids, "altered")
        found = cls(problem, Gradients(problem), ihvp.fit(problem), members, order, normalise, weight, altered)
        found.check_shares()
        return found

    @property
    def remaining(self) -> Tensor:
        """The training weight M without each group (m,)."""
        return torch.stack([self._weights(positions).sum() for positions in self.members.values()])

    @property
    def divisor(self) -> Tensor:
        """What sums are divided by without each group (m,): N, or M."""
        return self.remaining if self.normalise else torch.full_like(self.remaining, self.problem.normaliser)

    def check_shares(self) -> None:
        """Refuse groups that leave nothing to divide by or to train on, and those too large for the second order."""
        whole = float(self.problem.weights.sum())
        for name, remains in zip(self.members, self.remaining.tolist(), strict=True):
            share = abs(whole - remains) / whole
            if remains <= 0 and (self.normalise or self.order == "newton"):
                raise UsageError(f"Group {name!r} is the whole training set, so that nothing remains without it; keep at least one example.")
            if self.order == 2 and share > HALF:
                raise UsageError(
                    f"Group {name!r} is p = {share:.0%} of the training weight: beyond half, what the second order leaves out, p² + p³ + ..., "
                    "outweighs the p that it adds (and the factor 1 - 2p of normalise=True turns the first order round); use order='newton'."
                )

    def changes(self, progress: bool = True) -> Tensor:
        """Δθ (m, d)."""
        pull = self.pull(progress)
        if self.order == "newton":
            found = self._newton(pull, progress)
        else:
            found = self._solved(pull, self.ihvp)
            if self.order == 2:
                found = found + self._solved(self._bent(found, pull, progress), self.ihvp)
        if not all_finite(found):
            raise UsageError("A parameter change is not finite; give a larger damping.")
        return found

    def pull(self, progress: bool) -> Tensor:
        """v (m, d): the objective's gradient at θ, less that without the group.

        Dividing by M, v = Σ wᵢgᵢ/N - (Σ wᵢgᵢ - Σ_S wᵢgᵢ)/M = (Σ_S wᵢgᵢ - (1 - M/N) Σ wᵢgᵢ)/M, by which a group that is like all others has no
        pull; at the minimum Σ wᵢgᵢ = -N l2 θ, and this is Σ_S wᵢ(gᵢ + l2 θ)/M, Basu's gradients with the penalty in them.
        """
        problem, groups = self.problem, list(self.members.values())
        everyone = [np.arange(len(problem))] if self.normalise else []
        sums = gradient_sums(self.gradients, problem.train, [*groups, *everyone], problem.weights, progress)
        found = (1 - self.weight) * sums[: len(groups)]
        if self.altered is not None:
            found = found - gradient_sums(self.gradients, self._altered(groups).train, groups, problem.weights, progress)
        if self.normalise:
            found = found - (1 - self.divisor / problem.normaliser)[:, None] * sums[-1]
        return found / self.divisor[:, None]

    def _solved(self, vectors: Tensor, ihvp: FittedIHVP) -> Tensor:
        return ihvp.solve(self.gradients.layout.rows(vectors)).x.T

    def _bent(self, changes: Tensor, pull: Tensor, progress: bool) -> Tensor:
        """E x (m, d) of each group's x.

        Dividing by M, E = C - l2 - (N(C - l2) - Σ_S wᵢCᵢ)/M = (Σ_S wᵢCᵢ - (N - M)(C - l2))/M, in which C x = v - damping x as D x = v.
        """
        bends, l2 = self._bends(), self.problem.l2
        held, each = l2 + torch.as_tensor(self.ihvp.damping).flatten().to(pull), self.problem.normaliser / len(self.problem)
        found = []
        groups = zip(self.members.values(), changes, pull, self.divisor, strict=True)
        for positions, x, v, divisor in track(groups, "curvature of the groups", len(self.members), progress):
            bent = (self.problem.normaliser - divisor) * (held * x - v)
            for operator, factor in bends:  # `on` gives means, with the penalty
                bent = bent + factor * each * len(positions) * (operator.on(positions) @ x - l2 * x)
            found.append(bent / divisor)
        return torch.stack(found)

    def _bends(self) -> list[tuple[Operator, float]]:
        """Operators of which a group's part can be had, and the factor by which it leaves: Gauss-Newton for what is no mean over examples."""
        own = self.ihvp.operator
        divisible = own.on(np.arange(1)) is not own
        curvature = as_curvature(self.ihvp.settings.curvature) if divisible else GaussNewton()
        whole = own if divisible else curvature.fit(self.problem)
        if self.altered is None:
            return [(whole, 1 - self.weight)]
        return [(whole, 1.0), (curvature.fit(self._altered(self.members.values())), -1.0)]

    def _newton(self, pull: Tensor, progress: bool) -> Tensor:
        found = []
        for positions, v in track(zip(self.members.values(), pull, strict=True), "curvature without the groups", len(pull), progress):
            problem = self._altered([positions]).reweighted(self._weights(positions))
            reduced = self.ihvp.refitted(problem.renormalised() if self.normalise else problem)
            found.append(self._solved(v[None], reduced))
        return torch.cat(found)

    def _weights(self, positions: np.ndarray) -> Tensor:
        """The training weights (n,) without a group."""
        weights = self.problem.weights.clone()
        if self.altered is None:
            weights[torch.from_numpy(positions)] *= self.weight
        return weights

    def _altered(self, groups: Iterable[np.ndarray]) -> Problem:
        """The problem with the members' altered data, where there are any."""
        if self.altered is None:
            return self.problem
        changed = self.altered.select(self.problem.ids[np.unique(np.concatenate(list(groups)))])
        return replace(self.problem, train=self.problem.train.replaced(changed))


def gradient_sums(gradients: Gradients, examples: Examples, groups: list[np.ndarray], weights: Tensor, progress: bool = True) -> Tensor:
    """Σ wᵢgᵢ over each group of positions (m, d), by one pass over those examples that are in any."""
    needed = np.unique(np.concatenate(groups))
    total = weights.new_zeros(len(groups), gradients.layout.size)
    batches = gradients.problem.batches(examples.take(needed), gradients.size, weights[torch.from_numpy(needed)])
    for batch in track(batches, "gradients of the groups", -(-len(needed) // gradients.size), progress):
        rows, here = gradients.losses(batch).scale(batch.weights), needed[batch.positions]
        for row, group in enumerate(groups):
            places = np.isin(here, group).nonzero()[0]
            if len(places):
                total[row] += rows.select(torch.from_numpy(places)).sum().flat()[0]
    return total
