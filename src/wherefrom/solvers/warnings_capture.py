"""What solvers and checkpoints warn of while scores are computed, kept to stand beside them."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from wherefrom.errors import ScoreWarning, remarks_to


@contextmanager
def listening() -> Iterator[list[str]]:
    """What is warned of or remarked meanwhile; on leaving, warnings are given all the same, at the caller of the function that listened."""
    notes: list[str] = []
    heard: list[tuple[str, type[Warning]]] = []
    with warnings.catch_warnings(), remarks_to(notes):
        warnings.simplefilter("always", ScoreWarning)
        show = warnings.showwarning

        def noted(message: Warning | str, category: type[Warning], *rest: Any) -> None:
            if issubclass(category, ScoreWarning):
                notes.append(str(message))
                heard.append((str(message), category))
            else:
                show(message, category, *rest)

        warnings.showwarning = noted
        yield notes
    for text, kind in heard:
        warnings.warn(text, kind, stacklevel=4)
