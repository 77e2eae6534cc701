"""Settings of curvatures and solvers as plain data, and back."""

from dataclasses import fields, is_dataclass
from typing import Any

from wherefrom import curvature, solvers
from wherefrom.errors import UsageError


def to_plain(settings: Any) -> Any:
    """Return numbers, texts, lists and dictionaries that :func:`from_plain` turns back into the settings.

    Raises :class:`UsageError` for a curvature or solver from outside.
    """
    kind = type(settings).__name__
    if is_dataclass(settings) and _public(kind) is type(settings):
        return {"kind": kind, **{field.name: to_plain(getattr(settings, field.name)) for field in fields(settings)}}
    if isinstance(settings, tuple):
        return [to_plain(value) for value in settings]
    if settings is None or isinstance(settings, (bool, int, float, str)):
        return settings
    raise UsageError(f"A {kind} cannot be saved; save with the curvatures and solvers of wherefrom.")


def from_plain(described: Any) -> Any:
    """Return the settings that :func:`to_plain` described. Raises :class:`UsageError` for a curvature or solver that is not known."""
    if isinstance(described, list):
        return tuple(from_plain(value) for value in described)
    if not isinstance(described, dict):
        return described
    kind = _public(described["kind"])
    if kind is None:
        raise UsageError(f"This wherefrom has no {described['kind']!r} among its curvatures and solvers; fit and save it again.")
    return kind(**{name: from_plain(value) for name, value in described.items() if name != "kind"})


def _public(name: str) -> type | None:
    """The curvature or solver that its room exports under this name."""
    for room, role in ((curvature, curvature.Curvature), (solvers, solvers.Solver)):
        found = getattr(room, name) if name in room.__all__ else None
        if isinstance(found, type) and issubclass(found, role):
            return found
    return None
