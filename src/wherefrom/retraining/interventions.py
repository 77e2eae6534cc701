"""What is changed about a problem's examples before it is trained again: some are left out, or have other labels."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from wherefrom.data.trees import leaves, tree_map
from wherefrom.errors import UsageError
from wherefrom.problem import Problem
from wherefrom.retraining.run import RelabelMany, Run, TrainMany
from wherefrom.retraining.train.recording import batch_of
from wherefrom.scores import positions_of
from wherefrom.types import Id, Numbers, Tree


@dataclass(frozen=True, eq=False)
class Change(ABC):
    """One change, of the examples ``ids``; ``many`` are the trainers that can do several such changes at once."""

    ids: Sequence[Id]
    many: ClassVar[type]

    @abstractmethod
    def of(self, problem: Problem) -> Problem:
        """The problem so changed."""

    @property
    @abstractmethod
    def key(self) -> list[object]:
        """What tells this change from others, in any order, as plain values."""

    @property
    @abstractmethod
    def told(self) -> dict[str, int]:
        """How many examples are changed, and how."""

    @staticmethod
    @abstractmethod
    def together(train: Any, problem: Problem, changes: Sequence[Any], seed: int, progress: bool) -> Iterable[Run]:
        """The runs of all changes from such a trainer."""


@dataclass(frozen=True, eq=False)
class LeftOut(Change):
    """Leaving ``ids`` out; ``normalise``: N is what is left."""

    normalise: bool = False
    many = TrainMany

    def of(self, problem: Problem) -> Problem:
        smaller = problem.without(self.ids)
        if len(problem) - len(smaller) != len(self.ids):
            raise UsageError(
                f"Leaving out {len(self.ids)} ids took {len(problem) - len(smaller)} rows away; report this, the ids are not what they say."
            )
        return smaller.renormalised() if self.normalise else smaller

    @property
    def key(self) -> list[object]:
        return np.asarray(self.ids).tolist()

    @property
    def told(self) -> dict[str, int]:
        return {"left out": len(self.ids)}

    @staticmethod
    def together(train: TrainMany, problem: Problem, changes: Sequence["LeftOut"], seed: int, progress: bool) -> Iterable[Run]:
        normalise = any(change.normalise for change in changes)
        return train.without(problem, [change.ids for change in changes], seed=seed, normalise=normalise, progress=progress)


@dataclass(frozen=True, eq=False)
class Relabelled(Change):
    """Giving ``ids`` the ``labels``, a row for each, in the form that the problem's split gives targets."""

    labels: Tree
    many = RelabelMany

    def of(self, problem: Problem) -> Problem:
        return problem.relabelled(self.ids, self.labels)

    @property
    def key(self) -> list[object]:
        return [*zip(np.asarray(self.ids).tolist(), *(leaf.tolist() for leaf in leaves(self.labels)), strict=True)]

    @property
    def told(self) -> dict[str, int]:
        return {"relabelled": len(self.ids)}

    @staticmethod
    def together(train: RelabelMany, problem: Problem, changes: Sequence["Relabelled"], seed: int, progress: bool) -> Iterable[Run]:
        groups, labels = [change.ids for change in changes], [change.labels for change in changes]
        return train.relabelled(problem, groups, labels, seed=seed, progress=progress)


def relabellings(problem: Problem, groups: Mapping[str, Sequence[Id]], labels: Tree | Numbers) -> dict[str, Relabelled]:
    """Each group's change, its ids in the order of the data; ``labels``: name -> a row for each id, or a row for each training example."""
    given = {str(name): rows for name, rows in labels.items()} if isinstance(labels, Mapping) else {}
    if isinstance(labels, Mapping) and set(given) != set(groups):
        odd = sorted(set(given) ^ set(groups))[0]
        raise UsageError(f"{odd!r} is a name of groups or of labels alone; give each group its labels under its own name.")
    found = {}
    for name, ids in groups.items():
        places = positions_of(ids, problem.ids, "training")
        changed, order = problem.relabelled(ids, given[name] if given else _taken(labels, places, len(problem))), np.sort(places)
        found[name] = Relabelled(problem.ids[order].tolist(), batch_of(changed, order).targets)
    return found


def _taken(labels: Any, places: np.ndarray, n: int) -> Any:
    """The rows of some examples from those of all."""
    tree = labels if leaves(labels) else torch.as_tensor(labels)
    for leaf in leaves(tree):
        if len(leaf) != n:
            raise UsageError(f"{len(leaf)} labels for {n} training examples; give one for each, or each group's own under its name.")
    return tree_map(lambda leaf: leaf[torch.from_numpy(places).to(leaf.device)], tree)
