"""The names of the room; ``__init__.py`` imports each when it is first used."""

from .methods.leaf_influence import LeafInfluence
from .read import read
from .tree_problem import TreeProblem

__all__ = ["LeafInfluence", "TreeProblem", "read"]
