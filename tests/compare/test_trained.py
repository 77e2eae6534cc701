"""Runs that differ in what is named, and in nothing else."""

import pytest
import torch
from helpers.problems import problem

import wherefrom as wf


def weights(runs: tuple[wf.compare.TrainedRun, ...]) -> list[torch.Tensor]:
    return [torch.cat([value.flatten() for value in run.problem.parameters.values()]) for run in runs]


def test_each_configuration_with_each_seed() -> None:
    case, train = problem("mlp"), wf.train.adam(1, 0.01)
    runs = wf.compare.train_runs({"one": (case.problem, train), "half": (case.problem.subset(list(range(12))), train)}, seeds=[3, 4], progress=False)
    assert [run.label for run in runs] == ["one, seed 3", "one, seed 4", "half, seed 3", "half, seed 4"]
    assert [len(run.problem) for run in runs] == [24, 24, 12, 12]
    torch.testing.assert_close(weights(runs)[0], torch.cat([v.flatten() for v in train(case.problem, 3).parameters.values()]), rtol=0, atol=0)


def test_initialisation_and_order_are_varied_apart() -> None:
    case = problem("mlp")
    tiny = 1e-12  # so that runs end where they began
    orders = wf.compare.train_runs({"order": (case.problem, wf.train.sgd(1, tiny, start=wf.train.Drawn(0)))}, seeds=[0, 1], progress=False)
    starts = {f"start {r}": (case.problem, wf.train.sgd(1, tiny, start=wf.train.Drawn(r))) for r in range(2)}
    inits = wf.compare.train_runs(starts, seeds=[0], progress=False)
    torch.testing.assert_close(*weights(orders))
    assert not torch.allclose(*weights(inits))
    moved = wf.compare.train_runs(
        {"order": (case.problem, wf.train.sgd(3, 0.1, batch_size=6, start=wf.train.Drawn(0)))}, seeds=[0, 1], progress=False
    )
    assert not torch.equal(*weights(moved))


def test_nothing_to_train_is_refused() -> None:
    case = problem("mlp")
    for configurations, seeds in (({}, [0]), ({"one": (case.problem, wf.train.newton())}, [])):
        with pytest.raises(wf.UsageError, match="at least one configuration"):
            wf.compare.train_runs(configurations, seeds=seeds)
