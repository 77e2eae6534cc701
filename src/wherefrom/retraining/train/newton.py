"""Newton's method in float64, for one problem or for hundreds that each leave a few examples out or relabel them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from wherefrom.curvature import GaussNewton, Hessian, Operator
from wherefrom.errors import UsageError
from wherefrom.problem import Problem
from wherefrom.progress import track
from wherefrom.retraining.interventions import Change, LeftOut, Relabelled
from wherefrom.retraining.run import Run
from wherefrom.retraining.train.stacked_risk import Stacked
from wherefrom.retraining.variants import Variants
from wherefrom.solvers import CG
from wherefrom.types import Id, Tree

DENSE = 2000  # parameters up to which the Hessian is written out at every step
SLOW = 0.7  # a chord step that leaves more of the gradient than this is given up for Newton steps of its own


@dataclass(frozen=True)
class Newton:
    """θ ← θ - s (H + μI)⁻¹ ∇R, μ as small as positive definiteness allows, s by halving until the risk falls."""

    tolerance: float = 1e-9
    max_iterations: int = 200
    seeded: ClassVar[bool] = False  # read by wherefrom.trust: another seed is no other training

    def __call__(self, problem: Problem, seed: int = 0) -> Run:
        """Train from the problem's parameters; ``seed`` changes nothing."""
        stacked = Stacked(problem.to(torch.float64))
        return Run(stacked.named(self._descend(stacked, stacked.start)))

    def without(
        self, problem: Problem, groups: Sequence[Sequence[Id]], *, seed: int = 0, normalise: bool = False, progress: bool = True
    ) -> list[Run]:  # fmt: skip
        """Train without each group of ids: all at once by chord steps θⱼ ← θⱼ - H⁻¹∇Rⱼ with the full problem's factored H.

        A step leaves about |group| / n of each gradient, so ten or so suffice; those it does not serve (large groups,
        strongly bent objectives) are finished one at a time.
        """
        return self._changed(problem, [LeftOut(ids, normalise) for ids in groups], progress)

    def relabelled(
        self, problem: Problem, groups: Sequence[Sequence[Id]], labels: Sequence[Tree], *, seed: int = 0, progress: bool = True
    ) -> list[Run]:  # fmt: skip
        """Train with each group of ids under its ``labels`` (a row for each id, as the problem's batches have targets), like :meth:`without`."""
        return self._changed(problem, [Relabelled(ids, rows) for ids, rows in zip(groups, labels, strict=True)], progress)

    def _changed(self, problem: Problem, changes: Sequence[Change], progress: bool) -> list[Run]:
        stacked = Stacked(problem := problem.to(torch.float64))
        start = self._descend(stacked, stacked.start)
        thetas, left = self._chord(stacked, start.repeat(len(changes), 1), Variants.of(problem, changes), progress)
        for row in track(left, "retraining one by one", len(left), progress):
            thetas[row] = self._descend(Stacked(changes[row].of(problem)), thetas[row])
        return [Run(stacked.named(theta)) for theta in thetas]

    def _chord(self, stacked: "Stacked", thetas: Tensor, variants: Variants, progress: bool) -> tuple[Tensor, list[int]]:
        """Chord steps on every row until it converges; and the rows that did not."""
        factor = _factor(Hessian().fit(stacked.problem.at(stacked.named(thetas[0]))))
        active, before = torch.arange(len(thetas)), torch.full((len(thetas),), torch.inf, dtype=torch.float64)
        slow: list[int] = []
        for _ in track(range(self.max_iterations), "retraining, Newton steps", None, progress):
            gradients = stacked.gradients(thetas[active], variants[active])
            norms = gradients.norm(dim=1)
            going, fast = norms > self.tolerance, norms <= SLOW * before[active]
            slow += active[going & ~fast].tolist()
            gradients, norms, active = gradients[going & fast], norms[going & fast], active[going & fast]
            if not len(active):
                return thetas, slow
            before[active] = norms
            thetas[active] -= torch.cholesky_solve(gradients.T, factor).T
        return thetas, slow + active.tolist()

    def _descend(self, stacked: "Stacked", theta: Tensor) -> Tensor:
        """Newton steps on one problem until its gradient is below the tolerance."""
        gradient, risk = stacked.own_gradient(theta), stacked.risk(theta)
        for _ in range(self.max_iterations):
            if float(gradient.norm()) <= self.tolerance:
                return theta
            step, size = self._step(stacked, theta, gradient), 1.0
            slope = float(step @ gradient)
            while size > 1e-10:
                new = theta - size * step
                new_risk = stacked.risk(new)
                # near the optimum the risk no longer resolves the fall; the gradient does
                new_gradient = stacked.own_gradient(new)
                if new_risk <= risk - 1e-4 * size * slope or float(new_gradient.norm()) < 0.5 * float(gradient.norm()):
                    break
                size /= 2
            else:
                break
            theta, gradient, risk = new, new_gradient, new_risk
        norm = float(gradient.norm())
        if norm <= self.tolerance:
            return theta
        raise UsageError(
            f"Newton stopped at a gradient norm of {norm:.1e}, not {self.tolerance:.0e}; add l2, allow more max_iterations, or raise the tolerance."
        )

    def _step(self, stacked: "Stacked", theta: Tensor, gradient: Tensor) -> Tensor:
        problem = stacked.problem.at(stacked.named(theta))
        if problem.size > DENSE:
            accuracy = min(1e-2, float(gradient.norm()))
            return CG(tolerance=max(accuracy, 1e-8)).fit(GaussNewton().fit(problem), 0.0).solve(gradient[:, None]).x[:, 0]
        return torch.cholesky_solve(gradient[:, None], _factor(Hessian().fit(problem)))[:, 0]


def _factor(operator: Operator) -> Tensor:
    """The Cholesky factor of the matrix, with as much damping as it takes."""
    matrix = operator.dense()
    damping, scale = 0.0, float(matrix.diagonal().abs().mean())
    while damping < 1e6 * scale + 1:
        factor, failed = torch.linalg.cholesky_ex(matrix + damping * torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device))
        if not int(failed):
            return factor
        damping = max(10 * damping, 1e-6 * scale, 1e-12)
    raise UsageError("The Hessian is not finite; the training has diverged, start from better parameters.")
