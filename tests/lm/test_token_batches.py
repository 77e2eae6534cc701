"""One row for each token that counts, and the texts of tokens."""

from typing import Any

import numpy as np
import pytest
import torch
from helpers import language

import wherefrom as wf
from wherefrom.lm.language_problem import reader_of
from wherefrom.lm.token_batches import TokenBatch, plain_text, text_of, words_of

TOKENS = language.tokenizer()


def one(p: wf.Problem, row: dict[str, Any]) -> TokenBatch:
    return TokenBatch.of(next(iter(p.batches(p.examples([row])))))  # type: ignore[arg-type]


@pytest.fixture
def p() -> wf.Problem:
    return wf.lm.problem(language.gpt2(), language.TEXTS, tokenizer=TOKENS)


def test_losses_of_tokens_add_up(p: wf.Problem) -> None:
    batch = one(p, {"prompt": "the king", "completion": " said hello"})
    assert batch.places.tolist() == [2, 3, 4] and len(batch.rows) == 3
    with torch.no_grad():
        whole, rows = (p.losses(p.outputs(part.inputs), part) for part in (batch.whole, batch.rows))
    torch.testing.assert_close(rows.sum(), whole[0])


def test_the_text_is_what_is_given_and_at_asked_tokens_what_is_said(p: wf.Problem) -> None:
    text = text_of(reader_of(p), one(p, {"prompt": "the king", "completion": " said hello"}))
    assert [token.strip() for token in text.tokens] == ["the", "king", "said", "hello", "[EOS]"] and "".join(text.asked) == " said hello [EOS]"
    shown = text.scored([1.0, -2.0, 0.5])
    assert shown.scores == (None, None, 1.0, -2.0, 0.5) and shown.largest == 2
    masked = wf.lm.problem(language.bert("MaskedLM"), language.TEXTS, tokenizer=TOKENS)
    assert "".join(text_of(reader_of(masked), one(masked, {"text": "the cat sat", "span": "cat"})).tokens) == "the cat sat"
    target = wf.lm.problem(language.t5(), [{"prompt": "the cat", "completion": "a dog"}], tokenizer=TOKENS)
    assert "".join(text_of(reader_of(target), one(target, {"prompt": "no", "completion": "the king"})).tokens) == "the king"


def test_padding_is_no_text_on_either_side_or_in_packed_rows(p: wf.Problem) -> None:
    for more in ({}, {"padding_side": "left"}, {"packing": True, "max_length": 24}):
        q = wf.lm.problem(language.gpt2(), language.TEXTS, tokenizer=TOKENS, **more)  # type: ignore[arg-type]
        batch = next(iter(q.batches(q.train.take(np.array([1])))))
        expected = plain_text(reader_of(q), batch.inputs)
        assert "".join(text_of(reader_of(q), TokenBatch.of(batch)).tokens) == expected and "[PAD]" not in expected


def test_one_label_for_a_sequence_is_refused() -> None:
    q = wf.lm.problem(language.bert("SequenceClassification", num_labels=2), [{"text": "the cat", "label": 1}], tokenizer=TOKENS)
    with pytest.raises(wf.UsageError, match="one label each.*use wf.attribute"):
        TokenBatch.of(next(iter(q.batches())))


def test_tokens_without_a_tokenizer_are_numbers() -> None:
    assert words_of(None, [4, 5]) == ("4 ", "5 ")
    assert "".join(words_of(TOKENS, TOKENS("the cat sat on")["input_ids"])) == "the cat sat on"
