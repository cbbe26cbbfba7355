"""Architectures whose attention can be edited and read: one small declarative card each.

A card says where things are; adding an architecture is adding a row. Text towers are looked up by the
``model_type`` of the text configuration, pictures by the ``model_type`` of the whole one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class TextCard:
    """A text tower that runs on the registered attention function.

    ``layers``, ``heads``: the names of those counts in the text configuration. ``blocks``, ``rotary``: where the
    decoder has its layers and its rotary position embedding.
    ``excluded``: settings of the configuration that the fused kernel can't do (they must be unset).
    """

    layers: str = "num_hidden_layers"
    heads: str = "num_attention_heads"
    blocks: str = "layers"
    rotary: str = "rotary_emb"
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True)
class PictureCard:
    """How the image tokens of an architecture lie in the picture.

    ``grid``: *square* (one square grid), *merged* (``image_grid_thw`` divided by the merge size), *tiles* (equal
    square tiles, the last of which shows the whole picture) or *tiles_after* (the first one does).
    """

    grid: Literal["square", "merged", "tiles", "tiles_after"]
    # When the whole picture is padded to a square: as the image processor's settings say, or beside other pictures.
    squared: Literal["setting", "several"] = "setting"


TEXT: Mapping[str, TextCard] = {
    "llama": TextCard(),
    "qwen2": TextCard(),
    "qwen3": TextCard(),
    "mistral": TextCard(),
    "smollm3": TextCard(),
    "gemma": TextCard(),
    "gemma3_text": TextCard(excluded=("attn_logit_softcapping",)),
    "qwen2_vl_text": TextCard(),
    "qwen2_5_vl_text": TextCard(),
    "qwen3_vl_text": TextCard(),
}

PICTURE: Mapping[str, PictureCard] = {
    "llava": PictureCard("square"),
    "qwen2_vl": PictureCard("merged"),
    "qwen2_5_vl": PictureCard("merged"),
    "qwen3_vl": PictureCard("merged"),
    "smolvlm": PictureCard("tiles"),
    "idefics3": PictureCard("tiles"),
    "internvl": PictureCard("tiles"),
    "llava_onevision": PictureCard("tiles_after", squared="several"),
}


def text_card(text_config: Any) -> TextCard | None:
    """Return the card of a text configuration, None when its attention can't be edited."""
    card = TEXT.get(text_config.model_type)
    if card is None or any(getattr(text_config, name, None) is not None for name in card.excluded):
        return None
    return card


def image_grid(
    model_type: str, tokens: int, *, tile: int | None = None, merged: tuple[int, int] | None = None
) -> tuple[tuple[int, int], int] | None:
    """Return (height, width) of an image's token grid and its first token, None when the architecture's is not known.

    ``tokens``: image tokens of this picture. ``tile``: tokens of one tile. ``merged``: the grid after merging.
    """
    card = PICTURE.get(model_type)
    if card is None:
        return None
    if card.grid == "merged":
        return None if merged is None else (merged, 0)
    whole = tile if card.grid in ("tiles", "tiles_after") and tile else tokens
    side = math.isqrt(whole)
    if side * side != whole:
        return None
    return (side, side), tokens - whole if card.grid == "tiles" else 0
