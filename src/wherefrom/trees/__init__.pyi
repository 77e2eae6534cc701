"""The names of the room; ``__init__.py`` imports each when it is first used."""

from .leaf_features import leaf_features
from .methods.axil import AXIL
from .methods.boostin import BoostIn
from .methods.forest_kernel import RFGAP, ForestKernel
from .methods.leaf_influence import LeafInfluence
from .methods.leaf_refit import LeafRefit
from .methods.tree_sim import TreeSim
from .methods.trees_without import InfinitesimalJackknife, TreesWithout, standard_errors
from .read import read
from .train import refit, retrain
from .tree_problem import TreeProblem

__all__ = [
    "AXIL", "RFGAP", "BoostIn", "ForestKernel", "InfinitesimalJackknife", "LeafInfluence", "LeafRefit", "TreeProblem", "TreeSim", "TreesWithout",
    "leaf_features", "read", "refit", "retrain", "standard_errors",
]  # fmt: skip
