"""Training trains and leaves a network in eval mode, and networks that are kept are not trained again."""

from pathlib import Path

import pytest
import torch

from wherefrom_studies.relatif import RelatIFStudy
from wherefrom_studies.relatif.networks import experiment
from wherefrom_studies.relatif.networks.architectures import SHALLOW, build_network
from wherefrom_studies.relatif.networks.experiment import BATCH, train_in_place


@pytest.mark.parametrize(("optimiser", "rate"), [("Adam", 0.005), ("SGD", 0.02)])
def test_training_trains_alike_from_the_same_seed(optimiser: str, rate: float) -> None:
    torch.manual_seed(0)
    X, y = torch.rand(2 * BATCH, 3, 32, 32), torch.arange(2 * BATCH) % 2
    X[y == 1] += 1
    states = []
    for _ in range(2):
        torch.manual_seed(1)
        model, _ = build_network(SHALLOW, "ReLU", small=True)
        train_in_place(model, X, y, optimiser, rate, 15, 0)
        states.append(model.state_dict())
    assert not model.training and float((model(X).argmax(1) == y).double().mean()) > 0.9
    for name, value in states[0].items():
        torch.testing.assert_close(value, states[1][name], rtol=0, atol=0)


def test_networks_that_are_kept_are_not_trained_again(data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHEREFROM_DATA", str(data_folder))
    study = RelatIFStudy(tmp_path, quick=True)
    first = experiment.list_networks(study).lists
    monkeypatch.setattr(experiment, "list_network", lambda *_: pytest.fail("trained again"))
    again = experiment.list_networks(study).lists
    assert len(again) == len(first) == 15
