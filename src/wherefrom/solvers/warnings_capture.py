"""What solvers warn of while scores are computed, kept to stand beside them."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from wherefrom.solvers.solver import SolverWarning


@contextmanager
def listening() -> Iterator[list[str]]:
    """What solvers warn of meanwhile; on leaving it is warned of all the same, at the caller of the function that listened."""
    told: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always", SolverWarning)
        show = warnings.showwarning

        def noted(message: Warning | str, category: type[Warning], *rest: Any) -> None:
            if issubclass(category, SolverWarning):
                told.append(str(message))
            else:
                show(message, category, *rest)

        warnings.showwarning = noted
        yield told
    for text in told:
        warnings.warn(text, SolverWarning, stacklevel=4)
