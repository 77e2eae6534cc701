"""Training and held-out rows."""

import numpy as np

from wherefrom.errors import UsageError
from wherefrom.types import Labels


def split(n: int, *, seed: int, fraction: float = 0.2, stratify: Labels | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Sorted positions of training and held-out rows, about ``fraction`` of them held out.

    ``stratify`` (n,) are classes that are held out alike; each keeps at least one training row.
    """
    if n < 2:
        raise UsageError(f"{n} row{'s' * (n != 1)} cannot be split; give at least 2.")
    if not 0 < fraction < 1:
        raise UsageError(f"fraction={fraction} holds out none or all; give a number between 0 and 1.")
    order = np.random.default_rng(seed).permutation(n)
    classes = np.zeros(n, dtype=np.int64) if stratify is None else np.unique(np.asarray(stratify), return_inverse=True)[1]
    if len(classes) != n:
        raise UsageError(f"stratify holds {len(classes)} classes for {n} rows; give one for each row.")
    order = order[np.argsort(classes[order], kind="stable")]
    count = min(n - 1, max(1, round(fraction * n)))
    held = order[np.floor((np.arange(count) + 0.5) * n / count).astype(np.int64)]  # evenly spaced, so each class by its share
    gone = np.setdiff1d(classes[held], np.delete(classes, held))
    back = [held[classes[held] == one][0] for one in gone]
    held = np.setdiff1d(held, back)
    if not len(held):
        raise UsageError("Every class has one row only, so none can be held out; give more rows.")
    return np.setdiff1d(np.arange(n), held), held


def split_three(
    n: int, *, seed: int, validation: float = 0.2, test: float = 0.2, stratify: Labels | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sorted positions of training, validation and test rows: what is learnt from, what chooses, and what judges the choice."""
    if not (validation > 0 and test > 0 and validation + test < 1):
        raise UsageError(f"validation={validation} and test={test} hold out none or all; give shares above 0, below 1 in all.")
    rest, judged = split(n, seed=seed, fraction=test, stratify=stratify)
    inner = None if stratify is None else np.asarray(stratify)[rest]
    train, held = split(len(rest), seed=seed, fraction=validation / (1 - test), stratify=inner)
    return rest[train], rest[held], judged
