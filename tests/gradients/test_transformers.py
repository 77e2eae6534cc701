"""Real architectures, untouched, with padded batches: every gradient equals autograd's, one example at a time."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers
from helpers import reference

import wherefrom as wf
from wherefrom.gradients import Gradients

B, T = 6, 7


def padded() -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens and their mask, sequences of several lengths."""
    mask = (torch.arange(T) < torch.tensor([7, 5, 3, 6, 2, 4])[:, None]).long()
    return torch.randint(1, 30, (B, T)) * mask, mask


def gpt2() -> tuple[Any, wf.Objective, Any]:
    settings = transformers.GPT2Config(vocab_size=30, n_positions=12, n_embd=8, n_layer=2, n_head=2)
    tokens, mask = padded()
    labels = tokens.masked_fill(mask == 0, -100)
    batch = transformers.BatchEncoding({"input_ids": tokens, "attention_mask": mask, "labels": labels})
    return transformers.GPT2LMHeadModel(settings), wf.next_token(), batch


def bert() -> tuple[Any, wf.Objective, Any]:
    settings = transformers.BertConfig(
        vocab_size=30, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12, max_position_embeddings=12, num_labels=3
    )
    tokens, mask = padded()
    batch = {"input_ids": tokens, "attention_mask": mask, "labels": torch.arange(B) % 3}
    return transformers.BertForSequenceClassification(settings), wf.cross_entropy(), batch


def vit() -> tuple[Any, wf.Objective, Any]:
    settings = transformers.ViTConfig(
        image_size=8, patch_size=4, num_channels=1, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12, num_labels=3
    )
    return (
        transformers.ViTForImageClassification(settings),
        wf.cross_entropy(),
        {"pixel_values": torch.randn(B, 1, 8, 8), "labels": torch.arange(B) % 3},
    )


@pytest.mark.parametrize("build", [gpt2, bert, vit])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_rows_equal_autograd(build: Callable[[], Any], attention: str) -> None:
    torch.manual_seed(0)
    model, objective, batch = build()
    model.set_attn_implementation(attention)
    problem = wf.Problem.of(model.double().eval(), objective, batch)
    gradients = Gradients(problem)
    found = gradients.losses(reference.whole(problem)).flat()
    torch.testing.assert_close(found, reference.gradients(problem), rtol=1e-8, atol=1e-11)
    by_rules = sum(
        problem.state[name].numel() for name, kind in gradients.coverage.served().items() if kind not in ("torch.func", "one example at a time")
    )
    assert by_rules / problem.size > 0.9
