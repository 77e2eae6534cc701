"""Files that Lightning and loops of one's own write: rates of the steps taken, moments, prefixes."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

import wherefrom as wf
from wherefrom.checkpoints import Checkpoint, CheckpointRecorder, as_checkpoints

lightning = pytest.importorskip("lightning.pytorch")
pytestmark = pytest.mark.filterwarnings("ignore")
torch.manual_seed(0)
X, y = torch.randn(40, 4), torch.randint(3, (40,))


class Module(lightning.LightningModule):
    """A classifier as an attribute; the rate of each step as it is taken."""

    def __init__(self, schedule: Any = None, interval: str = "epoch") -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))
        self.schedule, self.interval, self.taken = schedule, interval, []

    def training_step(self, batch: Any, number: int) -> Any:
        return nn.functional.cross_entropy(self.model(batch[0]), batch[1])

    def configure_optimizers(self) -> Any:
        optimizer = optim.AdamW(self.parameters(), lr=0.02)
        if self.schedule is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": self.schedule(optimizer), "interval": self.interval}}

    def on_before_optimizer_step(self, optimizer: Any) -> None:
        self.taken.append(optimizer.param_groups[0]["lr"])


def fit(folder: Path, module: Module, *callbacks: Any, loader: Any = None, **settings: Any) -> Module:
    """Train for 3 epochs of 5 batches; a file every 4 steps, or at each epoch's end."""
    chosen = settings.pop("save", {"every_n_epochs": 1})
    saved = lightning.callbacks.ModelCheckpoint(dirpath=folder, save_top_k=-1, filename="{step}", **chosen)
    common = {"max_epochs": 3, "accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_model_summary": False} | settings
    trainer = lightning.Trainer(**common, default_root_dir=folder, callbacks=[saved, *callbacks])
    trainer.fit(module, loader or DataLoader(TensorDataset(X, y), batch_size=8, shuffle=True))
    return module


def halves(optimizer: Any) -> Any:
    return optim.lr_scheduler.StepLR(optimizer, 1, 0.5)


def falls(optimizer: Any) -> Any:
    return optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(0.0, 1 - step / 15))


@pytest.mark.parametrize("save", [{"every_n_epochs": 1}, {"every_n_train_steps": 2}], ids=str)
@pytest.mark.parametrize(("schedule", "interval"), [(None, "step"), (halves, "epoch"), (halves, "step"), (falls, "step")])
def test_rates_are_those_of_the_steps_taken_from_there(tmp_path: Path, schedule: Any, interval: str, save: dict[str, int]) -> None:
    """A schedule by epochs moves on before or after the file of its last step is written; the file's own rate counts."""
    module = fit(tmp_path, Module(schedule, interval), save=save)
    found = as_checkpoints(tmp_path)
    for one in found:
        stored = torch.load(next(tmp_path.glob(f"step={one.step}.ckpt")), weights_only=False)["optimizer_states"][0]["param_groups"][0]["lr"]
        assert one.step is not None and one.learning_rate == stored and not (one.notes and stored > 0)
        if interval == "step" and one.step < len(module.taken):
            assert one.learning_rate == pytest.approx(module.taken[one.step])


def test_steps_order_and_moments(tmp_path: Path) -> None:
    module = Module(halves, "epoch")
    recorder = CheckpointRecorder(module)
    fit(tmp_path, module, recorder.lightning_callback("save"), save={"every_n_train_steps": 3})
    found = as_checkpoints(f"{tmp_path}/*.ckpt")
    assert [one.step for one in found] == [3, 6, 9, 12, 15]
    assert recorder.learning_rates == pytest.approx([one.learning_rate for one in found])
    for one, kept in zip(found, recorder.checkpoints, strict=True):
        scales, inner = one.scales_of(module), one.scales_of(module.model)
        assert scales is not None and inner is not None and kept.scales is not None
        for name, scale in kept.scales.items():
            torch.testing.assert_close(scales[name], scale)
            torch.testing.assert_close(inner[name.removeprefix("model.")], scale)
    for problem in (wf.Problem.of(part.eval(), wf.cross_entropy(), (X, y)) for part in (module.model,)):
        one, two = (wf.attribute(wf.TracIn(c, update="recorded"), problem, (X[:2], y[:2]), progress=False).values for c in (tmp_path, found))
        torch.testing.assert_close(one, two)


@pytest.mark.parametrize(("on", "count"), [("epoch", 3), ("step", 8)])
def test_the_callback_records_each_moment_once(tmp_path: Path, on: Any, count: int) -> None:
    module = Module(falls, "step")
    recorder = CheckpointRecorder(module)
    fit(tmp_path, module, recorder.lightning_callback(on), accumulate_grad_batches=2, max_steps=8 if on == "step" else -1, max_epochs=3)
    after = [*module.taken[1:], None]
    expected = [after[at] for at in ((2, 5, 8) if on == "epoch" else range(count))]
    assert len(recorder) == count and recorder.learning_rates[:-1] == pytest.approx(expected[:-1])


def test_files_of_ones_own_loop(tmp_path: Path) -> None:
    model = nn.Linear(4, 3)
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    nn.functional.cross_entropy(model(X), y).backward()
    optimizer.step()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "iter_num": 1}, tmp_path / "ckpt-1.pt")
    one = Checkpoint.load(tmp_path / "ckpt-1.pt")
    recorder = CheckpointRecorder(model, optimizer)
    recorder.record()
    scales, kept = one.scales_of(model), recorder.checkpoints[0].scales
    assert one.learning_rate == 0.1 and scales is not None and kept is not None and not one.notes
    torch.testing.assert_close(scales["weight"], kept["weight"])


def test_several_optimisers_tell_no_rate(tmp_path: Path) -> None:
    state = {"state_dict": {"weight": torch.ones(2)}, "pytorch-lightning_version": "2", "global_step": 3, "optimizer_states": [{}, {}]}
    torch.save(state, tmp_path / "a.ckpt")
    one = Checkpoint.load(tmp_path / "a.ckpt")
    assert one.learning_rate is None and one.step == 3 and "holds 2 optimisers" in one.notes[0]
    torch.save({**state, "optimizer_states": []}, tmp_path / "a.ckpt")
    assert "saved without its optimiser" in Checkpoint.load(tmp_path / "a.ckpt").notes[0]
