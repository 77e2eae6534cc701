"""Checkpoints: read, written, put in a row, recorded."""

import json
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn, optim

import wherefrom as wf
from wherefrom import UsageError
from wherefrom.checkpoints import Checkpoint, CheckpointRecorder, as_checkpoints


def same(one: object, other: object) -> bool:
    assert isinstance(one, dict) and isinstance(other, dict)
    return list(one) == list(other) and all(torch.equal(one[key], other[key]) and one[key].dtype == other[key].dtype for key in one)


def ordered(mapping: object) -> dict[str, Tensor]:
    return dict(sorted(mapping.items()))  # type: ignore[attr-defined]


def tied() -> nn.Module:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    return model


def train(model: nn.Module, optimizer: optim.Optimizer, recorder: CheckpointRecorder, steps: int) -> list[dict[str, Tensor]]:
    seen = []
    for _ in range(steps):
        recorder.record()
        seen.append({name: value.detach().clone() for name, value in model.state_dict().items()})
        optimizer.zero_grad()
        model(torch.randn(5, 3)).square().mean().backward()
        optimizer.step()
    return seen


def test_repr_is_short() -> None:
    assert repr(Checkpoint({"w": torch.zeros(1000)}, 0.1, name="epoch 3")) == "Checkpoint('epoch 3', learning_rate=0.1)"


def test_save_and_load_give_the_same(tmp_path: Path) -> None:
    state = {"w": torch.randn(3, 4).T, "half": torch.randn(2).bfloat16(), "count": torch.tensor(3)}
    one = Checkpoint(state, 0.1, {"w": torch.rand(4, 3), "half": torch.tensor(0.5)}, "epoch 3")
    two = Checkpoint.load(one.save(tmp_path / "deep" / "kept.safetensors"))
    assert same(ordered(two.state), ordered(state)) and same(ordered(two.scales), ordered(one.scales))
    assert (two.learning_rate, two.name) == (0.1, "epoch 3")
    bare = Checkpoint.load(Checkpoint(state).save(tmp_path / "bare.safetensors"))
    assert (bare.learning_rate, bare.scales, bare.name) == (None, None, "bare")


def test_tied_weights_and_views_are_saved(tmp_path: Path) -> None:
    model, base = tied(), torch.arange(6.0)
    state = {**model.state_dict(), "head": base[:3], "tail": base[3:], "empty": torch.zeros(0), "none": torch.zeros(0)}
    assert same(ordered(Checkpoint.load(Checkpoint(state).save(tmp_path / "a.safetensors")).state), ordered(state))


def test_a_failed_save_leaves_what_stood_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Checkpoint({"w": torch.ones(2)}).save(tmp_path / "a.safetensors")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", fail)
        with pytest.raises(OSError, match="disk full"):
            Checkpoint({"w": torch.zeros(2)}).save(path)
    assert [item.name for item in tmp_path.iterdir()] == ["a.safetensors"]
    assert torch.equal(Checkpoint.load(path).state["w"], torch.ones(2))


def test_a_model_with_a_module_called_scales(tmp_path: Path) -> None:
    state = {"scales.w": torch.ones(2), "w": torch.zeros(2)}
    assert set(Checkpoint.load(Checkpoint(state, 0.1, {}).save(tmp_path / "a.safetensors")).state) == set(state)
    save_file(state, tmp_path / "plain.safetensors")
    plain = Checkpoint.load(tmp_path / "plain.safetensors")
    assert set(plain.state) == set(state) and plain.scales is None
    with pytest.raises(UsageError, match="stands for a weight and for a scale; rename the module"):
        Checkpoint(state, 0.1, {"w": torch.ones(())}).save(tmp_path / "b.safetensors")


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"state_dict": s, "epoch": 3}, lambda s: {"model_state_dict": s}])
@pytest.mark.parametrize("zipped", [True, False])
def test_torch_files(tmp_path: Path, wrap: object, zipped: bool) -> None:
    state = tied().state_dict()
    torch.save(wrap(state), tmp_path / "epoch-3.pt", _use_new_zipfile_serialization=zipped)  # type: ignore[operator]
    one = Checkpoint.load(tmp_path / "epoch-3.pt")
    assert same(dict(one.state), dict(state)) and (one.name, one.learning_rate) == ("epoch-3", None)


def test_hugging_face_folders(tmp_path: Path) -> None:
    one, two = {"a": torch.ones(2)}, {"b": torch.zeros(3)}
    (tmp_path / "whole").mkdir()
    save_file({**one, **two}, tmp_path / "whole" / "model.safetensors", {"format": "pt"})
    (tmp_path / "parts").mkdir()
    save_file(one, tmp_path / "parts" / "1.safetensors")
    index = tmp_path / "parts" / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}))
    with pytest.raises(UsageError, match=r"lacks 2.safetensors, which its index lists; copy it there"):
        Checkpoint.load(tmp_path / "parts")
    save_file(two, tmp_path / "parts" / "2.safetensors")
    (tmp_path / "old").mkdir()
    torch.save({**one, **two}, tmp_path / "old" / "pytorch_model.bin")
    for name in ("whole", "parts", "old"):
        found = Checkpoint.load(tmp_path / name)
        assert same(ordered(found.state), {**one, **two}) and found.name == name


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for name, content in {"a.safetensors": b"", "b.safetensors": b"\xff" * 40, "c.pt": b"PK\x03\x04 cut", "e.pt": b""}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UsageError, match=r"; write it (again|with torch.save\(model.state_dict\(\), path\))\.$"):
            Checkpoint.load(tmp_path / name)
    whole = Checkpoint({"w": torch.randn(500)}).save(tmp_path / "f.safetensors")
    whole.write_bytes(whole.read_bytes()[:-100])
    with pytest.raises(UsageError, match="broken or cut short"):
        Checkpoint.load(whole)
    torch.save(nn.Linear(2, 2), tmp_path / "model.pt")
    with pytest.raises(UsageError, match=r"no torch file of plain tensors; write it with torch.save\(model.state_dict\(\), path\)"):
        Checkpoint.load(tmp_path / "model.pt")
    with pytest.raises(UsageError, match="There is no checkpoint at .*gone.pt; give the path"):
        Checkpoint.load(tmp_path / "gone.pt")
    with pytest.raises(UsageError, match=r"holds no model.safetensors; give the path of a checkpoint's file"):
        Checkpoint.load(tmp_path)
    with pytest.raises(UsageError, match=r"name the file a.safetensors"):
        Checkpoint({"w": torch.ones(1)}).save(tmp_path / "a.pt")


@pytest.mark.parametrize("content", [{"epoch": 3}, [torch.ones(2)], torch.ones(2), {}, {"state_dict": {}}])
def test_a_file_without_named_tensors_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(UsageError, match=r"no named tensors in .*a.pt; give what model.state_dict\(\) returns"):
        Checkpoint.load(tmp_path / "a.pt")
    save_file({}, tmp_path / "a.safetensors")
    with pytest.raises(UsageError, match="no named tensors"):
        Checkpoint.load(tmp_path / "a.safetensors")


def test_as_checkpoints_takes_all_forms(tmp_path: Path) -> None:
    state = nn.Linear(2, 2).state_dict()
    torch.save(state, tmp_path / "epoch-1.pt")
    forms = [state, tmp_path / "epoch-1.pt", str(tmp_path / "epoch-1.pt"), Checkpoint(state), Checkpoint(state, name="mine")]
    found = as_checkpoints(forms)
    assert [one.name for one in found] == ["checkpoint 0", "epoch-1", "epoch-1", "checkpoint 3", "mine"]
    assert [one.learning_rate for one in found] == [1.0] * 5
    assert all(same(dict(one.state), dict(state)) for one in found)
    assert len(as_checkpoints(one for one in forms)) == 5
    assert as_checkpoints([{"state_dict": state}])[0].state.keys() == state.keys()


@pytest.mark.parametrize("rates", [[0.1, 0.0], (0.1, 0), np.array([0.1, 0.0]), torch.tensor([0.1, 0.0], dtype=torch.float64)])
def test_learning_rates_in_all_forms(rates: object) -> None:
    states = [{"w": torch.ones(2)}] * 2
    assert [one.learning_rate for one in as_checkpoints(states, rates)] == [0.1, 0.0]  # type: ignore[arg-type]
    for one in (0.5, np.float64(0.5), torch.tensor(0.5)):
        assert [found.learning_rate for found in as_checkpoints(states, one)] == [0.5, 0.5]  # type: ignore[arg-type]


def test_recorded_rates_are_used_unless_others_are_given() -> None:
    kept = [Checkpoint({"w": torch.ones(2)}, 0.1, {"w": torch.ones(())}), Checkpoint({"w": torch.ones(2)}, 0.2)]
    assert [one.learning_rate for one in as_checkpoints(kept)] == [0.1, 0.2]
    given = as_checkpoints(kept, 3)
    assert [one.learning_rate for one in given] == [3.0, 3.0] and given[0].scales is kept[0].scales
    with pytest.raises(UsageError, match="Checkpoint 2 has no learning rate while others have; give learning_rates"):
        as_checkpoints([*kept, {"w": torch.ones(2)}])


def test_as_checkpoints_refuses() -> None:
    state = {"w": torch.ones(2)}
    for single in (state, "a.pt", Path("a.pt"), Checkpoint(state), nn.Linear(1, 1)):
        with pytest.raises(UsageError, match="A single checkpoint stands where a sequence is wanted; put it in a list"):
            as_checkpoints(single)
    cases: list[tuple[object, object, str]] = [
        ([], None, "There are no checkpoints; give at least one."),
        ([state] * 5, [1, 2, 3], "3 learning rates for 5 checkpoints; give one for each."),
        ([state], [1, 2], "2 learning rates for 1 checkpoint; give one for each."),
        ([state], -0.1, "The learning rate -0.1 is negative or not finite; give the size of the step, such as 0.1."),
        ([state], [float("nan")], "The learning rate nan is negative or not finite; give the size of the step, such as 0.1."),
        ([state], float("inf"), "The learning rate inf is negative or not finite; give the size of the step, such as 0.1."),
        ([state], "fast", "The learning rate 'fast' is no number; give one such as 0.1."),
        ([nn.Linear(1, 1)], None, "Checkpoint 0 is a Linear; give its state_dict()."),
        ([3], None, "Checkpoint 0 is a int; give a state dict, a path or a Checkpoint."),
        ([{"epoch": 3}], None, "There are no named tensors in checkpoint 0; give what model.state_dict() returns."),
        (3, None, "A int is no sequence of checkpoints; give a list of state dicts or paths."),
    ]
    for checkpoints, rates, message in cases:
        with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
            as_checkpoints(checkpoints, rates)  # type: ignore[arg-type]


@pytest.mark.parametrize("on_disk", [False, True])
def test_the_recorder_keeps_what_was(tmp_path: Path, on_disk: bool) -> None:
    model = tied()
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    recorder = CheckpointRecorder(model, optimizer, folder=tmp_path / "kept" if on_disk else None, every=2)
    seen = train(model, optimizer, recorder, 5)
    assert len(recorder) == 3 and recorder.learning_rates == (0.1, 0.1, 0.1)
    found = as_checkpoints(recorder)
    assert [one.name for one in found] == ["checkpoint 0", "checkpoint 1", "checkpoint 2"]
    for one, state in zip(found, seen[::2], strict=True):
        assert same(ordered(one.state), ordered(state))
    assert found[0].scales is None
    assert found[1].scales is not None and found[1].scales["0.weight"].shape == (3, 3)
    if on_disk:
        names = sorted(path.name for path in (tmp_path / "kept").iterdir())
        assert names == [f"checkpoint-0000{number}.safetensors" for number in range(3)]
        again = as_checkpoints(sorted((tmp_path / "kept").glob("*.safetensors")))
        assert [one.learning_rate for one in again] == [0.1] * 3
        with pytest.raises(UsageError, match="holds checkpoints already; choose an empty one"):
            CheckpointRecorder(model, folder=tmp_path / "kept")


def test_copies_are_detached_and_tied_weights_are_copied_once() -> None:
    recorder = CheckpointRecorder(tied())
    recorder.record()
    state = recorder.checkpoints[0].state
    assert state["0.weight"] is state["1.weight"] and not state["0.weight"].requires_grad
    assert state["0.bias"].data_ptr() != state["1.bias"].data_ptr()


def test_recording_does_not_change_training() -> None:
    ends = []
    for keep in (False, True):
        torch.manual_seed(3)
        model = tied()
        optimizer = optim.Adam(model.parameters(), lr=0.1)
        train(model, optimizer, CheckpointRecorder(model, optimizer, every=1 if keep else 1000), 4)
        ends.append(dict(model.state_dict()))
    assert same(*ends)


def test_the_learning_rate_is_the_arguments_else_the_optimisers() -> None:
    model = nn.Linear(3, 3)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    schedule = optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    recorder = CheckpointRecorder(model, optimizer)
    recorder.record()
    optimizer.step()
    schedule.step()
    recorder.record()
    recorder.record(learning_rate=7)
    assert recorder.learning_rates == (0.1, 0.05, 7.0)
    alone = CheckpointRecorder(model)
    alone.record()
    assert alone.learning_rates == (None,) and as_checkpoints(alone)[0].learning_rate == 1.0


def test_the_recorder_refuses() -> None:
    model = nn.Linear(3, 3)
    with pytest.raises(UsageError, match="every=0 would keep nothing; give a whole number from 1"):
        CheckpointRecorder(model, every=0)
    for rate in (-1.0, float("nan")):
        with pytest.raises(UsageError, match="negative or not finite"):
            CheckpointRecorder(model).record(rate)
    with pytest.raises(UsageError, match="set maximize=False"):
        CheckpointRecorder(model, optim.Adam(model.parameters(), maximize=True)).record()
    two = [{"params": [model.weight], "lr": 0.1}, {"params": [model.bias], "lr": 0.01}]
    other = CheckpointRecorder(model, optim.Adamax(two))
    with pytest.raises(UsageError, match=r"pass one to record\(learning_rate=...\)"):
        other.record()
    assert len(other) == 0
    other.record(0.1)
    known = CheckpointRecorder(model, optim.SGD(two, lr=1.0))
    known.record()
    assert other.learning_rates == known.learning_rates == (0.1,)


def test_wrapped_models_keep_their_plain_names() -> None:
    model = nn.Linear(3, 3)
    for wrapped in (nn.DataParallel(model), torch.compile(model, backend="eager")):
        recorder = CheckpointRecorder(wrapped, optim.SGD(model.parameters(), lr=0.1))  # type: ignore[arg-type]
        recorder.record()
        one = recorder.checkpoints[0]
        assert one.scales is not None and set(one.state) == set(one.scales) == {"weight", "bias"}


class Callback:
    def on_epoch_end(self, *_: object, **__: object) -> str:
        return "base"

    on_save = on_step_end = on_epoch_end


@pytest.mark.parametrize(("on", "event"), [("epoch", "on_epoch_end"), ("save", "on_save"), ("step", "on_step_end")])
def test_the_callback_records_with_the_trainers_optimiser(monkeypatch: pytest.MonkeyPatch, on: str, event: str) -> None:
    module = types.ModuleType("transformers")
    module.TrainerCallback = Callback  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "transformers", module)
    model = nn.Linear(3, 3)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    recorder = CheckpointRecorder(model)
    callback = recorder.callback(on)  # type: ignore[arg-type]
    assert isinstance(callback, Callback)
    for name in ("on_epoch_end", "on_save", "on_step_end"):
        said = getattr(callback, name)(None, None, None, model=model, optimizer=types.SimpleNamespace(optimizer=optimizer))
        assert said == (None if name == event else "base")
    assert recorder.learning_rates == (0.1,) and recorder.checkpoints[0].scales is not None
    getattr(callback, event)(None, None, None)
    assert recorder.learning_rates == (0.1, None)


def test_the_callback_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = CheckpointRecorder(nn.Linear(1, 1))
    with pytest.raises(UsageError, match=r"on='epochs' is no moment.*Did you mean 'epoch'\?"):
        recorder.callback("epochs")  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UsageError, match="run pip install transformers"):
        recorder.callback()


@pytest.mark.parametrize(("on", "event"), [("epoch", "on_epoch_end"), ("step", "on_step_end"), ("save", "on_save")])
def test_transformers_own_handler_calls_the_callback(on: str, event: str) -> None:
    from transformers import TrainerControl, TrainerState
    from transformers.trainer_callback import CallbackHandler

    model = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
    recorder = wf.CheckpointRecorder(model)
    handler = CallbackHandler([recorder.callback(on)], model, None, optimizer, None)  # type: ignore[arg-type]
    X = torch.randn(8, 3)
    for _ in range(3):
        model(X).square().sum().backward()
        optimizer.step()
        getattr(handler, event)(None, TrainerState(), TrainerControl())
    assert len(recorder) == 3 and recorder.learning_rates == (0.05, 0.05, 0.05)
    scales = recorder.checkpoints[2].scales
    assert scales is not None and set(scales) == {"weight", "bias"}
    p = wf.Problem.of(model.eval(), wf.squared_error(), (X, torch.zeros(8, 2)))
    assert wf.attribute(wf.TracIn(recorder, update="recorded"), p, (X[:2], torch.zeros(2, 2))).values.shape == (2, 8)


def test_transformers_own_handler_keeps_each_steps_weights_and_the_next_steps_rate() -> None:
    from transformers import BertConfig, BertForSequenceClassification, TrainerControl, TrainerState
    from transformers.trainer_callback import CallbackHandler

    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8, "num_labels": 2}
    model = BertForSequenceClassification(BertConfig(vocab_size=20, max_position_embeddings=8, **sizes)).eval()
    tokens, y, seen = torch.randint(20, (6, 5)), torch.arange(6) % 2, []
    optimizer = optim.SGD(model.parameters(), lr=0.2)
    schedule = optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    recorder = CheckpointRecorder(model, every=2)
    handler = CallbackHandler([recorder.callback("step")], model, None, optimizer, schedule)
    for _ in range(3):
        optimizer.zero_grad()
        model(tokens, labels=y).loss.backward()
        optimizer.step()
        schedule.step()
        handler.on_step_end(None, TrainerState(), TrainerControl())  # type: ignore[arg-type]
        seen.append({name: value.clone() for name, value in model.state_dict().items()})
    assert recorder.learning_rates == pytest.approx((0.1, 0.025))
    assert all(same(ordered(one.state), ordered(state)) for one, state in zip(recorder.checkpoints, seen[::2], strict=True))
    p = wf.Problem.of(model, wf.cross_entropy(), {"input_ids": tokens, "labels": y})
    own = wf.attribute(wf.TracIn(recorder), p, p.train)
    each = [wf.attribute(wf.GradientDot(), p.at(one.state), p.train).values for one in recorder.checkpoints]
    torch.testing.assert_close(own.values, 0.1 * each[0] + 0.025 * each[1])
