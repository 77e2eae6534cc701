"""Targets in one form: numbers, or classes counted from 0."""

from dataclasses import dataclass

import numpy as np

from wherefrom.errors import UsageError
from wherefrom.trees.forms import Table


@dataclass(frozen=True, eq=False)
class TargetForm:
    """``classes`` in the model's order; None for numbers."""

    classes: np.ndarray | None

    def encode(self, y: Table) -> np.ndarray:
        """Return targets as float64 (n,). Raises :class:`UsageError` for classes that the model does not know and numbers that are not finite."""
        given = np.asarray(y.detach().cpu() if hasattr(y, "detach") else y)
        if given.ndim == 2 and given.shape[1] == 1:
            given = given[:, 0]
        if given.ndim != 1:
            raise UsageError(
                f"Targets of shape {given.shape} are not one for each row; several targets at once are not supported, read one model for each."
            )
        if self.classes is None:
            try:
                found = given.astype(np.float64)
            except (TypeError, ValueError) as error:
                raise UsageError(f"The model predicts numbers, and the targets hold {given[0]!r}; give numbers.") from error
            if not np.isfinite(found).all():
                raise UsageError(f"Target {int(np.argmin(np.isfinite(found)))} is not finite; leave that row out.")
            return found
        known = {value: place for place, value in enumerate(self.classes.tolist())}
        unknown = [value for value in given.tolist() if value not in known]
        if unknown:
            raise UsageError(f"Target {unknown[0]!r} is no class of the model, which knows {self.classes.tolist()[:6]}; give one of them.")
        return np.array([known[value] for value in given.tolist()], np.float64)
