"""Models and tokenizers from folders, adapters through their base, and which parameters are the adapters'."""

from pathlib import Path

import pytest
import torch
from helpers import language

import wherefrom as wf
from wherefrom.lm.loading import adapter_names, open_model, open_tokenizer

peft = pytest.importorskip("peft")
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning", "ignore::UserWarning:peft")  # of peft with transformers
LORA = {"r": 2, "target_modules": ["q_proj"], "task_type": "CAUSAL_LM"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    language.llama().to(torch.bfloat16).save_pretrained(tmp_path / "base")
    language.tokenizer().save_pretrained(tmp_path / "base")
    return tmp_path / "base"


def test_a_folder_opens_in_the_type_it_is_stored_in(folder: Path) -> None:
    model = open_model(folder)
    assert type(model).__name__ == "LlamaForCausalLM" and not model.training
    assert {value.dtype for value in model.parameters()} == {torch.bfloat16}
    assert {value.dtype for value in open_model(str(folder), dtype=torch.float32).parameters()} == {torch.float32}
    assert open_model(model) is model
    assert open_tokenizer(None, folder).eos_token_id == 2 and open_tokenizer(str(folder), model).eos_token_id == 2
    assert open_tokenizer(None, model) is None


def test_adapters_open_through_their_base(folder: Path) -> None:
    base = open_model(folder, dtype=torch.float32)
    adapted = peft.get_peft_model(base, peft.LoraConfig(**LORA))
    with torch.no_grad():
        for name, value in adapted.named_parameters():
            value += 0.1 * ("lora_B" in name)
    adapted.save_pretrained(folder.parent / "adapter")
    for opened in (open_model(folder.parent / "adapter"), open_model(folder.parent / "adapter", base=open_model(folder))):
        names = adapter_names(opened)
        assert len(names) == 4 and all("lora_" in name for name in names)
        saved = dict(adapted.named_parameters())
        assert all(torch.allclose(dict(opened.named_parameters())[name].float(), saved[name], atol=1e-2) for name in names)
    assert open_tokenizer(None, folder.parent / "adapter").eos_token_id == 2  # that of the base


def test_what_does_not_open_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(wf.UsageError, match="No model opens from .*nothing.*give a folder"):
        open_model(tmp_path / "nothing")
    with pytest.raises(wf.UsageError, match="No tokenizer opens from"):
        open_tokenizer(str(tmp_path / "nothing"), folder)
    peft.get_peft_model(open_model(folder), peft.LoraConfig(**LORA)).save_pretrained(tmp_path / "adapter")
    folder.rename(tmp_path / "moved")
    with pytest.raises(wf.UsageError, match="stand on .*base, which cannot be opened; give base="):
        open_model(tmp_path / "adapter")
    peft.get_peft_model(language.llama(), peft.LoraConfig(**LORA)).save_pretrained(tmp_path / "nameless")
    with pytest.raises(wf.UsageError, match="does not name the model that its adapters stand on; give base="):
        open_model(tmp_path / "nameless")
    (tmp_path / "moved" / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(wf.UsageError, match="names no architecture of transformers"):
        open_model(tmp_path / "moved")


@pytest.mark.parametrize(
    ("config", "mark"),
    [
        (peft.LoraConfig(**LORA), "lora_"),
        (peft.LoraConfig(**LORA, use_dora=True), "lora_"),
        (peft.LoraConfig(**LORA, modules_to_save=["lm_head"]), "default"),
        (peft.IA3Config(target_modules=["k_proj"], feedforward_modules=[], task_type="CAUSAL_LM"), "ia3_"),
        (peft.PromptTuningConfig(num_virtual_tokens=2, task_type="CAUSAL_LM"), "prompt_encoder"),
        (peft.PrefixTuningConfig(num_virtual_tokens=2, task_type="CAUSAL_LM"), "prompt_encoder"),
    ],
    ids=["LoRA", "DoRA", "LoRA and a head", "IA3", "prompt", "prefix"],
)
def test_adapters_alone_are_parameters_trained_or_frozen(config: "peft.PeftConfig", mark: str) -> None:
    model = peft.get_peft_model(language.llama(), config).eval()
    names = adapter_names(model)
    assert names == tuple(name for name, value in model.named_parameters() if value.requires_grad) and all(mark in name for name in names)
    for value in model.parameters():  # as after PeftModel.from_pretrained
        value.requires_grad_(False)
    assert adapter_names(model) == names


def test_prompts_open_too_and_nothing_of_the_base_is_chosen(folder: Path) -> None:
    model = peft.get_peft_model(open_model(folder, dtype=torch.float32), peft.PromptTuningConfig(num_virtual_tokens=3, task_type="CAUSAL_LM"))
    model.save_pretrained(folder.parent / "prompts")
    p = wf.lm.problem(folder.parent / "prompts", ["the cat sat", "a dog ran"], dtype=torch.float32)
    assert p.names == ("prompt_encoder.default.embedding.weight",)
    assert wf.attribute(wf.GradientDot(), p, ["the cat"], progress=False).values.abs().min() > 0  # type: ignore[arg-type]


def test_merged_adapters_are_refused() -> None:
    model = peft.get_peft_model(language.llama(), peft.LoraConfig(**LORA)).eval()
    model.merge_adapter()
    with pytest.raises(wf.UsageError, match="merged into the model.*unmerge_adapter"):
        adapter_names(model)
    whole = model.merge_and_unload()
    assert len(wf.lm.problem(whole, ["the cat sat"], tokenizer=language.tokenizer()).names) == len(list(whole.parameters()))
