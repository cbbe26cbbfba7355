"""The architecture of `mini`, and the dense heads that only training has."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import (
    FocalNetConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    PreTrainedTokenizerFast,
)

from ..scenes.vocabulary import COLOURS, GLYPHS, HOSTS, SHAPES
from .tokenizer import BINS

WIDTH = 256
IMAGE_TOKENS = 64


def build_model(tokenizer: PreTrainedTokenizerFast) -> LlavaForConditionalGeneration:
    """An untrained `mini`: Llava of a FocalNet tower (8 x 8 tokens of a 128 px picture) and a small Llama."""
    vision = FocalNetConfig(
        image_size=128,
        patch_size=4,
        embed_dim=64,
        use_conv_embed=True,
        hidden_sizes=[64, 128, 256],
        depths=[2, 2, 4],
        focal_levels=[2, 2, 2],
        focal_windows=[3, 3, 3],
        mlp_ratio=2.0,
        drop_path_rate=0.0,
    )
    vision.hidden_size = 256  # Llava's projector reads this name
    text = LlamaConfig(
        vocab_size=(len(tokenizer) + 7) // 8 * 8,
        hidden_size=WIDTH,
        intermediate_size=640,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=IMAGE_TOKENS,
        vision_feature_select_strategy="full",
        vision_feature_layer=-1,
        tie_word_embeddings=True,
    )
    return LlavaForConditionalGeneration(config)


class DenseHeads(nn.Module):
    """What each image token (a 16 x 16 px cell) shows; for training only.

    The place heads answer in the decoder's own location embeddings, so that the decoder can copy.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sizes = {
            "shape": len(SHAPES) + 1,
            "colour": len(COLOURS) + 1,
            "glyph": len(GLYPHS) + 1,
            "host": len(HOSTS) + 1,
            "count": 4,
        }
        self.norm = nn.LayerNorm(WIDTH)
        self.classes = nn.Linear(WIDTH, sum(self.sizes.values()))
        self.place = nn.Linear(WIDTH, 8 * WIDTH)  # object ltrb, host ltrb

    def forward(self, features: Tensor, locations: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """features [B, 64, W], locations [BINS, W] -> class logits {name: [B, 64, n]}, places [B, 64, 8, BINS]."""
        hidden = self.norm(features)
        logits = self.classes(hidden).split(list(self.sizes.values()), dim=-1)
        places = self.place(hidden).unflatten(-1, (8, WIDTH)) @ locations.T
        return dict(zip(self.sizes, logits, strict=True)), places


def soft_bins(position: Tensor, width: float = 0.8) -> Tensor:
    """Targets over BINS for positions in bins (fractional): a Gaussian of `width` bins, normalised."""
    centres = torch.arange(BINS, device=position.device) + 0.5
    weight = torch.exp(-0.5 * ((centres - position[..., None]) / width) ** 2)
    return weight / weight.sum(-1, keepdim=True).clamp_min(1e-9)
