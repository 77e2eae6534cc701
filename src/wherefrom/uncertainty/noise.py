"""What varies between the runs of a trust: each source of noise says what it varies and makes one run after the other."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from wherefrom.checkpoints import as_checkpoints
from wherefrom.data.examples import Examples, split_batch
from wherefrom.data.trees import tree_map
from wherefrom.errors import UsageError
from wherefrom.methods import Method
from wherefrom.methods.base import FittedMethod
from wherefrom.methods.trajectory.checkpoint_states import states_at
from wherefrom.problem import Problem
from wherefrom.retraining import Train
from wherefrom.retraining.retrain import parameters_of
from wherefrom.uncertainty.last_layer_bootstrap import HeadBootstrap
from wherefrom.uncertainty.settings import has_seed, reseeded, unfitted

Draw = Callable[[int], tuple[Method, Problem]]

SEEDS, LAST, OTHER, MOMENT = "the trainer's seed", "the last layer's data", "other layers' data", "the moment of training"
SOLVER, DAMPING = "the method's own seeds", "the damping"
SOURCES = (SEEDS, LAST, OTHER, MOMENT, SOLVER, DAMPING, "architecture and hyperparameters")  # what may vary, in words


class Noise(ABC):
    """A source of noise: ``prepare`` gives a function from a run's number to the method and the problem whose scores are that run's.

    ``about="mean"``: runs are equals, and their mean is meant, which more of them make surer. ``about="point"``: runs scatter about the given
    model's scores as these do about what other models of their kind would say; more runs tell that scatter better and do not lessen it.
    """

    runs: int
    estimand: ClassVar[Literal["training", "model"]] = "training"
    about: ClassVar[Literal["mean", "point"]]
    varies: ClassVar[tuple[str, ...]]

    @abstractmethod
    def prepare(self, method: Method, problem: Problem, train: Train | None) -> Draw:
        """Whatever all runs share, once."""


@dataclass(frozen=True)
class Seeds(Noise):
    """The model trained again by ``train`` with seeds ``first``, ``first + 1``, ... on the same data."""

    runs: int = 10
    first: int = 1
    about = "mean"
    varies = (SEEDS,)

    def __post_init__(self) -> None:
        _at_least_two(self.runs)

    def prepare(self, method: Method, problem: Problem, train: Train | None) -> Draw:
        trainer, method = _trainer(train, "Seeds"), unfitted(method)
        return lambda number: (method, problem.at(parameters_of(trainer(problem, self.first + number))))


@dataclass(frozen=True)
class Bootstrap(Noise):
    """The model trained again, each time with a seed of its own and with other weights of the training examples.

    Weights are drawn independently from the exponential distribution and scaled to the same sum (Rubin 1981, the Bayesian bootstrap), or
    (``resampled``) say how often a sample with replacement has each example. They take part in training and in the method's fit; an example is
    scored as one of its own weight, whatever weight it was given.
    """

    runs: int = 16
    seed: int = 0
    resampled: bool = False
    about = "point"
    varies = (SEEDS, LAST, OTHER)

    def __post_init__(self) -> None:
        _at_least_two(self.runs)

    def prepare(self, method: Method, problem: Problem, train: Train | None) -> Draw:
        trainer, method = _trainer(train, "Bootstrap"), unfitted(method)

        def draw(number: int) -> tuple[Method, Problem]:
            weights = drawn_weights(problem, self.seed, number, self.resampled)
            found = trainer(problem.reweighted(weights), self.seed + 1 + number)
            return UnderWeights(method, weights), problem.at(parameters_of(found))

        return draw


@dataclass(frozen=True)
class LastLayerBootstrap(Noise):
    """Bayesian bootstrap of the last linear layer, on features that stay: one Newton step from the present weights for each draw; no training.

    Where the model is that layer, and convex, it stands for retraining; in a network it misses what features owe to the data and to the seed, so
    its intervals are a lower bound. Raises :class:`UsageError` where the model does not end in one linear layer.
    """

    runs: int = 100
    seed: int = 0
    about = "point"
    varies = (LAST,)

    def __post_init__(self) -> None:
        _at_least_two(self.runs)

    def prepare(self, method: Method, problem: Problem, train: Train | None) -> Draw:
        head, method = HeadBootstrap.of(problem), unfitted(method)

        def draw(number: int) -> tuple[Method, Problem]:
            weights = drawn_weights(problem, self.seed, number)
            return UnderWeights(method, weights), problem.at(head.parameters(weights))

        return draw


@dataclass(frozen=True, eq=False)
class Checkpoints(Noise):
    """The model at other moments of its training, or as other trainings left it: state dicts, paths, or a :class:`wherefrom.CheckpointRecorder`.

    Moments of one training are alike, so their spread is a lower bound.
    """

    checkpoints: Any
    about = "point"
    varies = (MOMENT,)

    def __post_init__(self) -> None:
        _at_least_two(self.runs)

    @property
    def runs(self) -> int:  # type: ignore[override]
        """As many as there are checkpoints."""
        return len(as_checkpoints(self.checkpoints, 1.0))

    def __repr__(self) -> str:
        return f"Checkpoints({self.runs})"

    def prepare(self, method: Method, problem: Problem, train: Train | None) -> Draw:
        states, method = states_at(problem, as_checkpoints(self.checkpoints, 1.0)), unfitted(method)
        return lambda number: (method, problem.at(states[number]))


@dataclass(frozen=True)
class MethodSeeds(Noise):
    """The same model, the method with other seeds wherever its settings have one: of projections, of random solvers, of sampled curvatures."""

    runs: int = 20
    about = "mean"
    estimand = "model"
    varies = (SOLVER,)

    def __post_init__(self) -> None:
        _at_least_two(self.runs)

    def prepare(self, method: Method, problem: Problem, train: Train | None) -> Draw:
        method = unfitted(method)
        if not has_seed(method):
            raise UsageError(f"{method!r} has no seed, so for this very model nothing varies; ask estimand='training', or noise=wf.noise.Dampings().")
        return lambda number: (reseeded(method, number), problem)


@dataclass(frozen=True)
class Dampings(Noise):
    """The same model, the damping of the method's IHVP multiplied by ``span`` to a power drawn between -1 and 1."""

    runs: int = 20
    span: float = 2.0
    seed: int = 0
    about = "point"
    estimand = "model"
    varies = (DAMPING,)

    def __post_init__(self) -> None:
        _at_least_two(self.runs)
        if not self.span > 1:
            raise UsageError(f"span={self.span} does not vary the damping; give a factor above 1.")

    def prepare(self, method: Method, problem: Problem, train: Train | None) -> Draw:
        ihvp: Any = getattr(method, "ihvp", None)
        if ihvp is None:
            raise UsageError(f"{method!r} has no IHVP, so no damping to vary; give another noise=.")
        fitted = ihvp.fit(problem)
        if not isinstance(fitted.damping, float) or fitted.damping == 0:
            raise UsageError("Only one damping above 0 for all layers can be multiplied; give the IHVP such a damping, or another noise=.")
        powers = 2 * torch.rand(self.runs, generator=torch.Generator().manual_seed(self.seed), dtype=torch.float64) - 1

        def draw(number: int) -> tuple[Method, Problem]:
            settings = replace(fitted.settings, damping=fitted.damping * self.span ** float(powers[number]))
            return replace(method, ihvp=settings), problem  # type: ignore[type-var]

        return draw


@dataclass(frozen=True)
class PermutedLabels(Noise):
    """The null: trained again with seeds of its own on targets that are shuffled among the training examples, anew in each run.

    No example then has anything to say of a query that all runs share, so a core that is not empty is an error.
    """

    runs: int = 16
    seed: int = 0
    about = "mean"
    varies = (SEEDS, "which target an example has")

    def __post_init__(self) -> None:
        _at_least_two(self.runs)

    def prepare(self, method: Method, problem: Problem, train: Train | None) -> Draw:
        trainer, method = _trainer(train, "PermutedLabels"), unfitted(method)

        def draw(number: int) -> tuple[Method, Problem]:
            shuffled = permuted_targets(problem, _generator(self.seed, number))
            return method, shuffled.at(parameters_of(trainer(shuffled, self.seed + 1 + number)))

        return draw


@dataclass(frozen=True, eq=False)
class UnderWeights(Method):
    """A method fitted under some weights of the training examples, which are scored as ones of their own weight."""

    method: Method
    weights: Tensor

    def fit(self, problem: Problem) -> FittedMethod:
        """Fit under these weights."""
        return self.method.fit(problem.reweighted(self.weights))


def drawn_weights(problem: Problem, seed: int, number: int, resampled: bool = False) -> Tensor:
    """The weights (n,) of one run, of the same sum as the problem's."""
    generator, n = _generator(seed, number), len(problem)
    if resampled:
        share = torch.bincount(torch.randint(n, (n,), generator=generator), minlength=n).double()
    else:
        share = -torch.rand(n, generator=generator, dtype=torch.float64).clamp_min(1e-300).log()
    own = problem.weights.double().cpu()
    weights = share * own
    return (weights * (own.sum() / weights.sum())).to(problem.weights)


def permuted_targets(problem: Problem, generator: torch.Generator) -> Problem:
    """The problem with its targets shuffled among its examples; inputs, ids and weights stay where they are."""
    batch = next(replace(problem, train=problem.train.in_memory()).batches(size=len(problem)))
    order = torch.randperm(len(problem), generator=generator)
    targets = tree_map(lambda leaf: leaf[order.to(leaf.device)], batch.targets)
    return replace(problem, train=Examples.of((batch.inputs, targets), ids=batch.ids), split=split_batch)


def _generator(seed: int, number: int) -> torch.Generator:
    """Of one run: runs of any two seeds and numbers are unlike."""
    return torch.Generator().manual_seed(1_000_003 * seed + number)


def _trainer(train: Train | None, source: str) -> Train:
    if train is None:
        raise UsageError(f"{source} trains again; give train=, a function (problem, seed) -> parameters such as wf.train.adam(epochs=20).")
    return train


def _at_least_two(runs: int) -> None:
    if runs < 2:
        raise UsageError(f"{runs} run{'' if runs == 1 else 's'} show no spread; make 2 or more.")
