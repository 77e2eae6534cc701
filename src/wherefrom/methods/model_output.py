"""The number of each example in which TRAK takes the trained model to be linear: the log-odds of its target, or a prediction itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from wherefrom.errors import UsageError
from wherefrom.objective import IGNORED, Objective, PerExample, binary_cross_entropy, cross_entropy, next_token, shifted, squared_error


@dataclass(frozen=True)
class ModelOutput:
    """f(outputs, targets) of each example (B,), of which its loss is a function; ``pull`` is -∂loss/∂f (B,),
    for a sum over positions its mean over them.

    ``odds``: f is a log-odds, so the loss falls as f rises and a query asks about f; otherwise it asks about its loss.
    """

    value: PerExample
    pull: Callable[[Any, Any], Tensor]
    odds: bool


def margin(outputs: Tensor, targets: Tensor) -> Tensor:
    """log p/(1 - p) of the target's class: its logit less the logsumexp of the others; outputs (B, C), targets (B,).

    With positions, outputs (B, T, C) and targets (B, T), the sum over those that are not left out (Park et al. 2023, for language models).
    Never by way of p, which rounds to 1 where the model is sure.
    """
    return _margins(outputs, targets).reshape(len(outputs), -1).sum(1)


def following_margin(outputs: Tensor, targets: Tensor) -> Tensor:
    """The same of a sequence's tokens, each said at the position before it."""
    return margin(*shifted(outputs, targets))


def _margins(outputs: Tensor, targets: Tensor) -> Tensor:
    """log p/(1 - p) at each position, 0 where the target is left out."""
    if outputs.dim() < 2 or outputs.shape[-1] < 2 or targets.shape != outputs.shape[:-1]:
        raise UsageError(
            f"A margin needs outputs (B, C) or (B, T, C) of two classes or more and a class for each, not {tuple(outputs.shape)} and "
            f"{tuple(targets.shape)}; give output=, a log-odds of each example."
        )
    own = targets.clamp_min(0)[..., None]
    odds = outputs.gather(-1, own)[..., 0] - outputs.scatter(-1, own, float("-inf")).logsumexp(-1)
    return torch.where(targets == IGNORED, torch.zeros_like(odds), odds)


def _missing(outputs: Tensor, targets: Tensor) -> Tensor:
    """1 - p of the target's class (B,); with positions, the mean over those that are not left out."""
    counted = (targets != IGNORED).to(outputs.dtype)
    missing = torch.sigmoid(-_margins(outputs, targets)) * counted
    return missing.reshape(len(outputs), -1).sum(1) / counted.reshape(len(outputs), -1).sum(1).clamp_min(1)


def _missing_following(outputs: Tensor, targets: Tensor) -> Tensor:
    return _missing(*shifted(outputs, targets))


def signed_logit(outputs: Tensor, targets: Tensor) -> Tensor:
    """log p/(1 - p) of a target in {0, 1}: the logit, turned round where the target is 0; outputs (B,) or (B, 1)."""
    logits = prediction(outputs, targets)
    return torch.where(targets.view_as(logits) > 0.5, logits, -logits)


def prediction(outputs: Tensor, targets: Tensor) -> Tensor:
    """The one output of each example (B,)."""
    if outputs[0].numel() != 1 or targets[0].numel() != 1:
        raise UsageError(f"TRAK asks about one output of each example, not {tuple(outputs.shape)}; give output=, a log-odds of each example.")
    return outputs.reshape(len(outputs))


def model_output(objective: Objective, output: PerExample | None = None) -> ModelOutput:
    """What suits an objective: ``output`` where given, else by its loss.

    Raises :class:`UsageError` for a loss that is none of cross entropy, next token, binary cross entropy and squared error.
    """
    if output is not None:
        return _odds(output)
    known = {
        cross_entropy: ModelOutput(margin, _missing, odds=True),
        next_token: ModelOutput(following_margin, _missing_following, odds=True),
        binary_cross_entropy: ModelOutput(signed_logit, _missing_probability, odds=True),
        squared_error: ModelOutput(prediction, _residual, odds=False),
    }
    found = next((one for make, one in known.items() if make().loss is objective.loss), None)
    if found is None:
        raise UsageError("TRAK knows no margin for this loss; give output=, the log-odds of each example from (outputs, targets).")
    return found


def _odds(value: PerExample) -> ModelOutput:
    return ModelOutput(value, lambda outputs, targets: torch.sigmoid(-value(outputs, targets)), odds=True)


def _missing_probability(outputs: Tensor, targets: Tensor) -> Tensor:
    if bool(((targets != 0) & (targets != 1)).any()):
        raise UsageError("Targets between 0 and 1 have no margin; give output=, a log-odds of each example.")
    return torch.sigmoid(-signed_logit(outputs, targets))


def _residual(outputs: Tensor, targets: Tensor) -> Tensor:
    """-∂(output - target)²/∂output."""
    values = prediction(outputs, targets)
    return 2 * (targets.view_as(values).to(values.dtype) - values)
