"""Rows to tokens and labels, for each kind of head."""

from dataclasses import replace
from typing import Any

import pytest
from helpers.language import CHAT, tokenizer

import wherefrom as wf
from wherefrom.lm.encoding import Encoder
from wherefrom.lm.heads import Head

TOKENS = tokenizer(CHAT)
TAKES = frozenset({"input_ids", "attention_mask", "token_type_ids"})
CAUSAL = Encoder(Head("causal"), TOKENS, TAKES)
CLASSES = Encoder(Head("sequence"), TOKENS, TAKES, classes={"good": 0, "bad": 1})


def words(ids: list[int]) -> str:
    return TOKENS.decode([token for token in ids if token != -100])


def test_the_end_follows_a_completion_and_not_a_text_unless_told() -> None:
    pair = {"prompt": "the king", "completion": " said hello"}
    assert words(CAUSAL({"text": "the cat"}, 0).labels) == "the cat" and words(CAUSAL(pair, 0).labels) == "said hello [EOS]"
    assert words(replace(CAUSAL, append_eos=True)({"text": "the cat"}, 0).labels) == "the cat [EOS]"
    assert words(replace(CAUSAL, append_eos=False)(pair, 0).labels) == "said hello"


def test_conversations_as_prompt_and_completion() -> None:
    row = {"prompt": [{"role": "user", "content": "who"}], "completion": [{"role": "assistant", "content": "the king"}]}
    assert words(CAUSAL(row, 0).labels) == "the king [EOS]"
    assert words(CAUSAL({"messages": [*row["prompt"], *row["completion"]]}, 0).labels) == "the king [EOS]"


def test_rows_are_cut_to_the_longest() -> None:
    row = replace(CAUSAL, max_length=2)({"text": "the cat sat on"}, 0)
    assert words(row.columns["input_ids"]) == "the cat" and row.lost == 2


def test_masked_tokens_depend_on_the_seed_and_the_id_alone() -> None:
    masked = Encoder(Head("masked"), TOKENS, TAKES, masked=0.5)
    text = {"text": "the cat sat on the mat . the dog ran far ."}
    row, again, other = masked(text, "a"), masked(text, "a"), masked(text, "b")
    assert (row.columns, row.labels) == (again.columns, again.labels) != (other.columns, other.labels)
    whole = TOKENS(text["text"])["input_ids"]
    assert all(label in (-100, token) for label, token in zip(row.labels, whole, strict=True)) and 0 < sum(label != -100 for label in row.labels) < 12
    changed = [place for place, token in enumerate(row.columns["input_ids"]) if token != whole[place]]
    assert changed and all(row.labels[place] != -100 for place in changed)
    assert sum(label != -100 for label in replace(masked, masked=0.0)(text, "a").labels) == 1  # never nothing
    asked = masked({"text": "the cat sat", "span": "cat"}, 0)
    assert words(asked.labels) == "cat" and words(asked.columns["input_ids"]) == "the [MASK] sat"
    tokens = masked({"input_ids": whole}, "a")
    assert tokens.labels == row.labels


def test_a_target_sequence_has_labels_of_its_own() -> None:
    row = Encoder(Head("seq2seq"), TOKENS, TAKES, max_length=3)({"prompt": "the cat", "completion": "a dog ran far"}, 0)
    assert words(row.columns["input_ids"]) == "the cat" and words(row.labels) == "a dog ran" and row.lost == 1


def test_labels_are_classes_by_number_or_name() -> None:
    assert CLASSES({"text": "the cat", "label": "bad"}, 0).labels == 1 == CLASSES({"text": "the cat", "labels": 1}, 0).labels
    assert replace(CLASSES, max_length=2)({"text": "the cat sat", "label": 0}, 0).lost == 1
    bits = replace(CLASSES, head=Head("sequence", "bits"))
    assert bits({"text": "the", "label": [1, 0]}, 0).labels == [1.0, 0.0]
    assert replace(CLASSES, head=Head("sequence", "numbers"))({"text": "the", "label": 2}, 0).labels == [2.0]


def test_words_have_labels_and_their_first_token_stands_for_them() -> None:
    tagged = Encoder(Head("tokens"), TOKENS, TAKES, classes={"O": 0, "PLACE": 1})
    assert tagged({"tokens": ["Paris", "is", "in", "France"], "labels": ["PLACE", "O", 0, 1]}, 0).labels == [1, 0, 0, 1]


@pytest.mark.parametrize(
    ("encoder", "row", "said"),
    [
        (CAUSAL, {"body": "x"}, "Row 7 has body; it needs text, prompt and completion, messages or input_ids .columns="),
        (CAUSAL, {"text": ""}, "it needs text"),
        (replace(CAUSAL, tokenizer=None), {"text": "x"}, "there is no tokenizer; give tokenizer="),
        (CLASSES, {"text": "the"}, "Row 7 has no labels"),
        (CLASSES, {"text": "the", "label": "god"}, "none of the model's. Did you mean 'good'"),
        (CLASSES, {"text": "the", "label": 5}, "none of the model's 2 classes"),
        (Encoder(Head("seq2seq"), TOKENS), {"text": "x"}, "needs prompt and completion"),
        (Encoder(Head("tokens"), TOKENS), {"text": "x"}, "needs tokens and as many labels"),
        (Encoder(Head("masked"), None), {"input_ids": [1, 2]}, "no tokenizer with a mask token"),
    ],
)
def test_rows_that_say_too_little_are_refused(encoder: Encoder, row: dict[str, Any], said: str) -> None:
    with pytest.raises(wf.UsageError, match=said):
        encoder(row, 7)
