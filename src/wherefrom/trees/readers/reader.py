"""What reading a library's models takes."""

import importlib
from abc import ABC, abstractmethod
from types import ModuleType

import numpy as np

from wherefrom.errors import UsageError
from wherefrom.trees.boosted import Boosted
from wherefrom.trees.forest import Forest
from wherefrom.trees.forms import Estimator, Rules, Settings, Table

PAIRS = 2  # classes whose two-class models have one raw output


class Reader(ABC):
    """How one kind of fitted ensemble becomes plain numbers, through the public interface of its library alone."""

    seed: str = "random_state"  # what the estimator calls its seed

    @abstractmethod
    def reads(self, model: Estimator) -> bool:
        """Return whether a model is of this kind, without importing its library."""

    @abstractmethod
    def classes(self, model: Estimator) -> np.ndarray | None:
        """Return the classes in the model's order, None for regression."""

    @abstractmethod
    def structure(self, model: Estimator, table: Table, y: np.ndarray, weights: np.ndarray) -> Boosted | Forest:
        """Return the trees. Raises :class:`UsageError` naming the setting that leaves a model's values without a replay, and what to retrain with."""


def is_of(model: Estimator, *names: str) -> bool:
    """Return whether a class of this model is called so: ``package.ClassName``."""
    return any(f"{kind.__module__.split('.')[0]}.{kind.__qualname__}" in names for kind in type(model).__mro__)


def package(name: str) -> ModuleType:
    """Return a library of the extra. Raises :class:`UsageError` where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UsageError(f'{name} cannot be imported ({error}); install it with pip install "wherefrom[trees]".') from error


def fitted(model: Estimator, attribute: str) -> None:
    """Raises :class:`UsageError` for an estimator without this fitted attribute."""
    try:
        there = getattr(model, attribute, None) is not None
    except Exception:  # libraries raise errors of their own where nothing is fitted
        there = False
    if not there:
        raise UsageError(f"This {type(model).__name__} is not fitted; call fit(X, y) first.")


def refuse(model: Estimator, setting: str, why: str, instead: str) -> UsageError:
    """Return the refusal of a setting."""
    return UsageError(f"{type(model).__name__} was trained with {setting}, {why}; retrain with {instead}.")


def check_settings(model: Estimator, settings: Settings, rules: Rules) -> None:
    """Refuse each setting with another value than those of its rule: name -> (values that can be followed, why others cannot, what instead)."""
    for name, (good, why, instead) in rules.items():
        value = settings.get(name)
        if not any(value is one or (type(value) in (int, float, str, bool) and value == one) for one in good):
            raise refuse(model, f"{name}={value!r}", why, instead)


def local_leaves(nodes: np.ndarray, known: np.ndarray, what: str) -> np.ndarray:
    """Return leaf numbers from 0 of a tree's node ids (rows,), where ``known`` are its leaves, sorted."""
    places = np.searchsorted(known, nodes).clip(max=len(known) - 1)
    if not (known[places] == nodes).all():
        raise UsageError(f"A row falls in a leaf of {what} that no training row has; give the very table of its training.")
    return places
