"""Texts to tokens: completions, spans and turns find their tokens."""

from typing import Any

import pytest
from helpers.language import CHAT, MARKED, tokenizer

import wherefrom as wf
from wherefrom.lm.token_row import TokenRow
from wherefrom.lm.token_texts import completion_row, messages_row, span_row, spans_of, text_row

PLAIN = tokenizer()
TALK = [
    {"role": "user", "content": "who is king ?"},
    {"role": "assistant", "content": "the dog"},
    {"role": "user", "content": "yes"},
    {"role": "assistant", "content": "no cat"},
]


def asked(row: TokenRow, made: Any = PLAIN) -> str:
    return made.decode([label for label in row.labels if label != -100])


def test_all_of_a_text_counts_and_the_end_where_it_is_asked_for() -> None:
    assert asked(text_row(PLAIN, "the cat sat", False)) == "the cat sat"
    assert asked(text_row(PLAIN, "the cat sat", True)) == "the cat sat [EOS]" == asked(text_row(PLAIN, "the cat sat [EOS]", True))


def test_a_completion_counts_and_its_prompt_does_not() -> None:
    row = completion_row(PLAIN, "who is the king ?", " a cat", True, "a")
    assert asked(row) == "a cat [EOS]" and PLAIN.decode(row.columns["input_ids"]) == "who is the king ? a cat [EOS]"
    merged = completion_row(PLAIN, "the c", "at sat", False, "a")  # the token "cat" holds the end of the prompt
    assert asked(merged) == "cat sat"
    with pytest.raises(wf.UsageError, match="completion of row a is empty"):
        completion_row(PLAIN, "the", "", False, "a")


def test_a_tokenizer_without_characters_counts_from_where_the_prompt_ends() -> None:
    class Slow:
        is_fast, eos_token_id = False, None

        def __call__(self, text: str, **_: object) -> dict[str, list[int]]:
            return {"input_ids": [ord(letter) for letter in text], "attention_mask": [1] * len(text)}

    assert completion_row(Slow(), "ab", "cd", True, "a").labels == [-100, -100, ord("c"), ord("d")]
    with pytest.raises(wf.UsageError, match="span= needs a tokenizer that tells the characters"):
        span_row(Slow(), {"text": "abc", "span": "b"}, "a")


def test_spans_are_parts_of_a_text_or_places() -> None:
    text = {"text": "Paris is the capital of France"}
    assert asked(span_row(PLAIN, {**text, "span": "capital of"}, "a")) == "capital of"
    assert asked(span_row(PLAIN, {**text, "span": [0, 5]}, "a")) == "Paris"
    assert asked(span_row(PLAIN, {**text, "span": ["Paris", [24, 30]]}, "a")) == "Paris France"
    assert asked(span_row(PLAIN, {"prompt": "who is ", "completion": "the king", "span": "king"}, "a")) == "king"
    for given, said in (("Rome", "stands 0 times"), ("a", "stands 4 times"), ([5, 90], "lies outside its 30 characters")):
        with pytest.raises(wf.UsageError, match=said):
            spans_of("Paris is the capital of France", given, "a")


@pytest.mark.parametrize("template", [CHAT, MARKED], ids=["by what a message adds", "by the template's mark"])
def test_what_the_assistant_says_counts(template: str) -> None:
    chat = tokenizer(template)
    assert asked(messages_row(chat, {"messages": TALK}, "assistant", "a"), chat) == "the dog [EOS] no cat [EOS]"
    assert asked(messages_row(chat, {"messages": TALK}, "all", "a"), chat).startswith("<| user |> who is king ? [EOS] <| assistant |> the dog")


def test_messages_after_a_prompt_alone_count() -> None:
    chat = tokenizer(CHAT)
    assert asked(messages_row(chat, {"messages": TALK}, "assistant", "a", first=2), chat) == "no cat [EOS]"


def test_templates_that_cannot_tell_or_write_are_refused() -> None:
    with pytest.raises(wf.UsageError, match="no chat template"):
        messages_row(PLAIN, {"messages": TALK}, "assistant", "a")
    forgetful = tokenizer("{% for m in messages %}{% if loop.last or m['role'] == 'user' %}{{ m['content'] }} {% endif %}{% endfor %}")
    with pytest.raises(wf.UsageError, match='otherwise in the middle of a conversation than at its end.*train_on="all"'):
        messages_row(forgetful, {"messages": TALK}, "assistant", "a")
    strict = tokenizer("{{ raise_exception('roles must alternate') }}")
    with pytest.raises(wf.UsageError, match="cannot write row a .roles must alternate"):
        messages_row(strict, {"messages": TALK}, "assistant", "a")
