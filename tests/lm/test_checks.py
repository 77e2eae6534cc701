"""The loss that is attributed is the model's own, or the model is refused with both numbers."""

from typing import Any

import pytest
import torch
from helpers import language
from torch import nn

import wherefrom as wf
from wherefrom.lm.checks import check_alone, check_apart, own_objective
from wherefrom.lm.heads import Head

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning", "ignore::UserWarning:peft")  # of peft with transformers
TOKENS = language.tokenizer()


class Other(nn.Module):
    """A causal model with another loss: the mean of each example's mean (kind "mean"), or of labels that nobody shifts ("unshifted"), or none."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.inner, self.kind = language.gpt2(), kind
        self.config = self.inner.config

    def forward(self, input_ids: Any, attention_mask: Any = None, labels: Any = None) -> Any:
        logits = self.inner(input_ids=input_ids, attention_mask=attention_mask).logits
        loss = None
        if labels is not None and self.kind != "none":
            shifted = (logits[:, :-1], labels[:, 1:]) if self.kind == "mean" else (logits, labels)
            each = nn.functional.cross_entropy(shifted[0].transpose(1, 2), shifted[1], reduction="none")
            loss = (each.sum(1) / (shifted[1] != -100).sum(1)).mean()
        return {"logits": logits, "loss": loss} if self.kind != "none" else type("Output", (), {"logits": logits})()


def made(kind: str) -> wf.Problem:
    table = wf.lm.problem(language.gpt2(), language.TEXTS, tokenizer=TOKENS).train
    return wf.Problem.of(Other(kind).eval(), wf.next_token(), table)


def test_a_model_whose_loss_is_the_mean_of_means_is_followed() -> None:
    objective, said = own_objective(made("mean"), Head("causal"))
    assert said == "the mean over its tokens, as in the model's own loss" and objective.sample is None


def test_another_loss_is_refused_with_both_numbers() -> None:
    with pytest.raises(wf.UsageError, match=r"the model's own loss is \d\.\d+ and that of a causal head is \d\.\d+; give objective="):
        own_objective(made("unshifted"), Head("causal"))


def test_a_model_without_a_loss_is_taken_at_its_word() -> None:
    assert "the model gives no loss of its own" in own_objective(made("none"), Head("causal"))[1]


def test_a_model_that_reads_its_padding_is_refused() -> None:
    class Blind(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = language.gpt2()

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            return self.inner(input_ids=input_ids)

    good = wf.lm.problem(language.gpt2(), language.TEXTS, tokenizer=TOKENS, padding_side="left")
    check_alone(good)
    tree = good.train.source.tree  # type: ignore[attr-defined]
    blind = wf.Problem.of(Blind().eval(), wf.next_token(), {name: tree[name] for name in ("input_ids", "attention_mask", "labels")})
    with pytest.raises(wf.UsageError, match="alone and .* with padding beside it: the model reads the padding"):
        check_alone(blind)


def test_a_model_that_joins_its_documents_is_refused() -> None:
    class Joins(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = language.gpt2()

        def forward(self, input_ids: Any, position_ids: Any, use_cache: bool = False) -> Any:
            return self.inner(input_ids=input_ids)

    good = wf.lm.problem(language.gpt2(), language.TEXTS, tokenizer=TOKENS, packing=True, max_length=16)
    check_apart(good)
    with pytest.raises(wf.UsageError, match="Documents in one row of this model see each other: together their loss is"):
        check_apart(wf.Problem.of(Joins().eval(), wf.next_token(), good.train, split=good.split))


def test_prompts_by_virtual_tokens_say_the_first_token_too() -> None:
    peft = pytest.importorskip("peft")
    model = peft.get_peft_model(language.llama(), peft.PromptTuningConfig(num_virtual_tokens=3, task_type="CAUSAL_LM")).eval()
    p = wf.lm.problem(model, language.TEXTS, tokenizer=TOKENS)
    assert p.names == ("prompt_encoder.default.embedding.weight",)
    batch = next(iter(p.batches()))
    with torch.no_grad():
        own = float(model(**batch.inputs, labels=batch.targets).loss)
        mine = p.losses(p.outputs(batch.inputs), batch).sum() / (batch.targets != -100).sum()
    assert own == pytest.approx(float(mine), rel=1e-5)


def test_rows_in_which_nothing_counts_are_passed_over() -> None:
    silent = {"input_ids": [5, 6, 7], "labels": [-100, -100, -100]}
    with pytest.warns(wf.lm.LanguageDataWarning, match="9 rows have no token that counts, so their scores are 0"):
        p = wf.lm.problem(language.gpt2(), [silent] * 9 + [{"input_ids": [5, 6, 7], "labels": [-100, 6, 7]}])
    assert "the model's own loss is the mean" in wf.lm.describe(p)
    with pytest.raises(wf.UsageError, match="No row has a token that counts"):
        wf.lm.problem(language.gpt2(), [silent])


def test_a_routers_loss_is_named() -> None:
    sizes = {**language.SIZES, "vocab_size": language.VOCABULARY, "num_key_value_heads": 1, "num_local_experts": 2}
    model = language.trained(language.tf.MixtralForCausalLM(language.tf.MixtralConfig(**sizes, output_router_logits=True)))
    with pytest.raises(wf.UsageError, match="router's loss belongs to whole batches: set model.config.output_router_logits = False"):
        wf.lm.problem(model, language.TEXTS, tokenizer=TOKENS)


def test_what_the_model_raises_is_one_sentence() -> None:
    config = language.tf.GPT2Config(vocab_size=language.VOCABULARY, n_positions=48, n_embd=16, n_layer=1, n_head=2, num_labels=2)
    model = language.tf.GPT2ForSequenceClassification(config).eval()
    with pytest.raises(wf.UsageError, match="The model fails on its first examples .ValueError: Cannot handle batch sizes > 1 if no padding token"):
        wf.lm.problem(model, [{"text": text, "label": 1} for text in language.TEXTS], tokenizer=TOKENS)
