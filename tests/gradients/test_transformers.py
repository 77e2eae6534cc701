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


SMALL: dict[str, Any] = {
    "vocab_size": 30, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "head_dim": 4, "max_position_embeddings": 32, "pad_token_id": 0,
}  # fmt: skip
MIXTURE = {"experts_implementation": "eager", "num_experts_per_tok": 2}
DECODERS: dict[str, Callable[[], Any]] = {
    "Llama": lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**SMALL)),
    "Qwen 3": lambda: transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**SMALL)),
    "Gemma 3": lambda: transformers.Gemma3ForCausalLM(transformers.Gemma3TextConfig(**SMALL)),
    "Mistral": lambda: transformers.MistralForCausalLM(transformers.MistralConfig(**SMALL)),
    "Phi 3": lambda: transformers.Phi3ForCausalLM(transformers.Phi3Config(**SMALL)),
    "OLMo 2": lambda: transformers.Olmo2ForCausalLM(transformers.Olmo2Config(**SMALL)),
    "Mamba": lambda: transformers.MambaForCausalLM(transformers.MambaConfig(vocab_size=30, hidden_size=16, num_hidden_layers=2, state_size=4)),
    "Mixtral": lambda: transformers.MixtralForCausalLM(transformers.MixtralConfig(**SMALL, **MIXTURE, num_local_experts=4)),
    "Qwen 3, mixture of experts": lambda: transformers.Qwen3MoeForCausalLM(
        transformers.Qwen3MoeConfig(**SMALL, **MIXTURE, num_experts=4, moe_intermediate_size=12)
    ),
}


@pytest.mark.parametrize("name", DECODERS)
def test_every_parameter_of_a_decoder_is_served_by_its_operations(name: str) -> None:
    torch.manual_seed(0)
    tokens, mask = padded()
    data = {"input_ids": tokens, "attention_mask": mask, "labels": tokens.masked_fill(mask == 0, -100)}
    problem = wf.Problem.of(DECODERS[name]().double().eval(), wf.next_token(), data)
    gradients = Gradients(problem)
    assert gradients.coverage.rest == () and gradients.coverage.unknown == ()
    rows, true = gradients.losses(reference.whole(problem)), reference.gradients(problem)
    torch.testing.assert_close(rows.flat(), true, rtol=1e-5, atol=2e-6)  # some layers of these models compute in float32
    torch.testing.assert_close(rows.select(slice(2)).dot(rows), true[:2] @ true.T, rtol=1e-5, atol=1e-5)
    single = wf.Problem.of(problem.model, problem.objective, data, batch_size=1)
    torch.testing.assert_close(wf.attribute(wf.GradientDot(), single, problem.train).values, true @ true.T, rtol=1e-5, atol=1e-5)


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
    assert by_rules == problem.size
