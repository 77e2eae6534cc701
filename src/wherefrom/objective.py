"""What training minimised and what a query asks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from wherefrom.errors import UsageError, nearest

IGNORED = -100  # the target of positions that a loss leaves out

PerExample = Callable[[Any, Any], Tensor]
Sampler = Callable[[Any, Generator], Any]


@dataclass(frozen=True)
class FromUniform:
    """A sampler that makes ``targets(outputs, noise)`` from uniform noise of the outputs' shape: a whole batch at once, each example's apart."""

    targets: Callable[[Tensor, Tensor], Tensor]

    def __call__(self, outputs: Tensor, generator: Generator) -> Tensor:
        """Targets drawn with a generator's noise."""
        return self.targets(outputs, torch.rand(outputs.shape, generator=generator, dtype=torch.float64, device=outputs.device))


@dataclass(frozen=True)
class Objective:
    """R(θ) = (1/N) Σᵢ wᵢ lossᵢ(θ) + l2/2 ‖θ‖², and the measurement that queries are asked about.

    ``loss`` and ``measurement`` map (outputs, targets) to one number per example, never reduced; outputs are
    ``outputs(model(inputs))``, by default ``model(inputs)``, or its ``.logits`` where it has them. The ready-made objectives also
    take the ``"logits"`` of a dictionary and the first tensor of a tuple.
    """

    loss: PerExample  # what training minimised
    measurement: PerExample | None = None  # what a query asks; None = loss
    lower_is_better: bool = True  # of the measurement
    sample: Sampler | None = None  # (outputs, generator) -> targets drawn from the model, for the true Fisher
    l2: float | Mapping[str, float] = 0.0  # one strength, or {parameter-name pattern: strength}, the first that matches counts
    convex: bool = False  # the loss is convex in the outputs
    outputs: Callable[[Any], Any] | None = None  # what of the model's answer loss and measurement are given; None = its .logits, or all of it

    def __post_init__(self) -> None:
        strengths = self.l2.values() if isinstance(self.l2, Mapping) else [self.l2]
        if any(not strength >= 0 for strength in strengths):
            raise UsageError(f"l2={self.l2} has a negative strength; give numbers of 0 or more.")

    @property
    def unit(self) -> str:
        """What a score in the objective's own scale is a change of."""
        return "loss change" if self.measurement is None else "measurement change"

    @property
    def sign(self) -> float:
        """+1 where a rise of the measurement is a worsening, -1 where a fall is."""
        return 1.0 if self.measurement is None or self.lower_is_better else -1.0

    def picked(self, answer: object) -> object:
        """What of a model's answer loss and measurement are given."""
        return self.outputs(answer) if self.outputs is not None else getattr(answer, "logits", answer)

    def describe(self) -> str:
        """The settings as a text that is the same in every process."""
        own = "" if self.outputs in (None, logits_of) else f", outputs={_named(self.outputs)}"
        return f"{_named(self.loss)}, measurement={_named(self.measurement)}, sign={self.sign:+.0f}, l2={self.l2}{own}"

    def l2_of(self, name: str) -> float:
        """The strength of the penalty on one parameter."""
        if not isinstance(self.l2, Mapping):
            return float(self.l2)
        return next((float(strength) for pattern, strength in self.l2.items() if fnmatchcase(name, pattern)), 0.0)

    def check_names(self, names: tuple[str, ...]) -> None:
        """Raises :class:`UsageError` where an l2 pattern is of none of these parameters."""
        for pattern in self.l2 if isinstance(self.l2, Mapping) else ():
            if not any(fnmatchcase(name, pattern) for name in names):
                raise UsageError(f"The l2 pattern {pattern!r} matches no parameter.{nearest(pattern, names)}")


def cross_entropy(*, l2: float | Mapping[str, float] = 0.0, measurement: PerExample | None = None, lower_is_better: bool = True) -> Objective:
    """-log softmax(outputs)[target]; outputs (B, C), targets (B,) classes or (B, C) probabilities.

    With positions, as in token classification, the sum over them: outputs (B, T, C), targets (B, T) classes with -100 left out, or (B, T, C).
    Classes always come last; torch's own losses have them second.
    """
    return Objective(_cross_entropy, measurement, lower_is_better, FromUniform(_sample_classes), l2, convex=True, outputs=logits_of)


def binary_cross_entropy(*, l2: float | Mapping[str, float] = 0.0, measurement: PerExample | None = None, lower_is_better: bool = True) -> Objective:
    """-log of the Bernoulli likelihood of logits; outputs (B,), (B, 1) or (B, K) (summed over K), targets in [0, 1]."""
    return Objective(_binary_cross_entropy, measurement, lower_is_better, FromUniform(_sample_bits), l2, convex=True, outputs=logits_of)


def squared_error(*, l2: float | Mapping[str, float] = 0.0, measurement: PerExample | None = None, lower_is_better: bool = True) -> Objective:
    """Σ (output - target)², without ½; outputs (B,), (B, 1) or (B, K) (summed over K), targets alike."""
    return Objective(_squared_error, measurement, lower_is_better, FromUniform(_sample_normal), l2, convex=True, outputs=logits_of)


def smooth_hinge(
    t: float = 1e-3, *, l2: float | Mapping[str, float] = 0.0, measurement: PerExample | None = None, lower_is_better: bool = True
) -> Objective:
    """t log(1 + exp((1 - y s)/t)), the hinge as t -> 0; outputs s (B,) or (B, 1), targets y in {0, 1} or {-1, 1}.

    Source: Koh & Liang 2017, section 4.3.
    """
    if not t >= 0:
        raise UsageError(f"smooth_hinge(t={t}) needs a temperature of 0 (the hinge itself) or more.")
    return Objective(partial(_smooth_hinge, t=t), measurement, lower_is_better, None, l2, convex=True, outputs=logits_of)


def next_token(*, l2: float | Mapping[str, float] = 0.0, measurement: PerExample | None = None, lower_is_better: bool = True) -> Objective:
    """-Σₜ log softmax(outputs[t])[target[t + 1]] over a sequence; outputs (B, T, V), targets (B, T) tokens, -100 left out.

    Outputs with more positions than targets have those of tokens before them, as prompt tuning's: the last of these says the first target.
    """
    return Objective(_next_token, measurement, lower_is_better, FromUniform(_sample_following), l2, convex=True, outputs=logits_of)


def logits_of(answer: object) -> object:
    """The logits in a model's answer: of an object or dictionary by name, of a tuple the first tensor."""
    if hasattr(answer, "logits"):
        return getattr(answer, "logits")  # noqa: B009, of whatever class it is
    if isinstance(answer, Mapping):
        if "logits" not in answer:
            raise UsageError(
                f"The model answers with a dictionary of {sorted(answer)}; say which are the outputs: Objective(outputs=lambda answer: ...)."
            )
        return answer["logits"]
    if isinstance(answer, (tuple, list)):
        return next((part for part in answer if isinstance(part, Tensor)), answer)
    return answer


def _named(function: Any) -> str:
    if isinstance(function, partial):
        return f"{_named(function.func)}({function.keywords})"
    return getattr(function, "__qualname__", type(function).__name__ if function is not None else "loss").lstrip("_")


def _cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    if targets.shape not in (outputs.shape[:-1], outputs.shape):
        raise UsageError(
            f"Outputs of shape {tuple(outputs.shape)} do not fit targets of shape {tuple(targets.shape)}; "
            f"with classes last, targets have shape {tuple(outputs.shape[:-1])}."
        )
    classes = outputs.shape[-1]
    flat = targets.reshape(-1, classes) if targets.shape == outputs.shape else targets.reshape(-1)
    losses = F.cross_entropy(outputs.reshape(-1, classes), flat, reduction="none").view(outputs.shape[:-1])
    return losses.flatten(1).sum(1) if losses.dim() > 1 else losses


def _binary_cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    logits = _alike(outputs, targets)
    losses = F.binary_cross_entropy_with_logits(logits, targets.to(logits.dtype).view_as(logits), reduction="none")
    return losses.flatten(1).sum(1) if losses.dim() > 1 else losses


def _squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    outputs = _alike(outputs, targets)
    errors = (outputs - targets.to(outputs.dtype).view_as(outputs)).square()
    return errors.flatten(1).sum(1) if errors.dim() > 1 else errors


def _smooth_hinge(outputs: Tensor, targets: Tensor, t: float) -> Tensor:
    scores = _alike(outputs, targets).flatten()
    gap = 1 - torch.where(targets.flatten() > 0, scores, -scores)
    return gap.clamp_min(0) if t == 0 else t * F.softplus(gap / t)


def _next_token(outputs: Tensor, targets: Tensor) -> Tensor:
    logits, following = shifted(outputs, targets)
    return F.cross_entropy(logits.transpose(1, 2), following, reduction="none", ignore_index=IGNORED).sum(1)


def shifted(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (B, T - 1, V) and the tokens (B, T - 1) that follow them, which they say."""
    if outputs.dim() != 3 or targets.dim() != 2 or outputs.shape[1] < targets.shape[1]:
        raise UsageError(f"next_token() takes logits (B, T, V) and tokens (B, T), not {tuple(outputs.shape)} and {tuple(targets.shape)}.")
    targets = F.pad(targets, (outputs.shape[1] - targets.shape[1], 0), value=IGNORED)
    return outputs[:, :-1], targets[:, 1:]


def _alike(outputs: Tensor, targets: Tensor) -> Tensor:
    """Outputs of shape (B, 1) read as (B,): otherwise (B, 1) against (B,) would broadcast to (B, B)."""
    if outputs.numel() != targets.numel():
        raise UsageError(f"Outputs of shape {tuple(outputs.shape)} do not fit targets of shape {tuple(targets.shape)}; give one target per output.")
    return outputs.squeeze(-1) if outputs.dim() > 1 and outputs.shape[-1] == 1 else outputs


def _sample_classes(outputs: Tensor, noise: Tensor) -> Tensor:
    """The largest of logit plus Gumbel noise is a draw from the softmax."""
    return (outputs.double() - (-noise.log()).log()).argmax(-1)


def _sample_following(outputs: Tensor, noise: Tensor) -> Tensor:
    """Position t says what follows it; the first token is nobody's."""
    return F.pad(_sample_classes(outputs, noise)[:, :-1], (1, 0))


def _sample_bits(outputs: Tensor, noise: Tensor) -> Tensor:
    return (noise < outputs.double().sigmoid()).to(outputs.dtype)


def _sample_normal(outputs: Tensor, noise: Tensor) -> Tensor:
    normal = torch.special.ndtri(noise.double()) * 0.5**0.5  # exp(-(o - t)²) is a normal density of variance ½
    return outputs + normal.to(outputs.dtype)
