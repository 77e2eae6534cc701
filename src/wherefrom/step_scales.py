"""How far an optimiser moves each weight per unit of its gradient."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop

from wherefrom.errors import UsageError

Group = dict[str, Any]
Moments = dict[str, Any]


def bare_optimizer(optimizer: Optimizer | None) -> Optimizer | None:
    """The torch optimiser inside accelerate's wrapper, which is an ``Optimizer`` too."""
    while (inner := getattr(optimizer, "optimizer", None)) is not None:
        optimizer = inner
    return optimizer


def step_scales(model: nn.Module, optimizer: Optimizer) -> dict[str, Tensor] | None:
    """−Δθ / gradient to first order, by parameter name, on CPU: of shape () for SGD, of the parameter's shape for adaptive optimisers.

    η, μ, τ, ε are those of the parameter's own group, moments as they stand now; the effect of the gradient on v is left out.

    - SGD: η (1 − τ) / (1 − μ), summed over this and the later steps that a gradient moves.
    - Adam, AdamW: η / (√v̂ + ε); v̂ = v / (1 − β₂ᵗ), with amsgrad its running maximum.
    - RMSprop: η / (1 − μ) / (√v + ε), v less the squared mean where centred. Adagrad: η / (1 + t · decay) / (√sum + ε).

    None for any other optimiser, and before an adaptive one's first step; a parameter that has no moments yet, or is not held, is absent.
    Raises ``UsageError`` for an optimiser that maximises, and for one that holds none of the model's parameters.
    """
    groups = {parameter: group for group in optimizer.param_groups for parameter in group["params"]}
    if any(group.get("maximize") for group in optimizer.param_groups):
        raise UsageError("The optimizer maximises, which turns every score's sign round; negate the objective and set maximize=False.")
    held = {name: value for name, value in model.named_parameters(remove_duplicate=False) if value in groups}
    if not held:
        raise UsageError("The optimizer holds none of the model's parameters; pass the one that trains this model.")
    rule = _RULES.get(type(optimizer))
    if rule is None:
        return None
    found = {name: rule(value, groups[value], optimizer.state.get(value) or {}) for name, value in held.items()}
    return {name: scale.detach().cpu() for name, scale in found.items() if scale is not None} or None


def scale_by_settings(parameter: Tensor, group: Group, moments: Moments) -> Tensor | None:
    """Return the same of one parameter by its group's settings and its moments, as an optimiser's ``state_dict()`` keeps them.

    The optimiser is told by the settings and moments that it alone has; None for any other, and for one that maximises.
    """
    if group.get("maximize"):
        return None
    if "amsgrad" in group and "betas" in group:
        return _adam(parameter, group, moments) if not moments or "exp_avg_sq" in moments else None
    if "dampening" in group and "momentum" in group:
        return _sgd(parameter, group, moments)
    if "alpha" in group and "centered" in group:
        return _rmsprop(parameter, group, moments)
    return _adagrad(parameter, group, moments) if "lr_decay" in group else None


@dataclass(frozen=True, eq=False)
class AdamMoments:
    """Adam's moments of one parameter after ``steps`` steps; ``peak`` is the running maximum of the second with amsgrad."""

    first: Tensor
    second: Tensor
    steps: int
    betas: tuple[float, float]
    eps: float
    peak: Tensor | None = None

    @classmethod
    def of(cls, group: Group, moments: Moments) -> "AdamMoments | None":
        """Return those of a group's settings and a parameter's moments; None of another optimiser, and before the first step."""
        if "betas" not in group or "exp_avg_sq" not in moments or "exp_avg" not in moments or not float(moments.get("step", 0)):
            return None
        low, high = (float(beta) for beta in group["betas"])
        peak = moments.get("max_exp_avg_sq") if group.get("amsgrad") else None
        return cls(moments["exp_avg"], moments["exp_avg_sq"], int(moments["step"]), (low, high), float(group["eps"]), peak)

    def updates(self, gradients: Tensor) -> Tensor:
        """Return m̂ / (√v̂ + ε) that each of some gradients (k, *shape) alone would make the next step of."""
        (b, c), seen = self.betas, self.steps + 1
        first = b * self.first.to(gradients) + (1 - b) * gradients
        second = c * self.second.to(gradients) + (1 - c) * gradients.square()
        if self.peak is not None:
            second = torch.maximum(self.peak.to(gradients), second)
        return first / (1 - b**seen) / ((second / (1 - c**seen)).sqrt() + self.eps)


def learning_rate_of(optimizer: Optimizer) -> float:
    """The learning rate of the first group; refused where the groups differ and no scales can express it."""
    rates = [float(group["lr"]) for group in optimizer.param_groups]
    if type(optimizer) not in _RULES and (other := next((rate for rate in rates if rate != rates[0]), None)) is not None:
        raise UsageError(
            f"The groups of {type(optimizer).__name__} have learning rates {rates[0]:g} and {other:g}; pass one to record(learning_rate=...)."
        )
    return rates[0]


def _sgd(parameter: Tensor, group: Group, _moments: Moments) -> Tensor | None:
    if group["momentum"] >= 1:
        return None
    spread = (1 - group["dampening"]) / (1 - group["momentum"]) if group["momentum"] else 1.0
    return torch.tensor(float(group["lr"]) * spread, dtype=torch.promote_types(parameter.dtype, torch.float32))


def _adam(_parameter: Tensor, group: Group, moments: Moments) -> Tensor | None:
    steps = float(moments.get("step", 0))
    if not steps:
        return None
    seen = 1 - float(group["betas"][1]) ** steps
    second = moments["max_exp_avg_sq" if group["amsgrad"] else "exp_avg_sq"]
    return float(group["lr"]) / ((second / seen).sqrt() + group["eps"])


def _rmsprop(_parameter: Tensor, group: Group, moments: Moments) -> Tensor | None:
    if not float(moments.get("step", 0)) or group["momentum"] >= 1:
        return None
    second = moments["square_avg"]
    if group["centered"]:
        second = (second - moments["grad_avg"].square()).clamp(min=0)
    return float(group["lr"]) / (1 - group["momentum"]) / (second.sqrt() + group["eps"])


def _adagrad(_parameter: Tensor, group: Group, moments: Moments) -> Tensor | None:
    steps = float(moments.get("step", 0))
    if not steps:
        return None
    return float(group["lr"]) / (1 + steps * group["lr_decay"]) / (moments["sum"].sqrt() + group["eps"])


_RULES: dict[type, Callable[[Tensor, Group, Moments], Tensor | None]] = {
    SGD: _sgd,
    Adam: _adam,
    AdamW: _adam,
    RMSprop: _rmsprop,
    Adagrad: _adagrad,
}  # exact types: a subclass may step otherwise
