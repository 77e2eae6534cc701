"""The error whose message is one sentence that names the fix."""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class UsageError(ValueError):
    """Something the caller can put right; the message says what and how. The command line prints it without a traceback."""


class NotPositiveDefinite(UsageError):
    """A curvature, with its damping, that is 0 or below along some direction, so that no minimum lies in that direction."""


class ScoreWarning(UserWarning):
    """What went less than well in computing scores; it is warned of once they are there, and stands in their notes."""


_remarks: ContextVar[list[str] | None] = ContextVar("remarks", default=None)


def remark(text: str) -> None:
    """Put a sentence among the notes of the scores that are being computed, without a warning; nothing where none are."""
    if (notes := _remarks.get()) is not None and text not in notes:
        notes.append(text)


@contextmanager
def remarks_to(notes: list[str]) -> Iterator[None]:
    """Gather what is remarked meanwhile in a list."""
    token = _remarks.set(notes)
    try:
        yield
    finally:
        _remarks.reset(token)


def nearest(name: object, known: Iterable[object]) -> str:
    """Return ``" Did you mean 'x'?"`` for the known name most like ``name``, or an empty string where none is."""
    found = difflib.get_close_matches(str(name), [str(k) for k in known], n=1, cutoff=0.5)
    return f" Did you mean {found[0]!r}?" if found else ""
