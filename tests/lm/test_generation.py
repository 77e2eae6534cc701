"""What a model says of its own accord becomes queries."""

import pytest
import torch
from helpers import language

import wherefrom as wf

TOKENS = language.tokenizer(language.CHAT)


@pytest.fixture
def p() -> wf.Problem:
    return wf.lm.problem(language.gpt2(), language.TEXTS, tokenizer=TOKENS)


def labels(examples: wf.Examples) -> list[list[int]]:
    ((_, batch),) = examples.read(99)
    return batch["labels"].tolist()


def test_samples_are_queries_about_what_was_said(p: wf.Problem) -> None:
    state = torch.get_rng_state()
    said = wf.lm.generations(p, ["the king", {"id": "b", "text": "Paris is"}][:1], samples=3, max_new_tokens=4, progress=False)
    assert torch.equal(torch.get_rng_state(), state) and said.ids.tolist() == ["0/0", "0/1", "0/2"]
    rows = labels(said)
    assert all(row[:2] == [-100, -100] and row[2] != -100 for row in rows) and len({tuple(row) for row in rows}) > 1
    assert wf.attribute(wf.GradientDot(), p, said, progress=False).values.shape == (3, 6)
    again = wf.lm.generations(p, ["the king"], samples=3, max_new_tokens=4, progress=False)
    assert labels(again) == rows != labels(wf.lm.generations(p, ["the king"], samples=3, max_new_tokens=4, seed=1, progress=False))


def test_the_likeliest_continuation_is_that_of_the_problems_own_weights(p: wf.Problem) -> None:
    given = [TOKENS("the king")["input_ids"]]
    greedy = labels(wf.lm.generations(p, [{"id": "a", "input_ids": given[0]}], max_new_tokens=3, temperature=0, progress=False))[0][2:]
    with torch.no_grad():
        assert greedy[0] == int(p.model(torch.tensor(given)).logits[0, -1].argmax())
    moved = p.at({name: torch.randn_like(value) for name, value in p.parameters.items()})
    other = labels(wf.lm.generations(moved, [given[0]], max_new_tokens=3, temperature=0, progress=False))[0][2:]
    with torch.no_grad():
        assert other[0] == int(moved.outputs({"input_ids": torch.tensor(given)})[0, -1].argmax())


def test_prompts_may_be_conversations_and_what_is_none_is_refused(p: wf.Problem) -> None:
    talk = [{"role": "user", "content": "who is king ?"}]
    asked = TOKENS("<| user |> who is king ? [EOS] <| assistant |>")["input_ids"]
    row = labels(wf.lm.generations(p, [talk], max_new_tokens=2, progress=False))[0]
    assert row[: len(asked)] == [-100] * len(asked) and row[len(asked)] != -100
    with pytest.raises(wf.UsageError, match="a prompt is a text, prompt, messages or input_ids"):
        wf.lm.generations(p, [{"body": "x"}], progress=False)
    with pytest.raises(wf.UsageError, match="need 1 or more"):
        wf.lm.generations(p, ["the"], samples=0, progress=False)
    encoder = wf.lm.problem(language.bert("MaskedLM"), language.TEXTS, tokenizer=TOKENS)
    with pytest.raises(wf.UsageError, match="masked head continues no prompt"):
        wf.lm.generations(encoder, ["the"], progress=False)
