"""Tiny random models with whole tokenizers and processors, saved as folders that load as real ones do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}"
    "{% if m.content is string %}{{ m.content }}{% else %}{% for c in m.content %}"
    "{% if c.type == 'image' %}{{ IMAGE }}{% else %}{{ c.text }}{% endif %}{% endfor %}{% endif %}"
    "{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# Trims, and knows user and assistant in turn only, as Gemma's does.
STRICT = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}"
    "{{ '<start_of_turn>' + m.role + '\n' + m.content | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
CORPUS = [
    "the quick brown fox jumps over the lazy dog while the instruction says click the red button",
    "what is the capital of france answer in one word yes no not visible left right above below",
    'system user assistant tool observation {"city": "Paris", "count": 12} [1, 2, 3] . , ? !',
]
TEXT = {
    "vocab_size": 600,
    "hidden_size": 48,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 512,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "pad_token_id": 3,
}
# The last two have layers that see a window of tokens only, shorter than the tests' prompts.
TEXT_KINDS = (
    "llama",
    "qwen2",
    "mistral",
    "gemma",
    "qwen3",
    "smollm3",
    "mistral windowed",
    "gemma3_text windowed",
)
WINDOW = {"sliding_window": 16}
PICTURE_KINDS = (
    "llava",
    "qwen2_vl",
    "qwen2_5_vl",
    "qwen3_vl",
    "smolvlm",
    "idefics3",
    "internvl",
    "llava_onevision",
)


def byte_level(specials: list[str], template: str | None, **names: Any) -> PreTrainedTokenizerFast:
    """Return a byte-level BPE tokenizer, as GPT-2, Qwen and SmolLM use."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=["<s>", "<unk>", "<|im_end|>", "<pad>", *specials],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(CORPUS, trainer)
    return _wrap(backend, template, eos_token="<|im_end|>", **names)


def sentence_piece(template: str | None) -> PreTrainedTokenizerFast:
    """Return a tokenizer with word-start marks and byte fallback, as Llama 2 and Gemma use."""
    vocabulary = {"<s>": 0, "<unk>": 1, "<end_of_turn>": 2, "<pad>": 3, "<start_of_turn>": 4, "▁": 5}
    for value in range(256):
        vocabulary[f"<0x{value:02X}>"] = len(vocabulary)
    merges = []
    for word in sorted({word for line in CORPUS for word in line.split()}):
        piece = "▁"
        for letter in word:
            vocabulary.setdefault(letter, len(vocabulary))
            if piece + letter not in vocabulary:
                merges.append((piece, letter))
                vocabulary[piece + letter] = len(vocabulary)
            piece += letter
    backend = Tokenizer(models.BPE(vocabulary, merges, byte_fallback=True, unk_token="<unk>"))
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    backend.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    backend.add_special_tokens(
        [AddedToken(t, special=True, normalized=False) for t in list(vocabulary)[:5]],
    )
    return _wrap(backend, template, eos_token="<end_of_turn>")


def word_level(template: str | None) -> PreTrainedTokenizerFast:
    """Return a lower-cased word-level tokenizer."""
    words = sorted({word for line in CORPUS for word in line.lower().split()})
    names = ["<s>", "<unk>", "<|im_end|>", "<pad>", "<|im_start|>", "\n", *words]
    backend = Tokenizer(
        models.WordLevel({w: i for i, w in enumerate(dict.fromkeys(names))}, unk_token="<unk>")
    )
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"\n|[^\s]+"), "removed", invert=True)
    backend.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in names[:5]])
    return _wrap(backend, template, eos_token="<|im_end|>")


def text_config(kind: str, **changes: Any) -> Any:
    """Return the tiny text configuration of an architecture."""
    from transformers import AutoConfig

    name, _, windowed = kind.partition(" ")
    return AutoConfig.for_model(name, **{**TEXT, **(WINDOW if windowed else {}), **changes})


def text_module(kind: str, **changes: Any) -> Any:
    """Return a tiny random text model."""
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    return _spread(AutoModelForCausalLM.from_config(text_config(kind, **changes)))


def save_text(kind: str, folder: Path, tokenizer: Any = None, **changes: Any) -> Path:
    """Save a tiny text model as a folder."""
    tokenizer = tokenizer or byte_level(["<|im_start|>"], CHATML)
    text_module(kind, **changes).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_picture(kind: str, folder: Path) -> Path:
    """Save a tiny vision-language model with its processor as a folder."""
    build = {
        "llava": _llava,
        "qwen2_vl": _qwen,
        "qwen2_5_vl": _qwen,
        "qwen3_vl": _qwen,
        "smolvlm": _smolvlm,
        "idefics3": _smolvlm,
        "internvl": _internvl,
        "llava_onevision": _onevision,
    }[kind]
    module, tokenizer, images, settings = build(kind)
    module.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    images.save_pretrained(folder)
    (folder / "processor_config.json").write_text(json.dumps(settings))
    return folder


def _llava(kind: str) -> tuple[Any, Any, Any, dict[str, Any]]:
    from transformers import CLIPVisionConfig, LlavaConfig
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    tokenizer = byte_level(["<|im_start|>", "<image>"], CHATML.replace("IMAGE", "'<image>'"))
    side, patch = 32, 8
    vision = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=side,
        patch_size=patch,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text_config("llama"),
        image_token_index=tokenizer.get_vocab()["<image>"],
        vision_feature_layer=-1,
    )
    images = CLIPImageProcessorPil(size={"height": side, "width": side}, do_center_crop=False)
    settings = {
        "processor_class": "LlavaProcessor",
        "patch_size": patch,
        "vision_feature_select_strategy": "default",
        "num_additional_image_tokens": 1,
    }
    return _random(config), tokenizer, images, settings


def _qwen(kind: str) -> tuple[Any, Any, Any, dict[str, Any]]:
    from transformers import AutoConfig

    marks = ["<|im_start|>", "<|vision_start|>", "<|image_pad|>", "<|video_pad|>", "<|vision_end|>"]
    template = CHATML.replace("IMAGE", "'<|vision_start|><|image_pad|><|vision_end|>'")
    tokenizer = byte_level(marks, template)
    vision = {"depth": 2, "embed_dim": 32, "hidden_size": 48, "num_heads": 4, "patch_size": 8, "mlp_ratio": 2}
    if kind == "qwen2_5_vl":
        vision = {
            "depth": 2,
            "hidden_size": 32,
            "out_hidden_size": 48,
            "num_heads": 4,
            "patch_size": 8,
            "intermediate_size": 48,
            "window_size": 32,
            "fullatt_block_indexes": [1],
        }
    if kind == "qwen3_vl":
        vision = {
            "depth": 2,
            "hidden_size": 32,
            "out_hidden_size": 48,
            "num_heads": 4,
            "patch_size": 8,
            "intermediate_size": 48,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0],
        }
    text = {
        **TEXT,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 1, 1]},
    }
    config = AutoConfig.for_model(
        kind,
        vision_config=vision,
        text_config=text,
        image_token_id=tokenizer.convert_tokens_to_ids("<|image_pad|>"),
        video_token_id=tokenizer.convert_tokens_to_ids("<|video_pad|>"),
        vision_start_token_id=tokenizer.convert_tokens_to_ids("<|vision_start|>"),
        vision_end_token_id=tokenizer.convert_tokens_to_ids("<|vision_end|>"),
    )
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    images = Qwen2VLImageProcessorPil(patch_size=8, size={"shortest_edge": 16 * 16, "longest_edge": 64 * 64})
    return _random(config), tokenizer, images, {}


def _smolvlm(kind: str) -> tuple[Any, Any, Any, dict[str, Any]]:
    from transformers import AutoConfig
    from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
    from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

    marks = ["<|im_start|>", "<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>"]
    marks += [f"<row_{r}_col_{c}>" for r in range(1, 4) for c in range(1, 4)]
    tokenizer = byte_level(marks, CHATML.replace("IMAGE", "'<image>'"))
    config = AutoConfig.for_model(
        kind,
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "image_size": 32,
            "patch_size": 4,
        },
        text_config={**TEXT, "model_type": "llama"},
        scale_factor=2,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
    )
    tiles = Idefics3ImageProcessorPil if kind == "idefics3" else SmolVLMImageProcessorPil
    images = tiles(size={"longest_edge": 64}, max_image_size={"longest_edge": 32})
    return _random(config), tokenizer, images, {"image_seq_len": 16}


def _internvl(kind: str) -> tuple[Any, Any, Any, dict[str, Any]]:
    from transformers import InternVLConfig
    from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil

    marks = ["<|im_start|>", "<img>", "</img>", "<IMG_CONTEXT>", "<video>"]
    tokenizer = byte_level(
        marks,
        CHATML.replace("IMAGE", "'<IMG_CONTEXT>'"),
        extra_special_tokens={
            "start_image_token": "<img>",
            "end_image_token": "</img>",
            "context_image_token": "<IMG_CONTEXT>",
            "video_token": "<video>",
        },
    )
    config = InternVLConfig(
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "image_size": [32, 32],
            "patch_size": [4, 4],
        },
        text_config={**TEXT, "model_type": "qwen2"},
        image_seq_length=16,
        downsample_ratio=0.5,
        image_token_id=tokenizer.get_vocab()["<IMG_CONTEXT>"],
    )
    images = GotOcr2ImageProcessorPil(
        size={"height": 32, "width": 32}, crop_to_patches=True, min_patches=1, max_patches=4
    )
    return _random(config), tokenizer, images, {"image_seq_length": 16}


def _onevision(kind: str) -> tuple[Any, Any, Any, dict[str, Any]]:
    from transformers import LlavaOnevisionConfig, SiglipVisionConfig
    from transformers.models.llava_onevision.image_processing_pil_llava_onevision import (
        LlavaOnevisionImageProcessorPil,
    )

    tokenizer = byte_level(["<|im_start|>", "<image>", "<video>"], CHATML.replace("IMAGE", "'<image>'"))
    pinpoints = [[32, 32], [32, 64], [64, 32], [64, 64]]
    vision = SiglipVisionConfig(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=32,
        patch_size=8,
        vision_use_head=False,
    )
    config = LlavaOnevisionConfig(
        vision_config=vision,
        text_config=text_config("qwen2"),
        image_token_index=tokenizer.get_vocab()["<image>"],
        video_token_index=tokenizer.get_vocab()["<video>"],
        image_grid_pinpoints=pinpoints,
        vision_feature_select_strategy="full",
        vision_feature_layer=-1,
    )
    images = LlavaOnevisionImageProcessorPil(size={"height": 32, "width": 32}, image_grid_pinpoints=pinpoints)
    settings = {
        "processor_class": "LlavaOnevisionProcessor",
        "num_image_tokens": 16,
        "vision_feature_select_strategy": "full",
    }
    return _random(config), tokenizer, images, settings


def _random(config: Any) -> Any:
    from transformers import AutoModelForImageTextToText

    torch.manual_seed(0)
    return _spread(AutoModelForImageTextToText.from_config(config))


def _spread(module: Any) -> Any:
    """Widen the weights: at their first scale attention is nearly even, and an edit would hardly show."""
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.dim() > 1:
                parameter.mul_(6.0)
    return module.eval()


def _wrap(backend: Tokenizer, template: str | None, **names: Any) -> PreTrainedTokenizerFast:
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", unk_token="<unk>", pad_token="<pad>", **names
    )
    tokenizer.chat_template = None if template is None else template.replace("IMAGE", "''")
    return tokenizer
