"""A method's settings for another run: what was fitted is fitted again, and seeds are moved, wherever in them they lie."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from wherefrom.methods import Method
from wherefrom.solvers import FittedIHVP


def unfitted(method: Method) -> Method:
    """The method's settings, for other parameters: what was fitted is fitted again, with the value of the damping that it has."""
    return _mapped(method, _unfitted)


def reseeded(method: Method, number: int) -> Method:
    """The method's settings with 1 + ``number`` added to every seed in them."""
    return _reseeded(method, number)


def has_seed(settings: object) -> bool:
    """Whether there is a seed anywhere in the settings."""
    return isinstance(getattr(settings, "seed", None), int) or any(has_seed(value) for value in _settings(settings).values())


def _unfitted(part: Any) -> Any:
    if isinstance(part, FittedIHVP):
        return replace(part.settings, damping=part.damping) if isinstance(part.damping, float) else part.settings
    return _mapped(part, _unfitted)


def _reseeded(part: Any, number: int) -> Any:
    changed = _mapped(part, lambda value: _reseeded(value, number))
    return replace(changed, seed=changed.seed + 1 + number) if isinstance(getattr(changed, "seed", None), int) else changed


def _settings(of: Any) -> Mapping[str, Any]:
    """The fields of settings that are settings, or something fitted, themselves."""
    if not is_dataclass(of):
        return {}
    return {field.name: getattr(of, field.name) for field in fields(of) if field.init and is_dataclass(getattr(of, field.name))}


def _mapped(settings: Any, change: Callable[[Any], Any]) -> Any:
    found = {name: change(value) for name, value in _settings(settings).items()}
    return replace(settings, **found) if found else settings
