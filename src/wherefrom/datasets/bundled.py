"""Data that come with scikit-learn: no file, no network."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn import datasets as sk

from wherefrom.datasets.images import Images
from wherefrom.datasets.tables import Table, read_table
from wherefrom.errors import UsageError, nearest

TABLES: dict[str, tuple[Callable[..., Any], str]] = {  # name -> loader and what its target is called
    "breast_cancer": (sk.load_breast_cancer, "diagnosis"),
    "wine": (sk.load_wine, "cultivar"),
    "iris": (sk.load_iris, "species"),
    "diabetes": (sk.load_diabetes, "progression"),
}


def bundled(name: str) -> Table | Images:
    """Digits: "digits" as :class:`Images` (1,797 of 8 × 8), "breast_cancer", "wine", "iris" or "diabetes" as :class:`Table`."""
    if name == "digits":
        digits: Any = sk.load_digits()
        X = torch.from_numpy(digits.images).float().div_(16)[:, None]
        return Images(X, torch.from_numpy(digits.target).long(), np.arange(len(X)), tuple("0123456789"))
    if name not in TABLES:
        known = ("digits", *TABLES)
        raise UsageError(f"No data called {name!r} come with scikit-learn here.{nearest(name, known)} Choose one of {', '.join(known)}.")
    loader, target = TABLES[name]
    found: Any = loader(as_frame=True, **({"scaled": False} if name == "diabetes" else {}))
    frame = found.frame.rename(columns={"target": target})
    if name != "diabetes":
        names = [str(label) for label in found.target_names]
        frame[target] = [names[value] for value in frame[target]]
    return read_table(frame, target, name=name)
