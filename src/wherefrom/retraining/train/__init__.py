"""Ready trainers: settings that are called with (problem, seed)."""

from wherefrom.retraining.train.descent import Descent, Drawn, Start, fresh, present
from wherefrom.retraining.train.newton import Newton
from wherefrom.retraining.train.rules import SGD, Adam
from wherefrom.retraining.train.schedules import Constant, Cosine, Linear, Milestones, Schedule


def newton(tolerance: float = 1e-9, max_iterations: int = 200) -> Newton:
    """Newton's method in float64 from the problem's parameters to a gradient norm of ``tolerance``: for convex objectives and small networks.

    It is deterministic, so the seed makes no difference. Hundreds of leave-out problems are refitted at once, from the
    full problem's optimum, with one factor of its Hessian.
    """
    return Newton(tolerance, max_iterations)


def sgd(
    epochs: int, learning_rate: float, *, momentum: float = 0.0, nesterov: bool = False, batch_size: int = 64, schedule: Schedule = Constant(),
    start: Start = fresh, checkpoints: int = 0, record: bool = False,
) -> Descent:  # fmt: skip
    """Stochastic gradient descent, with momentum as ``torch.optim.SGD`` has it (:class:`wherefrom.retraining.train.descent.Descent`).

    What weight decay is to SGD the objective's l2 is here, so that curvature and retraining know of it.
    """
    return Descent(SGD(momentum, 0.0, nesterov), epochs, learning_rate, batch_size, schedule, start, checkpoints, record)


def adam(
    epochs: int, learning_rate: float = 1e-3, *, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, eps_root: float = 0.0,
    decay: float = 0.0, batch_size: int = 64, schedule: Schedule = Constant(), start: Start = fresh, checkpoints: int = 0, record: bool = False,
) -> Descent:  # fmt: skip
    """Adam (Kingma & Ba 2015), with ``decay`` AdamW (:class:`wherefrom.retraining.train.descent.Descent`).

    The objective's l2 is part of the gradient, as ``weight_decay`` of ``torch.optim.Adam`` is; ``decay`` is apart from it, a term of no objective.
    """
    return Descent(Adam(betas, eps, eps_root, decay), epochs, learning_rate, batch_size, schedule, start, checkpoints, record)


__all__ = ["Constant", "Cosine", "Drawn", "Linear", "Milestones", "adam", "fresh", "newton", "present", "sgd"]
