"""The one attention function that every local model runs through.

With nothing active it is transformers' own sdpa function, bit for bit. An active ``Plan`` adds its biases to key
columns before the softmax, inside the fused kernel; an active ``Reader`` copies out the attention of a few rows.

Two exact ways to add a bias, chosen by cost (measured in docs/attention.md):

- at prefill without a mask, extra channels: q gets 1 (0 for heads that are not named), k gets bias / scale, v gets 0.
  The scores grow by q_extra * k_extra * scale = bias, and the causal kernel keeps running without a mask.
- with a mask, or for one query row, the bias is added to the mask.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from .compile import Bias, Plan

if TYPE_CHECKING:
    from .reader import Reader

NAME = "agentkit"


@dataclass
class _Active:
    plan: Plan | None
    reader: Reader | None
    # One forward pass hands the same mask to every layer: its sum with a bias is made once.
    masks: dict[tuple[int, ...], tuple[Any, torch.Tensor]] = field(default_factory=dict)


_ACTIVE: ContextVar[_Active | None] = ContextVar("agentkit_attention", default=None)


@contextmanager
def reallocating(plan: Plan | None = None, reader: Reader | None = None) -> Iterator[None]:
    """Apply a plan and a reader to every forward pass inside the block, in this thread or task only.

    The model must run on the attention function ``NAME`` (``register``), with keys cached from position 0 on
    (no sliding or static cache). Nested blocks replace each other.
    """
    active = _Active(plan, reader) if plan is not None or reader is not None else None
    token = _ACTIVE.set(active)
    try:
        yield
    finally:
        _ACTIVE.reset(token)


def register() -> str:
    """Register the function and its mask with transformers (once is enough); return its name."""
    AttentionInterface.register(NAME, attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    return NAME


def attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    is_causal: bool | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Return the attention output (batch, queries, heads, width), edited and read as the context says.

    ``query`` is (batch, heads, queries, width); ``key`` and ``value`` have the key-value heads. ``attention_mask`` is
    None (causal), boolean (True attends) or additive, broadcastable to (batch, heads, queries, keys).
    """
    active = _ACTIVE.get()
    layer: Any = module.layer_idx
    biases: tuple[Bias, ...] = ()
    if active is not None:
        biases = active.plan.layers[layer] if active.plan is not None else ()
        if active.reader is not None:
            scale = query.shape[-1] ** -0.5 if scaling is None else scaling
            active.reader.read(layer, query, key, attention_mask, scale, biases)
    if active is None or not biases:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout, scaling, is_causal, **kwargs
        )
    uniform = len(biases) == 1 and biases[0].heads is None
    if query.shape[2] == 1 or (attention_mask is not None and uniform):
        mask = _biased_mask(active, biases, attention_mask, query, key)
        return sdpa_attention_forward(module, query, key, value, mask, dropout, scaling, is_causal, **kwargs)
    width = query.shape[-1]
    scale = width**-0.5 if scaling is None else scaling
    query, key, value = _with_channels(query, key, value, biases, scale)
    out, _ = sdpa_attention_forward(
        module, query, key, value, attention_mask, dropout, scale, is_causal, **kwargs
    )
    return out[..., :width].contiguous(), None


def fit_columns(columns: torch.Tensor, keys: int) -> torch.Tensor:
    """Return biases (batch, tokens) for ``keys`` columns: cut, or continued with 0 for later tokens."""
    missing = keys - columns.shape[1]
    return columns[:, :keys] if missing <= 0 else torch.nn.functional.pad(columns, (0, missing))


def head_bias(biases: tuple[Bias, ...], heads: int, keys: int) -> torch.Tensor:
    """Return the sum of biases as a tensor (batch, heads or 1, 1, keys)."""
    total: torch.Tensor | None = None
    for bias in biases:
        part = fit_columns(bias.columns, keys)[:, None, None, :]
        if bias.heads is not None:
            chosen = torch.zeros(heads, dtype=part.dtype)
            chosen[list(bias.heads)] = 1.0
            part = part * chosen[None, :, None, None]
        total = part if total is None else total + part
    assert total is not None
    return total


def _biased_mask(
    active: _Active,
    biases: tuple[Bias, ...],
    mask: torch.Tensor | None,
    query: torch.Tensor,
    key: torch.Tensor,
) -> torch.Tensor:
    name = (id(mask), key.shape[2], *(id(bias.columns) for bias in biases))
    found = active.masks.get(name)
    # The kept mask is compared by identity too: an id alone may be used again after its tensor is gone.
    if found is not None and found[0] is mask:
        return found[1]
    bias = head_bias(biases, query.shape[1], key.shape[2]).to(query)
    if mask is None:
        result = bias
    elif mask.dtype == torch.bool:
        # Not -inf: a row of padding sees nothing, and its softmax must stay finite.
        result = torch.where(mask, bias, torch.finfo(query.dtype).min)
    else:
        result = mask + bias
    active.masks.clear()
    active.masks[name] = (mask, result)
    return result


def _with_channels(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, biases: tuple[Bias, ...], scale: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    batch, heads, rows, width = query.shape
    on_query, on_key = [], []
    for bias in biases:
        chosen = torch.ones(heads) if bias.heads is None else torch.zeros(heads)
        if bias.heads is not None:
            chosen[list(bias.heads)] = 1.0
        exact = fit_columns(bias.columns, key.shape[2]) / scale
        # In half precision one channel would round the bias: a second one carries what the first lost.
        coarse = exact.to(key.dtype)
        parts = [coarse] if key.dtype == exact.dtype else [coarse, (exact - coarse).to(key.dtype)]
        on_query += [chosen.to(query)] * len(parts)
        on_key += parts
    count = len(on_query)
    # q, k and v keep one width: with different widths the CPU kernel falls back to plain math.
    wide_query = query.new_empty(batch, heads, rows, width + count)
    wide_query[..., :width] = query
    wide_query[..., width:] = torch.stack(on_query, -1)[None, :, None, :]
    wide_key = key.new_empty(*key.shape[:3], width + count)
    wide_key[..., :width] = key
    wide_key[..., width:] = torch.stack(on_key, -1)[:, None, :, :]
    return wide_query, wide_key, torch.nn.functional.pad(value, (0, count))
