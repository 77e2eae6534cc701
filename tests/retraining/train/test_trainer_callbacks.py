"""Runs under transformers' Trainer and Lightning's, against loops made by hand that take the same steps."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import wherefrom as wf

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("ignore")
N, PART, MANY = (
    22,
    4,
    3,
)  # examples, a micro-batch, micro-batches of a step; an epoch's last step has 4 + 4 + 2


def language_model() -> Any:
    torch.manual_seed(0)
    sizes = {"vocab_size": 20, "n_positions": 8, "n_embd": 8, "n_layer": 1, "n_head": 2, "attn_pdrop": 0.0, "embd_pdrop": 0.0, "resid_pdrop": 0.0}
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes, bos_token_id=1, eos_token_id=2))  # its loss is float32's in any type


def classifier() -> Any:
    torch.manual_seed(0)
    sizes = {"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8, "num_labels": 3}
    config = transformers.BertConfig(**sizes, max_position_embeddings=8, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, hidden_act="silu")
    return transformers.BertForSequenceClassification(config).double()


def sequences() -> dict[str, Tensor]:
    """Tokens of 3 to 6 positions, padded."""
    generator = torch.Generator().manual_seed(0)
    ids, mask = torch.randint(3, 20, (N, 6), generator=generator), torch.arange(6) < torch.randint(3, 7, (N, 1), generator=generator)
    return {"input_ids": ids * mask, "attention_mask": mask.long(), "labels": torch.where(mask, ids, -100)}


def classes() -> dict[str, Tensor]:
    return {**sequences(), "labels": torch.arange(N) % 3}


def by_tokens(model: nn.Module, parts: list[Tensor], data: dict[str, Tensor], weights: Tensor) -> Tensor:
    """Σ of all tokens' losses over the step's number of labels, as of a model that makes use of ``num_items_in_batch``.

    Without a ``loss_type`` in its configuration, transformers 5.23 counts first positions too, which are no targets.
    """
    rows = torch.cat(parts)
    return (language_losses(model, data, rows) * weights[rows]).sum() / (data["labels"][rows] != -100).sum()


def by_sums_of_means(model: nn.Module, parts: list[Tensor], data: dict[str, Tensor], weights: Tensor) -> Tensor:
    """The sum of the micro-batches' means: a classifier accepts loss arguments, so that the Trainer does not divide, and makes no use of them."""
    return torch.stack([(class_losses(model, data, rows) * weights[rows]).mean() for rows in parts]).sum()


def language_losses(model: nn.Module, data: dict[str, Tensor], rows: Tensor) -> Tensor:
    logits = model(input_ids=data["input_ids"][rows], attention_mask=data["attention_mask"][rows]).logits[:, :-1]
    return nn.functional.cross_entropy(logits.mT, data["labels"][rows, 1:], ignore_index=-100, reduction="none").sum(1)


def class_losses(model: nn.Module, data: dict[str, Tensor], rows: Tensor) -> Tensor:
    logits = model(input_ids=data["input_ids"][rows], attention_mask=data["attention_mask"][rows]).logits
    return nn.functional.cross_entropy(logits, data["labels"][rows], reduction="none")


def trained(folder: Path, model: nn.Module, data: dict[str, Tensor], **settings: Any) -> wf.RunRecorder:
    recorder = wf.RunRecorder(model)
    chosen = {"num_train_epochs": 3, "per_device_train_batch_size": PART, "gradient_accumulation_steps": MANY, "learning_rate": 1e-2, "report_to": []}
    chosen |= {"use_cpu": True, "disable_tqdm": True, "logging_strategy": "no", "save_strategy": "no", "weight_decay": 0.05, "max_grad_norm": 0.0}
    chosen |= {"adam_epsilon": 1e-3}
    arguments = transformers.TrainingArguments(str(folder), **chosen | settings)
    rows = [{name: value[i] for name, value in data.items()} for i in range(N)]
    transformers.Trainer(model, arguments, train_dataset=rows, callbacks=[recorder.callback()]).train()
    return recorder


def by_hand(model: nn.Module, recorder: wf.RunRecorder, data: dict[str, Tensor], loss: Any, weights: Tensor) -> nn.Module:
    """The same steps by hand: AdamW, no decay of biases and norms, the rates and micro-batches that were recorded."""
    decayed = {name for name, value in model.named_parameters() if value.dim() > 1}
    groups = [[value for name, value in model.named_parameters() if (name in decayed) is chosen] for chosen in (True, False)]
    optimizer = torch.optim.AdamW([{"params": groups[0], "weight_decay": 0.05}, {"params": groups[1], "weight_decay": 0.0}], lr=1e-2, eps=1e-3)
    for step, (sizes, _) in zip(recorder.steps, recorder.parts, strict=True):
        for group in optimizer.param_groups:
            group["lr"] = step.rate
        optimizer.zero_grad()
        loss(model, list(torch.from_numpy(step.ids).split(list(sizes))), data, weights).backward()
        optimizer.step()
    return model


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("make", "data", "objective", "loss", "each"),
    [
        (language_model, sequences, wf.next_token, by_tokens, language_losses),
        (classifier, classes, wf.cross_entropy, by_sums_of_means, class_losses),
    ],
    ids=["language model", "classifier"],
)
def test_the_trainers_run_is_a_loop_by_hand(tmp_path: Path, make: Any, data: Any, objective: Any, loss: Any, each: Any, workers: int) -> None:
    model, rows, ones = make(), data(), torch.ones(N, dtype=torch.float64)
    recorder = trained(tmp_path, model, rows, dataloader_num_workers=workers)
    assert [sizes for sizes, _ in recorder.parts] == [(4, 4, 4), (4, 4, 2)] * 3
    again, close = by_hand(make().double(), recorder, rows, loss, ones), 1e-9 if model.dtype == torch.float64 else 1e-4
    for name, value in again.named_parameters():
        torch.testing.assert_close(dict(model.named_parameters())[name].double(), value, rtol=close, atol=close)
    if workers:
        return
    problem = wf.Problem.of(model.eval(), objective(), rows)
    queries = {name: value[:2] for name, value in rows.items()}
    run = recorder.run(problem)
    scores = wf.attribute(wf.UnrolledInfluence(run), problem, queries, progress=False)
    for one in (3, 11):
        ends = []
        for step in (1e-4, -1e-4):
            changed = by_hand(make().double(), recorder, rows, loss, ones + step * (torch.arange(N) == one))
            ends.append(each(changed, rows, torch.arange(2)).detach())
        expected = (ends[1] - ends[0]) / 2e-4
        torch.testing.assert_close(scores.values[:, one].double(), expected, rtol=100 * close + 1e-4, atol=100 * close * float(expected.abs().max()))


def test_what_cannot_be_followed_is_said(tmp_path: Path) -> None:
    model, rows = classifier(), classes()
    recorder = trained(tmp_path, model, rows, max_grad_norm=0.1, num_train_epochs=1)
    problem = wf.Problem.of(model.eval(), wf.cross_entropy(), rows)
    with pytest.raises(
        wf.UsageError, match="Step 0 was clipped to a gradient of length 0.1, which cannot be followed backwards; train without clipping"
    ):
        recorder.run(problem)
    model = classifier()
    recorder = trained(tmp_path, model, rows, label_smoothing_factor=0.3, num_train_epochs=1)
    with pytest.raises(wf.UsageError, match=r"step 0 is no mean of the problem's loss over its examples .*label smoothing"):
        recorder.run(wf.Problem.of(model.eval(), wf.cross_entropy(), rows))
    with pytest.raises(wf.UsageError, match="holds a run already; make another"):
        recorder.begin(torch.optim.SGD(model.parameters(), 0.1))
    with pytest.raises(wf.UsageError, match="has no optimiser; give it to RunRecorder"):
        wf.RunRecorder(model).step([1])


def test_a_stream_is_refused(tmp_path: Path) -> None:
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self) -> Any:
            rows = classes()
            return iter([{name: value[i] for name, value in rows.items()} for i in range(N)])

    model = classifier()
    arguments = transformers.TrainingArguments(str(tmp_path), max_steps=2, use_cpu=True, report_to=[], save_strategy="no", disable_tqdm=True)
    trainer = transformers.Trainer(model, arguments, train_dataset=Stream(), callbacks=[wf.RunRecorder(model).callback()])
    with pytest.raises(wf.UsageError, match="train on one map-style data set"):
        trainer.train()


@pytest.mark.parametrize("accumulate", [1, 3])
def test_lightnings_run_is_followed(tmp_path: Path, accumulate: int) -> None:
    lightning = pytest.importorskip("lightning.pytorch")
    torch.manual_seed(0)
    X, y, names = torch.randn(N, 3, dtype=torch.float64), torch.arange(N) % 3, [f"row {i}" for i in range(N)]

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(1)
            self.net = nn.Sequential(nn.Linear(3, 4), nn.SiLU(), nn.Linear(4, 3)).double()

        def training_step(self, batch: Any, number: int) -> Tensor:
            return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.SGD(self.parameters(), lr=0.2, momentum=0.9)
            return {"optimizer": optimizer, "lr_scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)}

    def run_of(weights: Tensor, recorder: wf.RunRecorder, module: Any) -> Any:
        """Lightning divides by the micro-batches that were planned, also in an epoch's last step, which has fewer."""
        optimizer = torch.optim.SGD(module.parameters(), lr=0.2, momentum=0.9)
        for step, (sizes, planned) in zip(recorder.steps, recorder.parts, strict=True):
            optimizer.param_groups[0]["lr"] = step.rate
            optimizer.zero_grad()
            places = torch.tensor([names.index(one) for one in step.ids.tolist()])
            for part in places.split(list(sizes)):
                losses = nn.functional.cross_entropy(module.net(X[part]), y[part], reduction="none")
                ((losses * weights[part]).mean() / planned).backward()
            optimizer.step()
        return module

    module = Module()
    recorder = wf.RunRecorder(module.net)
    common = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    trainer = lightning.Trainer(max_epochs=3, accumulate_grad_batches=accumulate, callbacks=[recorder.lightning_callback(names)], **common)
    trainer.fit(module, DataLoader(TensorDataset(X, y), batch_size=4, shuffle=True))
    ones = torch.ones(N, dtype=torch.float64)
    again = run_of(ones, recorder, Module())
    torch.testing.assert_close(again.net[0].weight, module.net[0].weight)
    problem = wf.Problem.of(module.net.eval(), wf.cross_entropy(), (X, y), ids=names)
    scores = wf.attribute(wf.UnrolledInfluence(recorder.run(problem)), problem, (X[:2], y[:2]), progress=False)
    ends = [run_of(ones + step * (torch.arange(N) == 5), recorder, Module()).net(X[:2]) for step in (1e-4, -1e-4)]
    losses = [nn.functional.cross_entropy(end, y[:2], reduction="none").detach() for end in ends]
    torch.testing.assert_close(scores.values[:, 5], (losses[1] - losses[0]) / 2e-4, rtol=1e-4, atol=1e-9)
