"""The names of the room; ``__init__.py`` imports each when it is first used."""

from .generation import generations
from .language_problem import describe, examples, problem
from .reader import LanguageDataWarning
from .token_attribution import TokenPair, TokenScores, texts, token_scores

__all__ = ["LanguageDataWarning", "TokenPair", "TokenScores", "describe", "examples", "generations", "problem", "texts", "token_scores"]
