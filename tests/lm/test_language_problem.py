"""A language model and its data as a problem: the model's own loss per example, whatever the head, the padding and the form of the data."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import language
from helpers.language import TEXTS
from torch import Tensor

import wherefrom as wf

TOKENS = language.tokenizer(language.CHAT)
ROWS = [{"id": f"r{place}", "text": text} for place, text in enumerate(TEXTS)]
QUERIES = [{"prompt": "the king", "completion": " said hello"}, {"text": "Paris is in France .", "span": "France"}]
PAIRS = [{"prompt": text, "completion": other} for text, other in pairwise(TEXTS)]
CLASSES = [{"text": text, "label": place % 3} for place, text in enumerate(TEXTS)]
TAGS = [{"tokens": text.split(), "labels": [place % 3 for place in range(len(text.split()))]} for text in TEXTS]
MANY = {"num_labels": 3, "problem_type": "multi_label_classification"}


def losses(p: wf.Problem) -> Tensor:
    with torch.no_grad():
        return torch.cat([p.losses(p.outputs(batch.inputs), batch) for batch in p.batches()])


def scores(p: wf.Problem, queries: Any = QUERIES) -> Tensor:
    return wf.attribute(wf.GradientDot(), p, queries, progress=False).values


HEADS: dict[str, tuple[Any, list[dict[str, Any]]]] = {
    "GPT-2": (language.gpt2, ROWS),
    "Llama": (language.llama, ROWS),
    "prompt and completion": (language.gpt2, PAIRS),
    "masked": (lambda: language.bert("MaskedLM"), ROWS),
    "T5": (language.t5, PAIRS),
    "BART": (language.bart, PAIRS),
    "classes": (lambda: language.bert("SequenceClassification", num_labels=3), CLASSES),
    "numbers": (lambda: language.bert("SequenceClassification", num_labels=1), CLASSES),
    "bits": (lambda: language.bert("SequenceClassification", **MANY), [{**row, "label": [1, row["label"] % 2, 0]} for row in CLASSES]),
    "tokens": (lambda: language.bert("TokenClassification", num_labels=3), TAGS),
}


@pytest.mark.parametrize("name", HEADS)
def test_the_loss_is_the_models_own_of_each_example(name: str) -> None:
    build, rows = HEADS[name]
    model = build()
    p = wf.lm.problem(model, rows, tokenizer=TOKENS)
    for place, mine in enumerate(losses(p)):
        one = next(iter(p.batches(p.train.take(np.array([place])))))
        counted = (one.targets != -100).sum() if one.targets.dim() > 1 and not one.targets.is_floating_point() else one.targets[0].numel()
        if p.objective.loss is wf.next_token().loss:
            counted = (one.targets[:, 1:] != -100).sum()
        with torch.no_grad():
            own = model(**one.inputs, labels=one.targets).loss * counted
        torch.testing.assert_close(mine, own, rtol=1e-4, atol=1e-4)
    assert "of which the model's own loss is the mean" in wf.lm.describe(p) or "the model's own." in wf.lm.describe(p)


@pytest.mark.parametrize("build", [language.gpt2, language.llama])
def test_padding_side_and_company_change_no_score(build: Any) -> None:
    model = build()
    right = wf.lm.problem(model, ROWS, tokenizer=TOKENS)
    left = wf.lm.problem(model, ROWS, tokenizer=TOKENS, padding_side="left")
    alone = torch.cat([scores(wf.lm.problem(model, [row], tokenizer=TOKENS)) for row in ROWS], 1)
    torch.testing.assert_close(scores(left), scores(right), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(alone, scores(right), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("build", [language.gpt2, language.llama])
def test_documents_in_a_row_score_the_sum_of_theirs_apart(build: Any) -> None:
    model = build()
    apart, together = (wf.lm.problem(model, ROWS, tokenizer=TOKENS, packing=packing, max_length=16) for packing in (False, True))
    table, packed = wf.attribute(wf.GradientDot(), apart, QUERIES, progress=False), scores(together)
    assert "+" in together.ids[0] and sorted("+".join(together.ids).split("+")) == sorted(apart.ids)
    for column, name in enumerate(together.ids.tolist()):
        torch.testing.assert_close(packed[:, column], table.select(name.split("+")).sum(1), rtol=1e-4, atol=1e-3)
    assert "in 2 packed ones" in wf.lm.describe(together)


def test_rows_that_were_packed_before_are_kept_apart() -> None:
    model, ids = language.llama(), [TOKENS(text)["input_ids"] for text in TEXTS[:2]]
    packed = wf.lm.problem(model, [{"input_ids": ids[0] + ids[1], "position_ids": [*range(len(ids[0])), *range(len(ids[1]))]}])
    torch.testing.assert_close(losses(packed), losses(wf.lm.problem(model, ids)).sum(0, keepdim=True), rtol=1e-5, atol=1e-4)


def test_tokens_and_texts_are_the_same_problem() -> None:
    model = language.gpt2()
    tokens = [{"input_ids": TOKENS(text)["input_ids"]} for text in TEXTS]
    datasets = pytest.importorskip("datasets")
    whole = wf.lm.problem(model, ROWS, tokenizer=TOKENS)
    for data in (tokens, datasets.Dataset.from_list(tokens), datasets.Dataset.from_list(tokens).with_format("torch")):
        torch.testing.assert_close(losses(wf.lm.problem(model, data)), losses(whole))
    padded = TOKENS(TEXTS, padding=True, return_tensors="pt")
    torch.testing.assert_close(losses(wf.lm.problem(model, padded)), losses(whole))
    assert scores(wf.lm.problem(model, tokens, tokenizer=TOKENS)).shape == (2, 6)


def test_truncation_is_told() -> None:
    with pytest.warns(wf.lm.LanguageDataWarning, match="3 of 6 rows are longer than 5 tokens: 5 of 32 tokens are cut off; max_length="):
        p = wf.lm.problem(language.gpt2(), ROWS, tokenizer=TOKENS, max_length=5)
    assert "5 of 32 tokens are cut off" in wf.lm.describe(p)


def test_queries_come_through_the_same_door(tmp_path: Path) -> None:
    p = wf.lm.problem(language.gpt2(), language.json_lines(tmp_path / "train.jsonl", ROWS), tokenizer=TOKENS)
    assert p.ids.tolist() == [row["id"] for row in ROWS]
    examples = wf.lm.examples(p, language.json_lines(tmp_path / "queries.jsonl", QUERIES))
    torch.testing.assert_close(scores(p, examples), scores(p))
    talk = [{"role": "user", "content": "who is king ?"}, {"role": "assistant", "content": "the dog"}]
    assert wf.attribute(wf.GradientDot(), p, [talk], progress=False).values.shape == (1, 6)
    assert scores(p.without(["r0"])).shape == (2, 5)  # what follows from a problem reads as it does


def test_the_given_objective_parameters_and_weights_count() -> None:
    model = language.gpt2()
    p = wf.lm.problem(model, ROWS, tokenizer=TOKENS, objective=wf.cross_entropy(), parameters="*ln_f*", weights=[1, 2, 0, 1, 1, 1], l2=0.5)
    assert p.objective.loss is wf.cross_entropy().loss and p.names == ("transformer.ln_f.weight", "transformer.ln_f.bias")
    assert p.normaliser == 6 and "an objective of its own" in wf.lm.describe(p)
    assert wf.lm.problem(model, ROWS, tokenizer=TOKENS, l2=0.5).objective.l2 == 0.5


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"padding_side": "up"}, "padding_side='up' is unknown"),
        ({"max_length": 1}, "max_length=1 leaves nothing to say"),
        ({"tokenizer": None}, "there is no tokenizer; give tokenizer="),
        ({"task": "masked"}, "the model's own loss is .* and that of a masked head is"),
    ],
)
def test_settings_that_cannot_be_are_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(wf.UsageError, match=said):
        wf.lm.problem(language.gpt2(), ROWS, **{"tokenizer": TOKENS, **more})


def test_what_needs_a_causal_model_is_refused_of_others() -> None:
    encoder = language.bert("MaskedLM")
    with pytest.raises(wf.UsageError, match="Padding on the left moves the tokens of a masked model"):
        wf.lm.problem(encoder, ROWS, tokenizer=TOKENS, padding_side="left")
    with pytest.raises(wf.UsageError, match="packing= needs a causal model"):
        wf.lm.problem(encoder, ROWS, tokenizer=TOKENS, packing=True)
    with pytest.raises(wf.UsageError, match="not one of a language model; make it by wf.lm.problem"):
        wf.lm.examples(wf.Problem.of(torch.nn.Linear(2, 2).eval(), wf.cross_entropy(), (torch.ones(3, 2), torch.zeros(3).long())), ["the cat"])


def test_five_lines_lead_from_a_folder_and_a_file_to_scores(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (root / "docs" / "lm.md").read_text(encoding="utf-8")
    code = page.partition('```python title="five lines"\n')[2].partition("```")[0]
    assert len([line for line in code.splitlines() if line]) == 5
    language.llama().save_pretrained(tmp_path / "my-model")
    TOKENS.save_pretrained(tmp_path / "my-model")
    language.json_lines(tmp_path / "train.jsonl", ROWS)
    language.json_lines(tmp_path / "queries.jsonl", QUERIES)
    monkeypatch.chdir(tmp_path)
    space: dict[str, Any] = {}
    exec(code, space)
    assert space["best"].ids.shape == (2, 6) and len(space["tokens"].pairs) == 10
    first = space["tokens"].pairs[0]
    assert first.train_id == space["best"].ids[0, 0] and float(first.values.sum()) == pytest.approx(float(space["best"].values[0, 0]), rel=1e-4)
