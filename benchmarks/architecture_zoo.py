"""Architectures that people use today, each by its configuration with random weights, at a size of one's choice, with data that fit it.

Language data are padded on the right to sequences of unequal length; every model is built in float32 and eval mode, all weights moved by noise
so that nothing that starts at zero (adapters, scales) proves nothing, running statistics as after some training.
timm and diffusers are built where they are installed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import transformers as hf
from torch import Tensor, nn

import wherefrom as wf

VOCABULARY, CLASSES, NOISE = 500, 10, 0.02
Data = dict[str, Tensor]


@dataclass(frozen=True)
class Size:
    """How wide and deep a model is, and how many examples of how many positions it is given."""

    hidden: int
    layers: int
    examples: int
    positions: int

    @property
    def heads(self) -> int:
        return 4 if self.hidden < 256 else 8

    @property
    def inner(self) -> int:
        return 8 * self.hidden // 3 // 8 * 8

    @property
    def image(self) -> int:
        return 4 * round(self.positions**0.5)


TINY, MIDDLE = Size(64, 2, 32, 32), Size(256, 4, 16, 64)


@dataclass(frozen=True)
class Architecture:
    """A model of a size, its data (``labels`` are the targets, the rest goes into the model), and what it was trained for."""

    name: str
    kind: str
    build: Callable[[Size], nn.Module]
    data: Callable[[Size], Data]
    objective: wf.Objective
    needs: str = ""  # a package beside transformers
    types: tuple[str, ...] = ("float32", "float64")

    def model(self, size: Size) -> nn.Module:
        """The model in eval mode, every weight moved by noise."""
        torch.manual_seed(0)
        model = self.build(size)
        with torch.no_grad():
            for value in model.parameters():
                value.add_(NOISE * torch.randn_like(value))
            for module in model.modules():
                if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None and module.running_var is not None:
                    module.running_mean.add_(0.1 * torch.randn_like(module.running_mean))
                    module.running_var.mul_(torch.rand_like(module.running_var) + 0.5)
        return model.eval()

    def examples(self, size: Size, seed: int = 1) -> Data:
        """Data, the same for the same seed."""
        torch.manual_seed(seed)
        return self.data(size)


# data


def tokens(size: Size) -> Data:
    """Sequences of unequal length, padded on the right."""
    lengths = torch.randint(size.positions // 2, size.positions + 1, (size.examples,))
    lengths[0] = size.positions
    mask = (torch.arange(size.positions) < lengths[:, None]).long()
    return {"input_ids": torch.randint(3, VOCABULARY, (size.examples, size.positions)) * mask, "attention_mask": mask}


def texts(size: Size) -> Data:
    data = tokens(size)
    return data | {"labels": data["input_ids"].masked_fill(data["attention_mask"] == 0, -100)}


def sentences(size: Size) -> Data:
    return tokens(size) | {"labels": torch.randint(CLASSES, (size.examples,))}


def answers(size: Size) -> Data:
    """Labels of unequal length for a decoder, which is given them one place to the right."""
    short = tokens(Size(size.hidden, size.layers, size.examples, size.positions // 2))
    ids, mask = short["input_ids"], short["attention_mask"]
    return {"decoder_input_ids": torch.cat([ids.new_full((len(ids), 1), 2), ids[:, :-1]], 1), "labels": ids.masked_fill(mask == 0, -100)}


def translations(size: Size) -> Data:
    return tokens(size) | answers(size)


def speeches(size: Size) -> Data:
    return {"input_features": torch.randn(size.examples, 16, 2 * size.positions)} | answers(size)


def images(size: Size) -> Data:
    return {"pixel_values": torch.randn(size.examples, 3, size.image, size.image), "labels": torch.randint(CLASSES, (size.examples,))}


def positional_images(size: Size) -> Data:
    data = images(size)
    return {"x": data["pixel_values"], "labels": data["labels"]}


def sounds(size: Size) -> Data:
    return {"input_values": torch.randn(size.examples, 10 * size.positions + 10), "labels": torch.randint(CLASSES, (size.examples,))}


def noisy_images(size: Size) -> Data:
    shape = (size.examples, 3, 16, 16)
    return {"sample": torch.randn(shape), "timestep": torch.randint(50, (size.examples,)), "labels": torch.randn(shape)}


# models


def half(size: Size) -> int:
    return size.hidden // 2


def double(size: Size) -> int:
    return 2 * size.hidden


def shared_settings(size: Size) -> dict[str, Any]:
    return {
        "vocab_size": VOCABULARY,
        "hidden_size": size.hidden,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads,
        "pad_token_id": 0,
    }


def decoder(model: type, config: type, **more: Any) -> Callable[[Size], nn.Module]:
    """Of Llama's family: grouped queries, a gated feed-forward layer."""

    def build(size: Size) -> nn.Module:
        settings = shared_settings(size) | {"intermediate_size": size.inner, "max_position_embeddings": 2 * size.positions}
        settings |= {"num_key_value_heads": size.heads // 2, "head_dim": size.hidden // size.heads, "use_cache": False}
        return model(config(**(settings | {name: value(size) if callable(value) else value for name, value in more.items()})))

    return build


def encoder(model: type, config: type, **more: Any) -> Callable[[Size], nn.Module]:
    def build(size: Size) -> nn.Module:
        settings = shared_settings(size) | {
            "intermediate_size": 2 * size.hidden,
            "max_position_embeddings": 2 * size.positions + 2,
            "num_labels": CLASSES,
        }
        return model(config(**(settings | {name: value(size) if callable(value) else value for name, value in more.items()})))

    return build


def gpt2(size: Size) -> nn.Module:
    return hf.GPT2LMHeadModel(
        hf.GPT2Config(
            vocab_size=VOCABULARY, n_embd=size.hidden, n_layer=size.layers, n_head=size.heads, n_positions=2 * size.positions, use_cache=False,
            bos_token_id=1, eos_token_id=1,
        )
    )  # fmt: skip


def opt(size: Size) -> nn.Module:
    return hf.OPTForCausalLM(
        hf.OPTConfig(
            vocab_size=VOCABULARY, hidden_size=size.hidden, word_embed_proj_dim=size.hidden, num_hidden_layers=size.layers, ffn_dim=2 * size.hidden,
            num_attention_heads=size.heads, max_position_embeddings=2 * size.positions, use_cache=False,
        )
    )  # fmt: skip


def deepseek(size: Size, experts: str = "eager") -> nn.Module:
    head = size.hidden // size.heads
    build = decoder(
        hf.DeepseekV3ForCausalLM, hf.DeepseekV3Config, num_key_value_heads=size.heads, moe_intermediate_size=size.hidden // 2, n_routed_experts=4,
        num_experts_per_tok=2, n_group=1, topk_group=1, first_k_dense_replace=1, n_shared_experts=1, q_lora_rank=size.hidden // 2,
        kv_lora_rank=size.hidden // 4, qk_rope_head_dim=head, qk_nope_head_dim=head, v_head_dim=head, experts_implementation=experts,
    )  # fmt: skip
    return build(size)


def mamba(size: Size) -> nn.Module:
    settings = shared_settings(size)
    del settings["num_attention_heads"]
    return hf.MambaForCausalLM(hf.MambaConfig(**settings, state_size=8, use_cache=False))


def mamba2(size: Size) -> nn.Module:
    settings = shared_settings(size) | {"num_heads": 8, "head_dim": size.hidden // 4, "expand": 2, "state_size": 16, "n_groups": 1, "chunk_size": 16}
    del settings["num_attention_heads"]
    return hf.Mamba2ForCausalLM(hf.Mamba2Config(**settings, use_cache=False))


def distilbert(size: Size) -> nn.Module:
    return hf.DistilBertForSequenceClassification(
        hf.DistilBertConfig(
            vocab_size=VOCABULARY, dim=size.hidden, hidden_dim=2 * size.hidden, n_layers=size.layers, n_heads=size.heads, num_labels=CLASSES,
            max_position_embeddings=2 * size.positions,
        )
    )  # fmt: skip


def t5(size: Size) -> nn.Module:
    return hf.T5ForConditionalGeneration(
        hf.T5Config(
            vocab_size=VOCABULARY, d_model=size.hidden, d_kv=size.hidden // size.heads, d_ff=2 * size.hidden, num_layers=size.layers // 2,
            num_heads=size.heads, decoder_start_token_id=2, pad_token_id=0, use_cache=False,
        )
    )  # fmt: skip


def sequence_to_sequence(size: Size) -> dict[str, Any]:
    return {
        "vocab_size": VOCABULARY, "d_model": size.hidden, "encoder_layers": size.layers // 2, "decoder_layers": size.layers // 2,
        "encoder_attention_heads": size.heads, "decoder_attention_heads": size.heads, "encoder_ffn_dim": 2 * size.hidden,
        "decoder_ffn_dim": 2 * size.hidden, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2, "use_cache": False,
    }  # fmt: skip


def bart(size: Size) -> nn.Module:
    return hf.BartForConditionalGeneration(
        hf.BartConfig(**sequence_to_sequence(size), max_position_embeddings=2 * size.positions, forced_eos_token_id=2)
    )


def whisper(size: Size) -> nn.Module:
    lengths = {"num_mel_bins": 16, "max_source_positions": size.positions, "max_target_positions": size.positions}
    return hf.WhisperForConditionalGeneration(
        hf.WhisperConfig(**sequence_to_sequence(size), **lengths, suppress_tokens=None, begin_suppress_tokens=None)
    )


def vision(model: type, config: type, **more: Any) -> Callable[[Size], nn.Module]:
    """Patches of 4 × 4 pixels."""

    def build(size: Size) -> nn.Module:
        settings = {"image_size": size.image, "patch_size": 4, "hidden_size": size.hidden, "num_hidden_layers": size.layers}
        settings |= {"num_attention_heads": size.heads, "num_labels": CLASSES}
        return model(config(**(settings | {name: value(size) if callable(value) else value for name, value in more.items()})))

    return build


def swin(size: Size) -> nn.Module:
    """Windows of half the patches' side, moved by half a window in every second block."""
    stages = {"embed_dim": size.hidden // 2, "depths": [1, size.layers], "num_heads": [2, 4], "num_labels": CLASSES}
    return hf.SwinForImageClassification(hf.SwinConfig(image_size=size.image, patch_size=2, window_size=size.image // 8 * 2, **stages))


def segformer(size: Size) -> nn.Module:
    return hf.SegformerForImageClassification(
        hf.SegformerConfig(
            num_encoder_blocks=2, depths=[1, size.layers - 1], sr_ratios=[2, 1], hidden_sizes=[size.hidden // 2, size.hidden], patch_sizes=[3, 3],
            strides=[2, 2], num_attention_heads=[1, 2], mlp_ratios=[2, 2], num_labels=CLASSES,
        )
    )  # fmt: skip


def stages(model: type, config: type, **more: Any) -> Callable[[Size], nn.Module]:
    """Two stages of convolutions."""

    def build(size: Size) -> nn.Module:
        return model(config(hidden_sizes=[size.hidden // 2, size.hidden], depths=[1, size.layers - 1], num_labels=CLASSES, **more))

    return build


def mobilenet(size: Size) -> nn.Module:
    settings = {"depth_multiplier": 0.25 if size.hidden < 256 else 0.5, "min_depth": 8, "image_size": size.image, "num_labels": CLASSES}
    return hf.MobileNetV2ForImageClassification(
        hf.MobileNetV2Config(**settings, hidden_act="silu")
    )  # the kinks of ReLU6 are no question of exactness


def wav2vec2(model: type, config: type) -> Callable[[Size], nn.Module]:
    def build(size: Size) -> nn.Module:
        settings = shared_settings(size) | {"vocab_size": 32, "intermediate_size": 2 * size.hidden, "num_labels": CLASSES}
        settings |= {"conv_dim": [size.hidden // 2] * 2, "conv_kernel": [10, 3], "conv_stride": [5, 2], "num_conv_pos_embeddings": 8}
        settings |= {"num_conv_pos_embedding_groups": 2, "feat_extract_norm": "layer", "mask_time_prob": 0.0, "layerdrop": 0.0}
        return model(config(**settings, classifier_proj_size=size.hidden))

    return build


def adapted(settings: Callable[[Any], Any]) -> Callable[[Size], nn.Module]:
    """Llama with an adapter of PEFT; ``settings`` takes the package."""

    def build(size: Size) -> nn.Module:
        import peft

        return peft.get_peft_model(decoder(hf.LlamaForCausalLM, hf.LlamaConfig)(size), settings(peft))

    return build


class Recurrent(nn.Module):
    """An embedding, a recurrent layer, the mean over the tokens, and a linear layer."""

    def __init__(self, layer: type[nn.RNNBase], size: Size) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(VOCABULARY, size.hidden), nn.Linear(size.hidden, CLASSES)
        self.layer = layer(size.hidden, size.hidden, num_layers=size.layers // 2, batch_first=True)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        hidden = self.layer(self.embedding(input_ids))[0]
        return self.head((hidden * attention_mask[..., None]).sum(1) / attention_mask.sum(1, keepdim=True))


class Attentive(nn.Module):
    """torch's own transformer encoder."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.embedding, self.place = nn.Embedding(VOCABULARY, size.hidden), nn.Parameter(torch.zeros(1, 2 * size.positions, size.hidden))
        layer = nn.TransformerEncoderLayer(size.hidden, size.heads, 2 * size.hidden, batch_first=True)
        self.layers, self.head = nn.TransformerEncoder(layer, size.layers, enable_nested_tensor=False), nn.Linear(size.hidden, CLASSES)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        x = self.embedding(input_ids) + self.place[:, : input_ids.shape[1]]
        hidden = self.layers(x, src_key_padding_mask=attention_mask == 0)
        return self.head((hidden * attention_mask[..., None]).sum(1) / attention_mask.sum(1, keepdim=True))


def timm_model(name: str, **settings: Any) -> Callable[[Size], nn.Module]:
    def build(size: Size) -> nn.Module:
        import timm  # pyright: ignore[reportMissingImports]

        more = {key: value(size) if callable(value) else value for key, value in settings.items()}
        return timm.create_model(name, num_classes=CLASSES, **more)

    return build


class Denoiser(nn.Module):
    """diffusers' U-Net, its prediction of the noise as a tensor."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        from diffusers import UNet2DModel  # pyright: ignore[reportMissingImports]

        widths = {"block_out_channels": (size.hidden // 2, size.hidden), "norm_num_groups": 8, "attention_head_dim": 16}
        blocks = {"down_block_types": ("DownBlock2D", "AttnDownBlock2D"), "up_block_types": ("AttnUpBlock2D", "UpBlock2D")}
        self.unet = UNet2DModel(sample_size=16, in_channels=3, out_channels=3, layers_per_block=1, **widths, **blocks)

    def forward(self, sample: Tensor, timestep: Tensor) -> Tensor:
        return self.unet(sample, timestep).sample


def _following_part(outputs: Tensor, targets: Tensor) -> Tensor:
    """The loss of the next tokens where outputs of virtual tokens come before those of the real ones."""
    return wf.next_token().loss(outputs[:, outputs.shape[1] - targets.shape[1] :], targets)


NEXT, CLASS, NOISE_OF = wf.next_token(), wf.cross_entropy(), wf.squared_error()
MIXTURE: dict[str, Any] = {"num_experts_per_tok": 2, "num_local_experts": 4}
MODERN = {"cls_token_id": 1, "sep_token_id": 2, "bos_token_id": 1, "eos_token_id": 2, "local_attention": 8, "global_attn_every_n_layers": 2}
DEBERTA = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 8, "share_att_key": True, "norm_rel_ebd": "layer_norm"}
Mixtral, QwenMixture = (hf.MixtralForCausalLM, hf.MixtralConfig), (hf.Qwen3MoeForCausalLM, hf.Qwen3MoeConfig)
SINGLE = ("float32",)  # torch has no grouped product in float64
CAUSAL: dict[str, Any] = {"task_type": "CAUSAL_LM"}
ALL_LINEAR: dict[str, Any] = {"target_modules": "all-linear", **CAUSAL}

ARCHITECTURES = (
    Architecture("GPT-2", "decoder", gpt2, texts, NEXT),
    Architecture("Llama", "decoder", decoder(hf.LlamaForCausalLM, hf.LlamaConfig), texts, NEXT),
    Architecture("Qwen 3", "decoder", decoder(hf.Qwen3ForCausalLM, hf.Qwen3Config), texts, NEXT),
    Architecture("Gemma 3", "decoder", decoder(hf.Gemma3ForCausalLM, hf.Gemma3TextConfig, sliding_window=16), texts, NEXT),
    Architecture("Mistral", "decoder", decoder(hf.MistralForCausalLM, hf.MistralConfig), texts, NEXT),
    Architecture("Phi-3", "decoder", decoder(hf.Phi3ForCausalLM, hf.Phi3Config), texts, NEXT),
    Architecture("OLMo 2", "decoder", decoder(hf.Olmo2ForCausalLM, hf.Olmo2Config), texts, NEXT),
    Architecture("GPT-NeoX", "decoder", encoder(hf.GPTNeoXForCausalLM, hf.GPTNeoXConfig, use_cache=False), texts, NEXT),
    Architecture("OPT", "decoder", opt, texts, NEXT),
    Architecture("Mixtral, eager experts", "experts", decoder(*Mixtral, **MIXTURE, experts_implementation="eager"), texts, NEXT),
    Architecture(
        "Mixtral, grouped experts", "experts", decoder(*Mixtral, **MIXTURE, experts_implementation="grouped_mm"), texts, NEXT, types=SINGLE
    ),
    Architecture(
        "Qwen 3 MoE, batched experts", "experts",
        decoder(*QwenMixture, **MIXTURE, num_experts=4, moe_intermediate_size=half, experts_implementation="batched_mm"),
        texts, NEXT,
    ),
    Architecture("DeepSeek-V3, eager experts", "experts", deepseek, texts, NEXT),
    Architecture(
        "gpt-oss", "experts",
        decoder(hf.GptOssForCausalLM, hf.GptOssConfig, **MIXTURE, sliding_window=16, attn_implementation="eager"), texts, NEXT,
        types=SINGLE,
    ),
    Architecture("Mamba", "state space", mamba, texts, NEXT),
    Architecture("Mamba 2", "state space", mamba2, texts, NEXT),
    Architecture("BERT", "encoder", encoder(hf.BertForSequenceClassification, hf.BertConfig), sentences, CLASS),
    Architecture("RoBERTa", "encoder", encoder(hf.RobertaForSequenceClassification, hf.RobertaConfig), sentences, CLASS),
    Architecture("DistilBERT", "encoder", distilbert, sentences, CLASS),
    Architecture("ELECTRA", "encoder", encoder(hf.ElectraForSequenceClassification, hf.ElectraConfig, embedding_size=half), sentences, CLASS),
    Architecture("ALBERT", "encoder", encoder(hf.AlbertForSequenceClassification, hf.AlbertConfig, embedding_size=half), sentences, CLASS),
    Architecture("ModernBERT", "encoder", encoder(hf.ModernBertForSequenceClassification, hf.ModernBertConfig, **MODERN), sentences, CLASS),
    Architecture("DeBERTa-v3", "encoder", encoder(hf.DebertaV2ForSequenceClassification, hf.DebertaV2Config, **DEBERTA), sentences, CLASS),
    Architecture("torch's TransformerEncoder", "encoder", Attentive, sentences, CLASS),
    Architecture("T5", "encoder-decoder", t5, translations, CLASS),
    Architecture("BART", "encoder-decoder", bart, translations, CLASS),
    Architecture("Whisper", "encoder-decoder", whisper, speeches, CLASS),
    Architecture("ViT", "vision", vision(hf.ViTForImageClassification, hf.ViTConfig, intermediate_size=double), images, CLASS),
    Architecture("DINOv2", "vision", vision(hf.Dinov2ForImageClassification, hf.Dinov2Config, mlp_ratio=2), images, CLASS),
    Architecture("BEiT", "vision", vision(
        hf.BeitForImageClassification, hf.BeitConfig, intermediate_size=double, use_relative_position_bias=True,
    ), images, CLASS),
    Architecture("Swin", "vision", swin, images, CLASS),
    Architecture("SegFormer", "vision", segformer, images, CLASS),
    Architecture("ConvNeXt", "vision", stages(hf.ConvNextForImageClassification, hf.ConvNextConfig, num_stages=2), images, CLASS),
    Architecture("ResNet", "vision", stages(hf.ResNetForImageClassification, hf.ResNetConfig, embedding_size=32, layer_type="basic"), images, CLASS),
    Architecture("MobileNet V2", "vision", mobilenet, images, CLASS),
    Architecture("wav2vec 2.0", "speech", wav2vec2(hf.Wav2Vec2ForSequenceClassification, hf.Wav2Vec2Config), sounds, CLASS),
    Architecture("HuBERT", "speech", wav2vec2(hf.HubertForSequenceClassification, hf.HubertConfig), sounds, CLASS),
    Architecture("LoRA on Llama", "adapter", adapted(lambda peft: peft.LoraConfig(r=4, **ALL_LINEAR)), texts, NEXT, "peft"),
    Architecture("DoRA on Llama", "adapter", adapted(lambda peft: peft.LoraConfig(r=4, **ALL_LINEAR, use_dora=True)), texts, NEXT, "peft"),
    Architecture("IA3 on Llama", "adapter", adapted(
        lambda peft: peft.IA3Config(target_modules=["k_proj", "v_proj", "down_proj"], feedforward_modules=["down_proj"], **CAUSAL)
    ), texts, NEXT, "peft"),
    Architecture(
        "prompt tuning of Llama", "adapter", adapted(lambda peft: peft.PromptTuningConfig(num_virtual_tokens=4, **CAUSAL)), texts,
        wf.Objective(_following_part), "peft",
    ),
    Architecture(
        "prefix tuning of Llama", "adapter", adapted(lambda peft: peft.PrefixTuningConfig(num_virtual_tokens=4, **CAUSAL)), texts, NEXT, "peft"
    ),
    Architecture("LSTM", "recurrent", partial(Recurrent, nn.LSTM), sentences, CLASS),
    Architecture("GRU", "recurrent", partial(Recurrent, nn.GRU), sentences, CLASS),
    Architecture("timm's ViT", "vision", timm_model(
        "vit_tiny_patch16_224", patch_size=4, img_size=lambda size: size.image, embed_dim=lambda size: size.hidden, depth=lambda size: size.layers,
        num_heads=lambda size: size.heads,
    ), positional_images, CLASS, "timm"),
    Architecture("timm's MobileNet V3", "vision", timm_model("mobilenetv3_small_050"), positional_images, CLASS, "timm"),
    Architecture("diffusers' U-Net", "diffusion", Denoiser, noisy_images, NOISE_OF, "diffusers"),
)  # fmt: skip
