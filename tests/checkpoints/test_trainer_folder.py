"""Folders that transformers' Trainer writes: the rates of the steps taken from there, Adam's moments by name, adapters."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import reference
from torch import Tensor

import wherefrom as wf
from wherefrom.checkpoints import CheckpointRecorder, as_checkpoints
from wherefrom.checkpoints.names import named_for
from wherefrom.methods.trajectory.checkpoint_states import states_at

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("ignore")


SCHEDULES = [
    ("linear", {}), ("linear", {"warmup_steps": 4}), ("cosine", {"warmup_steps": 3}), ("constant", {}), ("inverse_sqrt", {"warmup_steps": 2}),
]  # fmt: skip


class Rates(transformers.TrainerCallback):
    """The rate of each step as it is taken."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    def on_optimizer_step(self, args: Any, state: Any, control: Any, optimizer: Any = None, **kwargs: Any) -> None:
        self.taken.append(optimizer.param_groups[0]["lr"])


def language_model() -> torch.nn.Module:
    torch.manual_seed(0)
    sizes = {"vocab_size": 30, "n_positions": 8, "n_embd": 8, "n_layer": 1, "n_head": 2}
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes, bos_token_id=1, eos_token_id=2))


def tokens(n: int) -> dict[str, Tensor]:
    ids = torch.randint(3, 30, (n, 6), generator=torch.Generator().manual_seed(0))
    return {"input_ids": ids, "labels": ids}


def trained(folder: Path, model: torch.nn.Module, *callbacks: Any, **settings: Any) -> list[float]:
    """Train on 24 rows for 3 epochs of 6 steps; the rates of all 18 steps."""
    rows = [{name: value[i] for name, value in tokens(24).items()} for i in range(24)]
    chosen = {"num_train_epochs": 3, "per_device_train_batch_size": 4, "learning_rate": 1e-2, "save_strategy": "epoch", "report_to": []}
    chosen |= {"use_cpu": True, "disable_tqdm": True, "logging_strategy": "no", "weight_decay": 0.01} | settings
    rates = Rates()
    arguments = transformers.TrainingArguments(str(folder), **chosen)
    transformers.Trainer(model, arguments, train_dataset=rows, callbacks=[rates, *callbacks]).train()
    return rates.taken


@pytest.mark.parametrize("schedule", [{"lr_scheduler_type": kind} | more for kind, more in SCHEDULES], ids=str)
def test_rates_are_those_of_the_steps_taken_from_there(tmp_path: Path, schedule: dict[str, Any]) -> None:
    taken = trained(tmp_path, language_model(), **schedule)
    found = as_checkpoints(str(tmp_path / "checkpoint-*"))
    assert [one.step for one in found] == [6, 12, 18]
    assert [one.learning_rate for one in found[:2]] == pytest.approx([taken[6], taken[12]])
    assert not any(one.notes for one in found[:2]) and (found[2].learning_rate == 0) == any("counts nothing" in note for note in found[2].notes)


def test_a_checkpoint_from_which_no_step_was_taken_does_not_stand_alone(tmp_path: Path) -> None:
    trained(tmp_path, language_model(), lr_scheduler_type="linear")
    with pytest.raises(wf.UsageError, match="No step was taken from these checkpoints"):
        as_checkpoints([tmp_path / "checkpoint-18"])
    assert as_checkpoints([tmp_path / "checkpoint-18"], 0.1)[0].learning_rate == 0.1


def test_scales_follow_from_the_moments_by_name(tmp_path: Path) -> None:
    model = language_model()
    recorder = CheckpointRecorder(model)
    trained(tmp_path, model, recorder.callback("save"), lr_scheduler_type="linear", warmup_steps=3)
    found = as_checkpoints(tmp_path)
    assert recorder.learning_rates == pytest.approx([one.learning_rate for one in found])
    for one, kept in zip(found, recorder.checkpoints, strict=True):
        scales, expected = one.scales_of(model), kept.scales
        assert scales is not None and expected is not None and scales.keys() == expected.keys()
        for name, scale in expected.items():
            torch.testing.assert_close(scales[name], scale)
    problem = wf.Problem.of(model.eval(), wf.next_token(), tokens(24))
    one, two = (wf.attribute(wf.TracIn(c, update="recorded"), problem, tokens(2), progress=False).values for c in (tmp_path, recorder))
    torch.testing.assert_close(one, two)
    assert repr(wf.TracIn("out/checkpoint-*")) == "TracIn('out/checkpoint-*')"


def test_a_training_that_saves_its_model_alone(tmp_path: Path) -> None:
    taken = trained(tmp_path, language_model(), save_only_model=True, logging_strategy="epoch")
    found = as_checkpoints(tmp_path)
    assert [one.learning_rate for one in found] == pytest.approx([taken[5], taken[11], taken[17]])
    assert all("its rate is the last in the log" in one.notes[0] for one in found)
    for path in tmp_path.glob("checkpoint-*/trainer_state.json"):
        state = json.loads(path.read_text())
        path.write_text(json.dumps({**state, "log_history": []}))
    problem = wf.Problem.of(language_model().eval(), wf.next_token(), tokens(24))
    with pytest.warns(wf.methods.CheckpointWarning) as said:
        scores = wf.attribute(wf.TracIn(tmp_path), problem, tokens(2), progress=False)
    assert any("No checkpoint knows the learning rate of its steps, so all count alike" in str(one.message) for one in said)
    assert any("saved without its optimiser" in note for note in scores.notes)


@pytest.mark.parametrize("kind", ["lora", "dora", "ia3", "prompt", "embedding"])
def test_adapters_go_to_the_live_models_names(tmp_path: Path, kind: str) -> None:
    peft = pytest.importorskip("peft")
    common = {"task_type": "CAUSAL_LM"}
    config = {
        "lora": lambda: peft.LoraConfig(r=2, target_modules=["c_attn"], fan_in_fan_out=True, modules_to_save=["ln_f"], **common),
        "dora": lambda: peft.LoraConfig(r=2, target_modules=["c_attn"], fan_in_fan_out=True, use_dora=True, **common),
        "ia3": lambda: peft.IA3Config(target_modules=["c_attn", "c_fc"], feedforward_modules=["c_fc"], fan_in_fan_out=True, **common),
        "prompt": lambda: peft.PromptTuningConfig(num_virtual_tokens=2, **common),
        "embedding": lambda: peft.LoraConfig(r=2, target_modules=["wte"], **common),
    }[kind]()
    model = peft.get_peft_model(language_model(), config)
    recorder = CheckpointRecorder(model)
    trained(tmp_path, model, recorder.callback("save"))
    problem = wf.Problem.of(model.eval(), wf.next_token(), tokens(24))
    for forms in (str(tmp_path / "checkpoint-*"), [tmp_path / f"checkpoint-{step}" / "adapter_model.safetensors" for step in (6, 12, 18)]):
        found = as_checkpoints(forms, None if isinstance(forms, str) else 1.0)
        for one, kept in zip(found, recorder.checkpoints, strict=True):
            state = named_for(model, one.state, one.adapters)
            assert one.adapters and set(problem.names) <= set(state)
            assert all(torch.equal(state[name], kept.state[name]) for name in problem.names)
    whole = wf.Problem.of(model, wf.next_token(), tokens(24), parameters="*")
    if len(whole.names) > len(problem.names):
        with pytest.raises(wf.UsageError, match="holds adapters alone"):
            states_at(whole, found)


def test_less_takes_adams_steps_of_adapters_from_the_trainers_folder(tmp_path: Path) -> None:
    """The first checkpoint's cosines, written out by a loop of autograd and torch's own moments."""
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(r=2, target_modules=["c_attn"], fan_in_fan_out=True, task_type="CAUSAL_LM")
    model = peft.get_peft_model(language_model(), config)
    trained(tmp_path, model, lr_scheduler_type="constant", weight_decay=0.0)
    problem = wf.Problem.of(model.eval(), wf.next_token(), tokens(24))
    queries = {name: value[:2] for name, value in tokens(24).items()}
    found = wf.attribute(wf.methods.LESS(str(tmp_path / "checkpoint-*"), dimension=10**4), problem, queries)
    assert found.values.shape == (2, 24) and torch.isfinite(found.values).all()
    first = as_checkpoints([tmp_path / "checkpoint-6"])
    alone = wf.attribute(wf.methods.LESS(first, dimension=10**4), problem, queries).values
    at, kept = problem.at(states_at(problem, first)[0]), torch.load(tmp_path / "checkpoint-6" / "optimizer.pt", weights_only=True)["state"]
    m, v = (torch.cat([kept[k][key].flatten() for k in range(len(problem.names))]) for key in ("exp_avg", "exp_avg_sq"))
    g = reference.gradients(at)
    steps = (0.9 * m + 0.1 * g) / (1 - 0.9**7) / (((0.999 * v + 0.001 * g**2) / (1 - 0.999**7)).sqrt() + 1e-8)
    wanted = 1e-2 * torch.nn.functional.normalize(g[:2]) @ torch.nn.functional.normalize(steps).T
    torch.testing.assert_close(alone, wanted, rtol=1e-3, atol=1e-6)
