"""The proof that an ensemble's leaf values come from its problem's data, and what methods build on."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wherefrom.errors import UsageError
from wherefrom.problem import Problem
from wherefrom.trees.boosted import Boosted
from wherefrom.trees.forest import Forest
from wherefrom.trees.replay import Replay, proved, replay
from wherefrom.trees.reverse import Rows
from wherefrom.trees.tree_problem import TreeProblem


@dataclass(frozen=True, eq=False)
class Proof:
    """An ensemble whose values were replayed: ``difference`` is the largest found, in units of the largest value."""

    problem: TreeProblem
    difference: float
    replay: Replay | None  # of boosting

    @classmethod
    def of(cls, problem: Problem) -> "Proof":
        """Replay a problem's trees on its examples. Raises :class:`UsageError` where values differ, or for a problem without trees."""
        problem = tree_problem(problem)
        structure, rows = problem.structure, problem.train.rows
        held, start = (problem.state[name].detach().cpu().double().numpy() for name in ("values", "start"))
        leaves, weights = structure.leaves[rows], problem.weights.double().numpy()
        if isinstance(structure, Forest):
            values = structure.fitted_values(leaves, structure.shares(rows, weights), problem.targets)
            worst = float(np.abs(values - held).max()) / max(float(np.abs(held).max()), 1e-300)
            if not worst <= structure.tolerance:
                raise UsageError(
                    f"The leaf values of this forest are not the means that these rows, targets and weights give: they differ by {worst:.1e} of the "
                    "largest; give the very table, targets and weights of its training, or train it again on these."
                )
            return cls(problem, worst, None)
        if structure.flaw:
            raise UsageError(structure.flaw)
        found = replay(structure, leaves, structure.rule.seen(problem.targets), structure.rule.seen(weights))
        return cls(problem, proved(structure, found, held, start), found)

    @cached_property
    def rows(self) -> Rows:
        """The training rows."""
        problem = self.problem
        y, weights = problem.targets, problem.weights.double().numpy()
        if isinstance(problem.structure, Boosted):
            y, weights = problem.structure.rule.seen(y), problem.structure.rule.seen(weights)
        return Rows(problem.structure.leaves[problem.train.rows], y, weights)

    @property
    def boosted(self) -> tuple[Boosted, Replay]:
        """The trees of boosting and their replay. Raises :class:`UsageError` for a forest."""
        structure = self.problem.structure
        if isinstance(structure, Forest) or self.replay is None:
            raise UsageError("This method is of boosted trees, and the model is a forest; use ForestKernel(), TreesWithout() or LeafRefit().")
        return structure, self.replay

    @property
    def forest(self) -> Forest:
        """The forest. Raises :class:`UsageError` for boosted trees."""
        structure = self.problem.structure
        if not isinstance(structure, Forest):
            raise UsageError("This method is of forests, and the model is boosted; use LeafInfluence(), LeafRefit() or BoostIn().")
        return structure


def tree_problem(problem: Problem) -> TreeProblem:
    """Return the problem of trees. Raises :class:`UsageError` for another."""
    if not isinstance(problem, TreeProblem):
        raise UsageError("This method is of tree ensembles; make the problem with wf.trees.read(model, X, y).")
    return problem
