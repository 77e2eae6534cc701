"""Tiny language models from configurations, with a tokenizer of whole words, and nothing downloaded."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # before the packages are imported: nothing is asked of the network
pytest.importorskip("transformers")
import transformers as tf
from tokenizers import Tokenizer, models, pre_tokenizers

SAID = "the cat sat on mat dog ran far a king said hello world who is where Paris in France Rome Italy capital of yes no good bad user assistant"
WORDS = SAID.split()
SPECIAL = ("[PAD]", "[BOS]", "[EOS]", "[UNK]", "[MASK]", "[CLS]", "[SEP]", "<|", "|>", ".", "?")
CHAT = "{% for m in messages %}<| {{ m['role'] }} |> {{ m['content'] }} [EOS] {% endfor %}{% if add_generation_prompt %}<| assistant |> {% endif %}"
MARKED = (
    "{% for m in messages %}<| {{ m['role'] }} |> {% if m['role'] == 'assistant' %}{% generation %}{{ m['content'] }} [EOS]{% endgeneration %} "
    "{% else %}{{ m['content'] }} [EOS] {% endif %}{% endfor %}"
)
VOCABULARY = len(WORDS) + len(SPECIAL)
TEXTS = [
    "the cat sat on the mat .",
    "the dog ran far",
    "a king said hello world .",
    "who is the king ?",
    "Paris is the capital of France .",
    "no cat ran",
]
SIZES = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 48,
    "pad_token_id": 0,
}


def tokenizer(chat: str | None = None, **more: Any) -> Any:
    """Words and marks, by spaces."""
    known = {word: place for place, word in enumerate((*SPECIAL, *WORDS))}
    inner = Tokenizer(models.WordLevel(known, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    names = {"pad_token": "[PAD]", "bos_token": "[BOS]", "eos_token": "[EOS]", "unk_token": "[UNK]", "mask_token": "[MASK]"}
    made = tf.PreTrainedTokenizerFast(tokenizer_object=inner, model_input_names=["input_ids", "attention_mask"], **names, **more)
    made.chat_template = chat
    return made


def trained(model: nn.Module, seed: int = 0) -> Any:
    """Moved from its start, so that no gradient is near nothing, and in eval mode."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in model.parameters():
            value += 0.1 * torch.randn(value.shape, generator=generator).to(value)
    return model.eval()


def gpt2(**more: Any) -> Any:
    """GPT-2, whose places are learnt."""
    torch.manual_seed(0)
    config = tf.GPT2Config(vocab_size=VOCABULARY, n_positions=48, n_embd=16, n_layer=2, n_head=2, bos_token_id=1, eos_token_id=2, **more)
    return trained(tf.GPT2LMHeadModel(config))


def llama(**more: Any) -> Any:
    """A decoder of today's kind."""
    torch.manual_seed(0)
    return trained(tf.LlamaForCausalLM(tf.LlamaConfig(vocab_size=VOCABULARY, num_key_value_heads=1, **SIZES, **more)))


def bert(kind: str, **more: Any) -> Any:
    """BERT with a head: MaskedLM, SequenceClassification, TokenClassification."""
    torch.manual_seed(0)
    return trained(getattr(tf, f"BertFor{kind}")(tf.BertConfig(vocab_size=VOCABULARY, **SIZES, **more)))


def t5() -> Any:
    """An encoder-decoder."""
    torch.manual_seed(0)
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 1, "num_heads": 2}
    return trained(
        tf.T5ForConditionalGeneration(tf.T5Config(vocab_size=VOCABULARY, decoder_start_token_id=0, pad_token_id=0, eos_token_id=2, **sizes))
    )


def bart() -> Any:
    """An encoder-decoder whose decoder may fall back to the encoder's inputs."""
    torch.manual_seed(0)
    sides = {f"{side}_{name}": value for side in ("encoder", "decoder") for name, value in (("layers", 1), ("attention_heads", 2), ("ffn_dim", 24))}
    marks = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2, "forced_eos_token_id": 2}
    return trained(tf.BartForConditionalGeneration(tf.BartConfig(vocab_size=VOCABULARY, d_model=16, max_position_embeddings=48, **sides, **marks)))


def json_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """A file of rows."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
