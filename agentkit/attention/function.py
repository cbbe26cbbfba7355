"""The one attention function that every local model runs through.

With nothing active it is transformers' own sdpa function, bit for bit. An active ``Plan`` changes scores and head
outputs around the fused kernel; active readers compute the attention of a few rows beside it.

Two exact ways to add a bias, chosen by cost (measured in docs/attention.md):

- at prefill without a mask, extra channels: q gets 1 (0 for heads that are not named), k gets bias / scale, v gets 0.
  The scores grow by q_extra * k_extra * scale = bias, and the causal kernel keeps running without a mask.
- with a mask, or for one query row, the bias is added to the mask.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from .active import Active, active, reallocating
from .compile import Bias, HeadEdit, LayerPlan, Shift

__all__ = ["NAME", "attention", "reallocating", "register"]

NAME = "agentkit"
NOTHING = LayerPlan()


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
    now = active()
    if now is None:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout, scaling, is_causal, **kwargs
        )
    index: Any = module.layer_idx
    plan = NOTHING if now.plan is None else now.plan.layers[index]
    readers = [reader for reader in now.readers if reader.wants(index)]
    if plan.empty and not readers:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout, scaling, is_causal, **kwargs
        )
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    for shift in plan.queries:
        query = query + _shifts(shift, query, key.shape[2])
    key = _edited_keys(plan, key, query.shape[1])
    if key.shape[1] != value.shape[1]:
        value = value.repeat_interleave(key.shape[1] // value.shape[1], dim=1)
    mask = (
        attention_mask if plan.groups is None else _grouped_mask(now, plan.groups, attention_mask, query, key)
    )
    explicit = None
    if any(reader.explicit for reader in readers):
        explicit = weights_of(query, key, mask, scale, plan.biases, torch.arange(query.shape[2]))
        shared = value.repeat_interleave(query.shape[1] // value.shape[1], dim=1)
        out = (explicit.to(value) @ shared).transpose(1, 2)
    else:
        out = _attend(now, plan.biases, module, query, key, value, mask, dropout, scale, is_causal, kwargs)
    plain = out
    for edit, generated in ((plan.heads, False), (plan.generated, True)):
        if edit is not None:
            out = _edited_heads(edit, out, plain, _generated_rows(now, key, out) if generated else None)
    if readers:
        from .reader import Site

        site = Site(index, query, key, mask, scale, plan.biases, out, explicit)
        for reader in readers:
            reader.read(site)
    return out, None


def extend(values: torch.Tensor, later: torch.Tensor | float, count: int, batch: int) -> torch.Tensor:
    """Return (batch, ..., count) from values (rows, ..., tokens): cut, or continued with ``later`` (rows).

    A batch of several rows a prompt (beams) repeats them.
    """
    missing = count - values.shape[-1]
    if missing <= 0:
        values = values[..., :count]
    else:
        rest = torch.as_tensor(later, dtype=values.dtype).reshape(-1, *[1] * (values.dim() - 1))
        values = torch.cat([values, rest.expand(*values.shape[:-1], missing)], dim=-1)
    return repeat_rows(values, batch)


def repeat_rows(values: torch.Tensor, batch: int) -> torch.Tensor:
    """Return a tensor whose first axis is ``batch``: rows are repeated where beams share a prompt."""
    rows = values.shape[0]
    return values if rows in (1, batch) else values.repeat_interleave(batch // rows, dim=0)


def head_bias(biases: tuple[Bias, ...], heads: int, keys: int, batch: int = 1) -> torch.Tensor:
    """Return the sum of biases as a tensor (batch or 1, heads or 1, 1, keys)."""
    total: torch.Tensor | None = None
    for bias in biases:
        part = extend(bias.columns, bias.later, keys, batch)[:, None, None, :]
        if bias.heads is not None:
            part = part * _chosen(bias.heads, heads).to(part)[None, :, None, None]
        total = part if total is None else total + part
    assert total is not None
    return total


def weights_of(
    query: torch.Tensor,
    key: torch.Tensor,
    mask: torch.Tensor | None,
    scale: float,
    biases: tuple[Bias, ...],
    rows: torch.Tensor,
) -> torch.Tensor:
    """Return the attention (batch, heads, chosen rows, keys) of some rows of a pass, float32, by its plain formula."""
    batch, heads, keys = query.shape[0], query.shape[1], key.shape[2]
    # Query heads that share a key are rows of one product: the keys need not be copied.
    shared = query[:, :, rows].float().reshape(batch, key.shape[1], -1, query.shape[-1])
    scores = (shared @ key.float().transpose(-1, -2)).reshape(batch, heads, len(rows), keys) * scale
    if biases:
        scores = scores + head_bias(biases, heads, keys, scores.shape[0]).to(scores)
    if mask is None:
        seen = torch.arange(keys)[None, :] <= rows[:, None] + keys - query.shape[2]
        return scores.masked_fill(~seen, float("-inf")).softmax(-1)
    chosen = mask if mask.shape[2] == 1 else mask[:, :, rows]
    if mask.dtype == torch.bool:
        return scores.masked_fill(~chosen, float("-inf")).softmax(-1)
    return (scores + chosen).softmax(-1)


def _attend(
    now: Active,
    biases: tuple[Bias, ...],
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    dropout: float,
    scale: float,
    is_causal: bool | None,
    kwargs: dict[str, Any],
) -> torch.Tensor:
    """Return the fused attention under biases, (batch, queries, heads, width)."""
    width, wide = query.shape[-1], False
    if biases:
        uniform = len(biases) == 1 and biases[0].heads is None
        if query.shape[2] == 1 or (mask is not None and uniform):
            mask = _biased_mask(now, biases, mask, query, key)
        else:
            query, key, value = _with_channels(query, key, value, biases, scale)
            wide = True
    if key.shape[1] == query.shape[1]:
        # Keys that were copied for every query head: transformers' function would repeat them once more.
        causal = mask is None and query.shape[2] > 1
        out = torch.nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, dropout_p=dropout, is_causal=causal, scale=scale
        ).transpose(1, 2)
    else:
        out, _ = sdpa_attention_forward(module, query, key, value, mask, dropout, scale, is_causal, **kwargs)
    return out[..., :width].contiguous() if wide else out


def _shifts(shift: Shift, states: torch.Tensor, keys: int) -> torch.Tensor:
    """Return what a shift adds to states (batch, heads, rows, width) that end at column ``keys``."""
    batch, _, rows, _ = states.shape
    where = extend(shift.tokens, shift.later, keys, batch)[:, keys - rows :]
    return (where[:, None, :, None] * shift.vectors[None, :, None, :]).to(states)


def _edited_keys(plan: LayerPlan, key: torch.Tensor, heads: int) -> torch.Tensor:
    """Return the keys, one a query head where query heads that share a key want different ones."""
    shared = key.shape[1]
    for shift in plan.keys:
        vectors = shift.vectors.reshape(shared, -1, shift.vectors.shape[-1])
        if key.shape[1] == shared and bool((vectors == vectors[:, :1]).all()):
            key = key + _shifts(Shift(vectors[:, 0], shift.tokens, shift.later), key, key.shape[2])
        else:
            key = key.repeat_interleave(heads // key.shape[1], dim=1)
            key = key + _shifts(shift, key, key.shape[2])
    if plan.key_scale is not None:
        times = extend(plan.key_scale, 1.0, key.shape[2], key.shape[0])
        key = key.repeat_interleave(heads // key.shape[1], dim=1) * times[..., None].to(key)
    return key


def _generated_rows(now: Active, key: torch.Tensor, out: torch.Tensor) -> int:
    """Return the first row of this pass that predicts the reply."""
    assert now.plan is not None
    start = key.shape[2] - out.shape[1]
    return max(0, now.plan.tokens - 1 - start)


def _edited_heads(edit: HeadEdit, out: torch.Tensor, plain: torch.Tensor, first: int | None) -> torch.Tensor:
    """Return head outputs (batch, rows, heads, width) after an edit, of the rows from ``first`` on only."""
    batch = out.shape[0]
    changed = out
    for source, target, factors in edit.copies:
        added = torch.zeros_like(out)
        added[target] = plain[source] * factors[None, :, None].to(plain)
        changed = changed + added
    if edit.scale is not None:
        changed = changed * repeat_rows(edit.scale, batch)[:, None, :, None].to(out)
    if edit.add is not None:
        changed = changed + repeat_rows(edit.add, batch)[:, None].to(out)
    if first is None or first == 0:
        return changed
    return torch.cat([out[:, :first], changed[:, first:]], dim=1)


def _chosen(heads: tuple[int, ...], count: int) -> torch.Tensor:
    chosen = torch.zeros(count)
    chosen[list(heads)] = 1.0
    return chosen


def _grouped_mask(
    now: Active, groups: torch.Tensor, mask: torch.Tensor | None, query: torch.Tensor, key: torch.Tensor
) -> torch.Tensor:
    """Return the additive mask (batch, 1, rows, keys) of grouped attention (see ``primitives.Groups``)."""
    name = (id(mask), key.shape[2], query.shape[2], id(groups))
    found = now.masks.get(name)
    # The kept mask is compared by identity too: an id alone may be used again after its tensor is gone.
    if found is not None and found[0] is mask:
        return found[1]
    rows, keys = query.shape[2], key.shape[2]
    columns = extend(groups, -1, keys, query.shape[0])[:, None, None, :]
    own = columns[..., keys - rows :].transpose(2, 3)
    counts = torch.tensor([max(1, len(row[row >= 0].unique())) for row in groups], dtype=torch.float32)
    merged = torch.where(
        (own < 0) & (columns < 0), repeat_rows(counts, query.shape[0]).log()[:, None, None, None], 0.0
    )
    lowest = torch.finfo(query.dtype).min
    result = merged.masked_fill((own >= 0) & (columns >= 0) & (own != columns), lowest)
    if mask is None:
        seen = torch.arange(keys)[None] <= torch.arange(keys - rows, keys)[:, None]
        result = result.masked_fill(~seen, lowest)
    elif mask.dtype == torch.bool:
        result = result.masked_fill(~mask, lowest)
    else:
        result = (result + mask).clamp_min(lowest)
    result = result.to(query)
    _keep(now, name, mask, result)
    return result


def _biased_mask(
    now: Active,
    biases: tuple[Bias, ...],
    mask: torch.Tensor | None,
    query: torch.Tensor,
    key: torch.Tensor,
) -> torch.Tensor:
    name = (id(mask), key.shape[2], *(id(bias.columns) for bias in biases))
    found = now.masks.get(name)
    if found is not None and found[0] is mask:
        return found[1]
    bias = head_bias(biases, query.shape[1], key.shape[2], query.shape[0]).to(query)
    if mask is None:
        result = bias
    elif mask.dtype == torch.bool:
        # Not -inf: a row of padding sees nothing, and its softmax must stay finite.
        result = torch.where(mask, bias, torch.finfo(query.dtype).min)
    else:
        result = mask + bias
    _keep(now, name, mask, result)
    return result


def _keep(now: Active, name: tuple[Any, ...], mask: torch.Tensor | None, result: torch.Tensor) -> None:
    """Keep what was made of a mask; two are enough (a grouped mask, and that with a bias), a pass has new ones."""
    if len(now.masks) > 1:
        now.masks.clear()
    now.masks[name] = (mask, result)


def _with_channels(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, biases: tuple[Bias, ...], scale: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    batch, heads, rows, _width = query.shape
    on_query, on_key = [], []
    for bias in biases:
        chosen = torch.ones(heads) if bias.heads is None else _chosen(bias.heads, heads)
        exact = extend(bias.columns, bias.later, key.shape[2], batch) / scale
        # In half precision one channel would round the bias: a second one carries what the first lost.
        coarse = exact.to(key.dtype)
        parts = [coarse] if key.dtype == exact.dtype else [coarse, (exact - coarse).to(key.dtype)]
        on_query += [chosen.to(query)] * len(parts)
        on_key += parts
    count = len(on_query)
    on_queries = torch.stack(on_query, -1)[None, :, None, :].expand(batch, -1, rows, -1)
    on_keys = torch.stack(on_key, -1)[:, None, :, :].expand(batch, key.shape[1], -1, -1)
    # q, k and v keep one width: with different widths the CPU kernel falls back to plain math.
    wide_query, wide_key = _joined(query, on_queries), _joined(key, on_keys)
    return wide_query, wide_key, torch.nn.functional.pad(value, (0, count))


def _joined(states: torch.Tensor, extra: torch.Tensor) -> torch.Tensor:
    """Return states with extra channels; without gradients it is written in place, which is faster than cat."""
    if torch.is_grad_enabled():
        return torch.cat([states, extra], dim=-1)
    width = states.shape[-1]
    result = states.new_empty(*states.shape[:-1], width + extra.shape[-1])
    result[..., :width] = states
    result[..., width:] = extra
    return result
