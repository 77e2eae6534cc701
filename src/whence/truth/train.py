"""Ready trainers: settings that are called with (problem, seed)."""

from whence.truth.newton import Newton


def newton(tolerance: float = 1e-9, max_iterations: int = 200) -> Newton:
    """Newton's method in float64 from the problem's parameters to a gradient norm of ``tolerance``: for convex objectives and small networks.

    It is deterministic, so the seed makes no difference. Hundreds of leave-out problems are refitted at once, from the
    full problem's optimum, with one factor of its Hessian.
    """
    return Newton(tolerance, max_iterations)


__all__ = ["newton"]
