"""The packages of the extra ``lm``, imported when they are first asked for."""

import importlib
from types import ModuleType

from wherefrom.errors import UsageError


def package(name: str) -> ModuleType:
    """Return a package of the extra. Raises :class:`UsageError` where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UsageError(f'{name} cannot be imported ({error}); install it with pip install "wherefrom[lm]".') from error
