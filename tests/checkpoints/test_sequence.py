"""Checkpoints by a glob text or a folder, in the order of training."""

from pathlib import Path

import pytest
import torch
from torch import nn

import wherefrom as wf
from wherefrom.checkpoints import Checkpoint, as_checkpoints
from wherefrom.checkpoints.sequence import counted, number_of


def written(folder: Path, *names: str) -> None:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        torch.save({"weight": torch.full((2, 2), float(number))}, folder / name)


def test_numbers_are_sorted_as_numbers(tmp_path: Path) -> None:
    written(tmp_path, "step-100.pt", "step-9.pt", "step-20.pt")
    for form in (f"{tmp_path}/step-*.pt", str(tmp_path), tmp_path):
        assert [one.name for one in as_checkpoints(form, 0.1)] == ["step-9", "step-20", "step-100"]
        assert number_of(form) == 3
    assert [one.name for one in as_checkpoints([tmp_path / "step-100.pt", tmp_path / "step-9.pt"])] == ["step-100", "step-9"]  # as given


def test_what_a_recorder_wrote(tmp_path: Path) -> None:
    for number in (2, 0, 1):
        Checkpoint({"weight": torch.ones(2)}, 0.1 * (number + 1)).save(tmp_path / f"checkpoint-{number:05d}.safetensors")
    assert [one.learning_rate for one in as_checkpoints(tmp_path)] == pytest.approx([0.1, 0.2, 0.3])


def test_places_without_checkpoints_are_refused(tmp_path: Path) -> None:
    with pytest.raises(wf.UsageError, match=r"holds no checkpoints .*give the folder that a training wrote to"):
        as_checkpoints(tmp_path)
    with pytest.raises(wf.UsageError, match="No file or folder has a name like .*checkpoint-"):
        as_checkpoints(f"{tmp_path}/checkpoint-*")
    written(tmp_path / "one", "pytorch_model.bin")
    with pytest.raises(wf.UsageError, match="put it in a list"):
        as_checkpoints(tmp_path / "one")


def test_counts_in_words() -> None:
    assert [counted(one) for one in ("out/*", [1, 2], [1], iter([]))] == ["'out/*'", "2 checkpoints", "1 checkpoint", "? checkpoints"]


def test_rates_taken_as_1_stand_in_the_notes() -> None:
    X, y = torch.randn(30, 3), torch.arange(30) % 2
    model = nn.Linear(3, 2).eval()
    states = [{name: value.clone() + shift for name, value in model.state_dict().items()} for shift in (0, 1)]
    problem = wf.Problem.of(model, wf.cross_entropy(), (X, y))
    with pytest.warns(wf.methods.CheckpointWarning, match="no better than shuffled"):
        scores = wf.attribute(wf.TracIn(states), problem, (X[:1], y[:1]), progress=False)
    assert any("No checkpoint knows the learning rate of its steps, so all count alike" in note for note in scores.notes)
    with pytest.warns(wf.methods.CheckpointWarning, match="no better than shuffled"):
        scores = wf.attribute(wf.TracIn(states, 0.1), problem, (X[:1], y[:1]), progress=False)
    assert not any("learning rate" in note for note in scores.notes)
