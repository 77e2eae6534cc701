"""The inverse that suits a problem: the Hessian's own where there is one, else the nearest to it that can be had."""

from dataclasses import replace

from wherefrom.curvature import KFAC, GaussNewton, Hessian
from wherefrom.errors import NotPositiveDefinite
from wherefrom.problem import Problem
from wherefrom.solvers.cg import CG
from wherefrom.solvers.exact import Exact
from wherefrom.solvers.ihvp import IHVP, FittedIHVP

DENSE = 8000  # parameters up to which the curvature is written out


def recommended(problem: Problem) -> FittedIHVP:
    """Fit the Hessian undamped where it is positive definite, else Gauss-Newton; both written out for up to 8,000 parameters.

    Beyond, Gauss-Newton is solved for by conjugate gradients, preconditioned with K-FAC. What was chosen in place of the Hessian, why and with what
    damping stands in ``notes``; there are none where it is the Hessian.
    """
    if problem.size > DENSE:
        rough = KFAC(samples=1 if problem.objective.sample else None)
        ihvp = IHVP(GaussNewton(), CG(preconditioner=rough)).fit(problem)
        how = f"Gauss-Newton curvature with damping {ihvp.damping:.3g}, solved by conjugate gradients preconditioned with K-FAC"
        return replace(ihvp, notes=(f"{problem.size:,} parameters: {how}.",))
    try:
        return IHVP(Hessian(), Exact(), damping=0.0).fit(problem)
    except NotPositiveDefinite:
        ihvp = IHVP(GaussNewton(), Exact()).fit(problem)
    damped = f", with damping {ihvp.damping:.3g}" if ihvp.damping else ""
    return replace(ihvp, notes=(f"The Hessian is not positive definite at these weights; scores use the Gauss-Newton curvature{damped}.",))
