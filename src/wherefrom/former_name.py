"""The name of the library before its first release: stores written under it still open, and its settings still count, with a notice."""

import os
import warnings
from collections.abc import Mapping
from typing import Any

FORMER_NAME = "whence"
NAME = "wherefrom"


def setting(name: str) -> str | None:
    """Return the environment variable ``WHEREFROM_<name>``, or the one of the former name with a notice; None where neither is set."""
    wanted, former = f"{NAME}_{name}".upper(), f"{FORMER_NAME}_{name}".upper()
    if value := os.environ.get(wanted):
        return value
    value = os.environ.get(former)
    if value:
        warnings.warn(f"{former} is read as {wanted}, its new name; set {wanted} instead.", FutureWarning, stacklevel=3)
    return value or None


def manifest_of(attributes: Mapping[str, object]) -> Any:
    """Return the manifest among the attributes of a store or a file, under either name; None where it is no store of ours."""
    return attributes.get(NAME, attributes.get(FORMER_NAME))
