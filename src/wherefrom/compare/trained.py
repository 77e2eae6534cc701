"""Trained models that differ in what a comparison varies: the seed, and the configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wherefrom.errors import UsageError
from wherefrom.problem import Problem
from wherefrom.progress import track
from wherefrom.retraining import Run, Train
from wherefrom.retraining.retrain import parameters_of


@dataclass(frozen=True, eq=False)
class TrainedRun:
    """One training: ``problem`` stands at what ``run`` ended with."""

    problem: Problem
    run: Run
    seed: int
    configuration: str

    @property
    def label(self) -> str:
        """The configuration and the seed in words."""
        return f"{self.configuration}, seed {self.seed}"


def train_runs(
    configurations: Mapping[str, tuple[Problem, Train]], *, seeds: Sequence[int] = range(5), progress: bool = True
) -> tuple[TrainedRun, ...]:
    """Train each configuration, name -> (problem, train), with each seed; every method is then asked about the same models.

    A configuration is whatever differs: a depth, width, activation (another problem), an optimiser, batch size, learning rate (another
    trainer), a weight decay (another l2), a split (``problem.subset(ids)``). ``train`` is called with (problem, seed). To vary initialisation and
    order apart: ``start=wf.train.Drawn(0)`` holds the initialisation while seeds vary the order; configurations that differ in ``Drawn`` alone,
    with one seed, hold the order. A checkpoint is a trainer of fewer epochs.
    """
    if not configurations or not len(seeds):
        raise UsageError("Give at least one configuration, name -> (problem, train), and one seed.")
    plan = [(name, problem, train, int(seed)) for name, (problem, train) in configurations.items() for seed in seeds]
    found = []
    for name, problem, train, seed in track(plan, "training", len(plan), progress):
        given = train(problem, seed)
        parameters = parameters_of(given)
        run = given if isinstance(given, Run) else Run(parameters)
        trained = problem.to(next(iter(run.parameters.values())).dtype).at(run.parameters)
        found.append(TrainedRun(trained, run, seed, name))
    return tuple(found)
