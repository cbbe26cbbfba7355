"""Tiny random open-vocabulary detectors with whole processors, saved as folders that load as real ones do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

KINDS = ("owlv2", "grounding-dino")
WORDS = [
    "red",
    "blue",
    "green",
    "circle",
    "square",
    "umbrella",
    "cat",
    "dog",
    "of",
    "a",
    "photo",
    "the",
    "object",
    "on",
    "table",
]
HIDDEN: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
}


def save_detector(kind: str, folder: Path) -> Path:
    """Save a tiny detector of an architecture with its processor."""
    torch.manual_seed(0)
    module, processor = {"owlv2": _owlv2, "grounding-dino": _grounding_dino}[kind]()
    module.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _tokenizer(specials: dict[str, str], **settings: Any) -> PreTrainedTokenizerFast:
    names = [*dict.fromkeys(specials.values()), ".", "?", *WORDS]
    vocabulary = {name: index for index, name in enumerate(names)}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token=specials["unk_token"]))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation()]
    )
    first, last = (
        specials.get(a) or specials[b] for a, b in (("cls_token", "bos_token"), ("sep_token", "eos_token"))
    )
    backend.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}",
        special_tokens=[(first, vocabulary[first]), (last, vocabulary[last])],
    )
    return PreTrainedTokenizerFast(tokenizer_object=backend, **specials, **settings)


def _owlv2() -> tuple[Any, Any]:
    from transformers import Owlv2Config, Owlv2ForObjectDetection, Owlv2Processor
    from transformers.models.owlv2.image_processing_pil_owlv2 import Owlv2ImageProcessorPil

    tokenizer = _tokenizer(
        {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "!"}, model_max_length=8
    )
    config = Owlv2Config(
        text_config={
            **HIDDEN,
            "vocab_size": len(tokenizer),
            "max_position_embeddings": 8,
            "eos_token_id": tokenizer.eos_token_id,
            "bos_token_id": tokenizer.bos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        vision_config={**HIDDEN, "image_size": 64, "patch_size": 16},
        projection_dim=16,
    )
    images = Owlv2ImageProcessorPil(size={"height": 64, "width": 64})
    return Owlv2ForObjectDetection(config), Owlv2Processor(images, tokenizer)


def _grounding_dino() -> tuple[Any, Any]:
    from transformers import (
        BertConfig,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        GroundingDinoProcessor,
        SwinConfig,
    )
    from transformers.models.grounding_dino.image_processing_pil_grounding_dino import (
        GroundingDinoImageProcessorPil,
    )

    tokenizer = _tokenizer(
        {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"},
        model_max_length=16,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )
    stages: dict[str, Any] = {"out_features": ["stage2", "stage3", "stage4"]}
    config = GroundingDinoConfig(
        backbone_config=SwinConfig(
            image_size=64,
            window_size=4,
            embed_dim=8,
            depths=[1, 1, 1, 1],
            num_heads=[1, 2, 2, 2],
            **stages,
        ),
        text_config=BertConfig(**HIDDEN, vocab_size=len(tokenizer), max_position_embeddings=32),
        d_model=32,
        num_queries=12,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        max_text_len=16,
        disable_custom_kernels=True,
    )
    images = GroundingDinoImageProcessorPil(size={"shortest_edge": 128, "longest_edge": 192})
    return GroundingDinoForObjectDetection(config), GroundingDinoProcessor(images, tokenizer)
