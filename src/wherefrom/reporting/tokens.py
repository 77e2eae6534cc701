"""Tokens of a text in colour: blue where they speak for a query, red where they speak against it."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

FOR, AGAINST = "47, 111, 176", "200, 85, 61"  # the colours of proponents and opponents
MOST = 0.75  # opacity of the largest score
SPACES = str.maketrans({"\n": "⏎", "\t": "⇥"})


@dataclass(frozen=True)
class ScoredTokens:
    """Tokens in order, each with its score; None for one that is context alone."""

    tokens: tuple[str, ...]
    scores: tuple[float | None, ...]

    @property
    def largest(self) -> float:
        """The size of the largest score."""
        return max((abs(score) for score in self.scores if score is not None), default=0.0)

    def html(self, scale: float | None = None) -> Markup:
        """The text, each token on a ground as strong as its score beside ``scale`` (default: the largest here), with the number as its title."""
        whole = (self.largest if scale is None else scale) or 1.0
        return Markup("").join(_token(token, score, whole) for token, score in zip(self.tokens, self.scores, strict=True))


def shared_scale(texts: Sequence[ScoredTokens]) -> float:
    """Return the largest score of some texts, so that their colours compare."""
    return max((text.largest for text in texts), default=0.0)


def _token(token: str, score: float | None, scale: float) -> Markup:
    text = escape(token.translate(SPACES))
    if score is None:
        return Markup('<span style="opacity: .55">{}</span>').format(text)
    strength = MOST * min(1.0, abs(score) / scale)
    number = f"{score:+.3g}".replace("-", "−")
    colour = FOR if score >= 0 else AGAINST
    return Markup('<span title="{}" style="background: rgba({}, {:.3f}); border-radius: 3px">{}</span>').format(number, colour, strength, text)
