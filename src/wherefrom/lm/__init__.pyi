"""The names of the room; ``__init__.py`` imports each when it is first used."""

from .language_problem import LanguageDataWarning, describe, examples, problem

__all__ = ["LanguageDataWarning", "describe", "examples", "problem"]
