"""A network's minimum and its curvature there: L-BFGS in float64 (Liu & Nocedal 1989), with the Hessian's factor to retrain."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

import wherefrom as wf

TOLERANCE = 1e-7  # of the gradient: a ten-thousandth of what leaving one of 500 images out adds to it
MOST = 3000  # evaluations of the gradient in one descent


@dataclass(frozen=True, eq=False)
class Warm:
    """Retrains from a minimum with the Cholesky factor of the Hessian there as the descent's measure. ``left`` collects the gradients left."""

    factor: Tensor
    left: list[float]

    def __call__(self, problem: wf.Problem, seed: int) -> dict[str, Tensor]:
        """The parameters; the seed changes nothing."""
        theta, size = descended(problem, self.factor)
        self.left.append(size)
        return problem.unflatten(theta)


def risk(problem: wf.Problem) -> Callable[[Tensor], tuple[float, Tensor]]:
    """θ -> R(θ) and its gradient (d,)."""
    (batch,) = problem.batches(size=len(problem))

    def there(theta: Tensor) -> tuple[float, Tensor]:
        moved = theta.clone().requires_grad_()
        losses = problem.losses(problem.outputs(batch.inputs, problem.unflatten(moved)), batch)
        total = (losses * batch.weights).sum() / problem.normaliser + (problem.l2 * moved.square()).sum() / 2
        return float(total.detach()), torch.autograd.grad(total, moved)[0]

    return there


def descended(problem: wf.Problem, factor: Tensor | None = None) -> tuple[Tensor, float]:
    """L-BFGS from the problem's parameters: where it came to, and the norm of the gradient left.

    With a factor L of a Hessian it goes over u = Lᵀ(θ - θ₀), where the bowl is nearly round: tens of evaluations instead of hundreds.
    """
    at, start = risk(problem), problem.flatten(problem.parameters)

    def place(u: np.ndarray) -> Tensor:
        moved = torch.from_numpy(u)
        return start + (moved if factor is None else torch.linalg.solve_triangular(factor.T, moved[:, None], upper=True)[:, 0])

    def function(u: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = at(place(u))
        return value, (gradient if factor is None else torch.linalg.solve_triangular(factor, gradient[:, None], upper=False)[:, 0]).numpy()

    scale = 1.0 if factor is None else float(factor.square().sum(1).max()) ** 0.5
    options = {"maxiter": MOST, "maxfun": MOST, "maxcor": 30, "gtol": TOLERANCE / (scale * len(start) ** 0.5), "ftol": 0.0}
    found = minimize(function, np.zeros(len(start)), jac=True, method="L-BFGS-B", options=options)
    theta = place(found.x)
    return theta, float(at(theta)[1].norm())


def settled(problem: wf.Problem, last: str) -> tuple[wf.Problem, Tensor, Warm]:
    """Where a descent from the problem's parameters comes to rest: the problem, its Hessian (d, d), and how it is trained again from there.

    ``last`` is the pattern of the last layer's parameters. Raises :class:`wherefrom.UsageError` where that is no minimum.
    """
    theta, size = descended(problem)
    problem = problem.at(problem.unflatten(theta))
    matrix = written_out(wf.Hessian(), problem, problem.restricted(last))
    factor, failed = torch.linalg.cholesky_ex(matrix)
    if int(failed):
        least = float(torch.linalg.eigvalsh(matrix)[0])
        raise wf.UsageError(f"Training came to a gradient of {size:.0e} where the Hessian is not positive definite (least eigenvalue {least:.1e}).")
    if size > 10 * TOLERANCE:
        raise wf.UsageError(f"Training stopped at a gradient of {size:.0e}, not {TOLERANCE:.0e}.")
    return problem, matrix, Warm(factor, [])


def written_out(curvature: wf.Hessian | wf.GaussNewton, problem: wf.Problem, last: wf.Problem) -> Tensor:
    """The curvature (d, d); the block of the last layer, most of θ, by its closed form, and the columns of the others by products."""
    operator, block = curvature.fit(problem), curvature.fit(last).dense()
    rest = problem.size - last.size
    columns = operator @ torch.eye(problem.size, dtype=problem.dtype)[:, :rest]
    matrix = torch.cat([columns, torch.cat([columns[rest:].T, block])], 1)
    return (matrix + matrix.T) / 2
