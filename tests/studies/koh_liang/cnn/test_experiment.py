"""The network with convolutions: its sizes, and a study none of whose trainings came to a minimum says so."""

from pathlib import Path

import pytest
import torch

import wherefrom as wf
from wherefrom_studies.koh_liang import KohLiang
from wherefrom_studies.koh_liang.cnn import experiment


def test_the_last_layer_is_the_linear_one() -> None:
    problem = wf.Problem.of(experiment.build_network(), wf.cross_entropy(), (torch.rand(4, 1, 14, 14, dtype=torch.float64), torch.arange(4)))
    assert problem.size == 1360 and problem.restricted(experiment.LAST).size == 970


def test_without_any_minimum_there_is_nothing_to_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "predict_changes", lambda seed, decay, **_: [{"seed": seed, "decay": decay, "why not": "It stopped."}])
    with pytest.raises(wf.UsageError, match="No training with weight decay 0.01 came to a minimum; give more --seeds. It stopped."):
        experiment.retrain_networks(KohLiang(tmp_path, quick=True))
