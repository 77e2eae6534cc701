"""A statistic that says how sure it is, what chance would give, and why it is missing when it is."""

from dataclasses import asdict, dataclass
from typing import Literal

Status = Literal["ok", "undefined", "vacuous", "underpowered"]


@dataclass(frozen=True)
class Estimate:
    """One number with its interval.

    ``value`` is ``None`` unless ``status`` is ``"ok"`` or ``"underpowered"``; it is never NaN. ``low`` and ``high`` bound
    the value with confidence ``level``; ``n`` counts what was resampled to find them. ``chance`` is what a random ranking
    would give, ``ceiling`` the best that noise in the truth allows. A ``reason`` beside ``"ok"`` says what was left out.
    """

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    n: int = 0
    chance: float | None = None
    ceiling: float | None = None
    status: Status = "ok"
    reason: str = ""

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.name}: {self.status} ({self.reason})"
        interval = "" if self.low is None or self.high is None else f" [{self.low:.4g}, {self.high:.4g}]"
        beside = "".join(f", {word} {value:.3g}" for word, value in (("chance", self.chance), ("ceiling", self.ceiling)) if value is not None)
        note = ": ".join(word for word in (self.status if self.status != "ok" else "", self.reason) if word)
        return f"{self.name} {self.value:.4g}{interval}{beside}, n={self.n}" + (f" ({note})" if note else "")

    def to_dict(self) -> dict[str, float | int | str | None]:
        """The fields as a plain dictionary, for JSON."""
        return asdict(self)


def undefined(name: str, reason: str, n: int = 0) -> Estimate:
    """Return the estimate of a statistic that has no value here, with the reason."""
    return Estimate(name, None, n=n, status="undefined", reason=reason)


def vacuous(name: str, reason: str, n: int = 0) -> Estimate:
    """The estimate of a statistic that would be the same whatever the scores."""
    return Estimate(name, None, n=n, status="vacuous", reason=reason)
