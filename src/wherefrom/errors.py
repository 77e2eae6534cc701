"""The error whose message is one sentence that names the fix."""

import difflib
from collections.abc import Iterable


class UsageError(ValueError):
    """Something the caller can put right; the message says what and how. The command line prints it without a traceback."""


class NotPositiveDefinite(UsageError):
    """A curvature, with its damping, that is 0 or below along some direction, so that no minimum lies in that direction."""


def nearest(name: object, known: Iterable[object]) -> str:
    """Return ``" Did you mean 'x'?"`` for the known name most like ``name``, or an empty string where none is."""
    found = difflib.get_close_matches(str(name), [str(k) for k in known], n=1, cutoff=0.5)
    return f" Did you mean {found[0]!r}?" if found else ""
