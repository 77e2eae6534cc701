"""Models trained together are those trained in turn."""

import numpy as np
import pytest
import torch
from helpers.problems import N, data, named, problem
from torch import Tensor, nn

import wherefrom as wf
from wherefrom.retraining.interventions import LeftOut
from wherefrom.retraining.train.batched_training import Together

TRAINERS = {
    "SGD": wf.train.sgd(3, 0.2, batch_size=5),
    "AdamW": wf.train.adam(3, 0.01, batch_size=5, decay=0.1, schedule=wf.train.Cosine(0.1)),
}


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("train", TRAINERS.values(), ids=TRAINERS)
@pytest.mark.parametrize("name", ["mlp", "ridge with weights", "convolution", "sequence in a dictionary", "reused layer"])
def test_parameters_equal_those_of_each_training_alone(name: str, train: object, normalise: bool) -> None:
    p = problem(name).problem
    random = np.random.default_rng(0)
    groups = [random.choice(p.ids, size, replace=False).tolist() for size in (1, 5, 12)]
    for ids, run in zip(groups, train.without(p, groups, seed=4, normalise=normalise, progress=False), strict=True):  # type: ignore[attr-defined]
        smaller = p.without(ids).renormalised() if normalise else p.without(ids)
        for key, value in train(smaller, 4).parameters.items():  # type: ignore[operator]
            torch.testing.assert_close(run.parameters[key], value, rtol=1e-8, atol=1e-10)


def test_more_models_than_fit_together_are_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    p = problem("mlp").problem
    monkeypatch.setattr("wherefrom.retraining.train.batched_training.ENTRIES", 0)
    groups = [[int(key)] for key in p.ids] * 2
    runs = list(TRAINERS["SGD"].without(p, groups, progress=False))
    assert len(runs) == 2 * N and all(value.equal(runs[N].parameters[key]) for key, value in runs[0].parameters.items())


class Branching(nn.Module):
    """Asks about its parameters, which stacked models cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) * (2 if self.layer.bias.sum() > 0 else 1)


def test_what_torch_cannot_stack_is_trained_in_turn() -> None:
    case = named(Branching().double(), wf.cross_entropy(), (data(N, "class")[0].double(), data(N, "class")[1]), None)
    p = case.problem
    assert not Together.of(p, [LeftOut([1]), LeftOut([2])]).possible()
    (run,) = TRAINERS["SGD"].without(p, [[3]], progress=False)
    assert all(value.equal(run.parameters[key]) for key, value in TRAINERS["SGD"](p.without([3])).parameters.items())


def test_leaving_everything_out_is_refused() -> None:
    p = problem("mlp").problem
    with pytest.raises(wf.UsageError, match="keep at least one"):
        list(TRAINERS["SGD"].without(p, [p.ids.tolist()], progress=False))
