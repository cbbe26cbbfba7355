"""The same edit as most published code does it: eager attention, multiply, renormalise. For comparison only."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

EAGER_REWEIGHT = "agentkit_eager_reweight"
_NOW: list[tuple[torch.Tensor, float]] = []


def reweighting(tokens: np.ndarray | None, factor: float) -> None:
    """Set which columns are multiplied by what; None for none."""
    _NOW[:] = [] if tokens is None else [(torch.from_numpy(tokens), factor)]


def eager(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: Any,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Return attention (batch, queries, heads, width) by whole matrices of weights."""
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    scores = query @ key.transpose(2, 3) * kwargs["scaling"]
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = scores.softmax(-1)
    for columns, factor in _NOW:
        weights[..., columns] *= factor
        weights = weights / weights.sum(-1, keepdim=True)
    return (weights @ value).transpose(1, 2).contiguous(), None


AttentionInterface.register(EAGER_REWEIGHT, eager)
AttentionMaskInterface.register(EAGER_REWEIGHT, eager_mask)
