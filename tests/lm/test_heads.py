"""Heads by the names of classes, and what each is asked."""

import pytest
import torch
from helpers import language
from torch import nn

import wherefrom as wf
from wherefrom.lm.heads import Head, averaged, counted_tokens, head_of


def test_a_head_is_known_by_the_class() -> None:
    assert head_of(language.gpt2()) == Head("causal") and head_of(language.llama()) == Head("causal")
    assert head_of(language.t5()) == Head("seq2seq") and head_of(language.bart()) == Head("seq2seq")
    assert head_of(language.bert("MaskedLM")) == Head("masked")
    assert head_of(language.bert("TokenClassification", num_labels=3)) == Head("tokens")
    kinds = {"num_labels": 1}, {"num_labels": 3}, {"num_labels": 3, "problem_type": "multi_label_classification"}
    assert [head_of(language.bert("SequenceClassification", **kind)).kind for kind in kinds] == ["numbers", "classes", "bits"]
    assert head_of(nn.Linear(2, 2), "causal") == Head("causal")
    with pytest.raises(wf.UsageError, match="Linear has no head that is known.*task="):
        head_of(nn.Linear(2, 2))


def test_tokens_that_count() -> None:
    labels = torch.tensor([[5, 1, -100], [-100, 2, 3]])
    assert counted_tokens(labels, following=True).tolist() == [1, 2]
    assert counted_tokens(labels, following=True, virtual=2).tolist() == [2, 2] == counted_tokens(labels, following=False).tolist()
    assert counted_tokens(torch.tensor([3, 1]), following=False).tolist() == [1, 1]


def test_the_mean_over_tokens_divides_each_example_by_its_own() -> None:
    outputs, labels = torch.randn(2, 3, 4), torch.tensor([[3, 1, 2], [0, 2, -100]])
    plain = wf.next_token(l2=0.1)
    mean = averaged(plain)
    torch.testing.assert_close(mean.loss(outputs, labels), plain.loss(outputs, labels) / torch.tensor([2.0, 1.0]))
    assert mean.l2 == 0.1 and mean.sample is None
