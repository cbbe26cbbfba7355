"""The architecture of `mini`, and the dense heads that only training has."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    DPTConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    PreTrainedTokenizerFast,
    ResNetConfig,
)

from ..scenes.vocabulary import COLOURS, GLYPHS, HOSTS, SHAPES
from .tokenizer import BINS, token_id

WIDTH = 256
GRID = 8
IMAGE_TOKENS = GRID * GRID


def build_model(tokenizer: PreTrainedTokenizerFast) -> LlavaForConditionalGeneration:
    """An untrained `mini`, of standard classes: Llava over a hybrid DPT tower and a small Llama.

    The tower is a convolutional stem (ResNet, 128 px to 8 x 8 cells) and three transformer blocks with
    position embeddings; Llava's "default" selection drops the tower's class token, so 64 tokens remain.
    """
    stem = ResNetConfig(
        embedding_size=32,
        hidden_sizes=[64, 128, 256],
        depths=[2, 2, 1],
        layer_type="basic",
    )
    stem.set_output_features_output_indices(out_features=["stage1", "stage2", "stage3"], out_indices=None)
    vision = DPTConfig(
        is_hybrid=True,
        backbone_config=stem.to_dict(),
        backbone_featmap_shape=[1, 256, GRID, GRID],
        hidden_size=WIDTH,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=512,
        image_size=128,
        patch_size=16,
        layer_norm_eps=1e-5,
    )
    text = LlamaConfig(
        vocab_size=(len(tokenizer) + 7) // 8 * 8,
        hidden_size=WIDTH,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        pad_token_id=token_id(tokenizer, "<pad>"),
        bos_token_id=None,
        eos_token_id=token_id(tokenizer, "</s>"),
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=token_id(tokenizer, "<image>"),
        image_seq_length=IMAGE_TOKENS,
        vision_feature_select_strategy="default",
        vision_feature_layer=-1,
        tie_word_embeddings=True,
    )
    model = LlavaForConditionalGeneration(config)
    _start_places(model, token_id(tokenizer, "<loc00>"))
    _start_decoder(model)
    return model


def _waves(positions: Tensor, width: int) -> Tensor:
    """Sines and cosines of positions in 0..1 at `width` / 2 frequencies: near places look alike."""
    frequencies = torch.pi * 1.25 ** torch.arange(width // 2).remainder(16)
    angles = positions[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def _start_places(model: LlavaForConditionalGeneration, first: int) -> None:
    """Starts cells and location words from waves, so that geometry need not be found from noise."""
    with torch.no_grad():
        middles = (torch.arange(GRID) + 0.5) / GRID
        cells = model.get_parameter("model.vision_tower.embeddings.position_embeddings")
        across = _waves(middles, WIDTH // 2).expand(GRID, GRID, -1)
        down = _waves(middles, WIDTH // 2)[:, None].expand(GRID, GRID, -1)
        cells[0, 1:] += 0.3 * torch.cat([across, down], dim=-1).flatten(0, 1)
        words = model.lm_head.weight[first : first + BINS]
        words += 0.03 * _waves((torch.arange(BINS) + 0.5) / BINS, WIDTH)


def _start_decoder(model: LlavaForConditionalGeneration) -> None:
    """Starts the decoder's attention as a look-up: alike attends to alike, and what is found is copied.

    After Trockman and Kolter, "Mimetic Initialization of Self-Attention Layers" (2023), but with a
    positive copy: an image token that shows "red" already lies near that word.
    """
    for index, layer in enumerate(model.model.language_model.layers):
        attention = layer.self_attn
        if index > 0:
            nn.init.normal_(attention.q_proj.weight, std=0.06)
            attention.k_proj.load_state_dict(attention.q_proj.state_dict())
        nn.init.orthogonal_(attention.v_proj.weight)
        with torch.no_grad():
            attention.o_proj.weight.copy_(0.1 * attention.v_proj.weight.T)


class DenseHeads(nn.Module):
    """What each image token (a 16 x 16 px cell) shows; for training only.

    The heads answer in the decoder's own words: a cell that shows a red star must point along the
    embeddings of "red" and "star". The decoder then finds and copies words, which it learns quickly;
    with heads of their own, cells that were right by nine in ten stayed unread for 30,000 pictures.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        super().__init__()
        named = {"shape": SHAPES, "colour": COLOURS, "glyph": GLYPHS, "host": HOSTS}
        self.words = {k: [token_id(tokenizer, w) for w in words] for k, words in named.items()}
        self.first = token_id(tokenizer, "<loc00>")
        self.scale = nn.Parameter(torch.full((len(named),), 3.0))
        self.nothing = nn.Linear(WIDTH, len(named))
        self.count = nn.Linear(WIDTH, 4)
        self.norm = nn.LayerNorm(WIDTH)
        self.place = nn.Linear(WIDTH, 8 * WIDTH)  # object ltrb, host ltrb

    def forward(self, features: Tensor, table: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """features [B, 64, W], word embeddings -> class logits {name: [B, 64, n]}, places [B, 64, 8, BINS].

        Class 0 is "nothing".
        """
        level = functional.rms_norm(features, (WIDTH,))
        nothing = self.nothing(level)
        logits = {"count": self.count(level)}
        for index, (name, words) in enumerate(self.words.items()):
            said = level @ table[words].T * self.scale[index]
            logits[name] = torch.cat([nothing[..., index : index + 1], said], dim=-1)
        places = self.place(self.norm(features)).unflatten(-1, (8, WIDTH))
        return logits, places @ table[self.first : self.first + BINS].T


def soft_bins(position: Tensor, width: float = 0.8) -> Tensor:
    """Targets over BINS for positions in bins (fractional): a Gaussian of `width` bins, normalised."""
    centres = torch.arange(BINS, device=position.device) + 0.5
    weight = torch.exp(-0.5 * ((centres - position[..., None]) / width) ** 2)
    return weight / weight.sum(-1, keepdim=True).clamp_min(1e-9)
