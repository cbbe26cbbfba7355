"""What edits do outside the attention function: latents, residual vectors, rotary bases. Attached once, on demand."""

from __future__ import annotations

import copy
from typing import Any

import torch

from .active import active
from .architectures import TextCard
from .compile import Shift
from .function import extend


def attach(decoder: Any, card: TextCard) -> None:
    """Attach the hooks to a text tower. They do nothing unless a plan or a reader of this context wants them."""
    decoder.register_forward_pre_hook(_enter, with_kwargs=True)
    for index, block in enumerate(getattr(decoder, card.blocks)):
        block.register_forward_hook(_Leave(index))
    rotary = getattr(decoder, card.rotary, None)
    if rotary is not None:
        rotary.register_forward_hook(_Rotate(rotary), with_kwargs=True)


def rotary_bases(config: Any) -> tuple[float, ...]:
    """Return the different rotary bases of a model's layers, ascending; none when it has no rotary embedding."""
    return tuple(sorted(set(_bases(config).values())))


def _enter(decoder: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]] | None:
    now = active()
    if now is None:
        return None
    cache = kwargs.get("past_key_values")
    now.start = 0 if cache is None else int(cache.get_seq_length())
    if now.plan is None or not now.plan.latents or now.start >= now.plan.tokens:
        return None
    kwargs = dict(kwargs)
    embeds = kwargs.get("inputs_embeds")
    if embeds is None:
        ids = kwargs.pop("input_ids") if "input_ids" in kwargs else args[0]
        embeds, args = decoder.get_input_embeddings()(ids), args[1:]
        kwargs["input_ids"] = None
    beams = max(1, embeds.shape[0] // now.plan.rows)
    added = torch.zeros_like(embeds)
    for row, columns, values in now.plan.latents:
        inside = columns >= now.start
        for beam in range(beams):
            place = torch.full_like(columns[inside], row * beams + beam)
            added = added.index_put(
                (place, columns[inside] - now.start), values[inside].to(embeds), accumulate=True
            )
    kwargs["inputs_embeds"] = embeds + added
    return args, kwargs


class _Leave:
    """After a layer: residual vectors, and readers of what layers give."""

    def __init__(self, index: int) -> None:
        self.index = index

    def __call__(self, block: Any, args: Any, output: Any) -> Any:
        now = active()
        if now is None:
            return None
        hidden = output[0] if isinstance(output, tuple) else output
        changed = hidden
        for shift in () if now.plan is None else now.plan.layers[self.index].residual:
            changed = changed + _spread(shift, hidden, now.start)
        for reader in now.readers:
            if reader.reads_hidden:
                reader.read_hidden(self.index, changed)
        if changed is hidden:
            return None
        return (changed, *output[1:]) if isinstance(output, tuple) else changed


def _spread(shift: Shift, hidden: torch.Tensor, start: int) -> torch.Tensor:
    batch, rows, _ = hidden.shape
    where = extend(shift.tokens, shift.later, start + rows, batch)[:, start:]
    return (where[..., None] * shift.vectors).to(hidden)


class _Rotate:
    """After the rotary embedding: rows of the batch that want another base get that of a copy with it."""

    def __init__(self, rotary: Any) -> None:
        self.rotary = rotary
        self.copies: dict[float, Any] = {}

    def __call__(self, rotary: Any, args: Any, kwargs: Any, output: Any) -> Any:
        now = active()
        scales = None if now is None or now.plan is None else now.plan.rotary
        if scales is None:
            return None
        batch = output[0].shape[-3]
        several = [scale for scale in scales for _ in range(max(1, batch // len(scales)))]
        result = [part.expand(*part.shape[:-3], len(several), *part.shape[-2:]).clone() for part in output]
        for scale in {scale for scale in several if scale != 1}:
            rows = [row for row, other in enumerate(several) if other == scale]
            for part, other in zip(result, self._copy(scale)(*args, **kwargs), strict=True):
                whole = other.expand_as(part)
                part[..., rows, :, :] = whole[..., rows, :, :]
        return tuple(result)

    def _copy(self, scale: float) -> Any:
        if scale not in self.copies:
            made = copy.deepcopy(self.rotary)
            made._forward_hooks.clear()
            made._forward_hooks_with_kwargs.clear()
            for name, frequencies in self.rotary.named_buffers():
                # Frequency i is base ** (-i / count), whatever scaling the model puts on it afterwards.
                if name.endswith("inv_freq") and not name.endswith("original_inv_freq"):
                    powers = torch.arange(len(frequencies), dtype=torch.float32) / len(frequencies)
                    setattr(made, name, frequencies * scale**-powers)
            self.copies[scale] = made
        return self.copies[scale]


def _bases(config: Any) -> dict[str, float]:
    """Return the rotary bases of a configuration: by layer type, or under "" where all layers share one."""
    found = getattr(config, "rope_parameters", None) or {}
    if "rope_theta" in found:
        return {"": float(found["rope_theta"])}
    return {kind: float(item["rope_theta"]) for kind, item in found.items() if isinstance(item, dict)}
