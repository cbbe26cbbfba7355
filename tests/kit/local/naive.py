"""The plainest possible implementation of every primitive, on whole prompts, without a cache or a fused kernel."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from literal import implementation
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask
from whole import run_whole

from agentkit.attention import primitives as p
from agentkit.models.local import LocalModel
from agentkit.models.local_prompt import Prompt

_NOW: list[p.Primitive] = []
_LENGTH: list[int] = [0]


def _here(module: Any) -> list[p.Primitive]:
    return [edit for edit in _NOW if edit.layers is None or module.layer_idx in edit.layers]


def _heads(edit: p.Primitive, count: int) -> list[int]:
    return list(range(count)) if edit.heads is None else list(edit.heads)


def _per_head(value: Any, place: int) -> float:
    return float(value[place]) if isinstance(value, torch.Tensor) and value.dim() else float(value)


def _tokens(edit: Any, total: int) -> list[int]:
    """Return the tokens that an edit of tokens and later ones acts on."""
    chosen = range(_LENGTH[0]) if edit.tokens is None else edit.tokens.tolist()
    return [*chosen, *(range(_LENGTH[0], total) if edit.later else [])]


def naive(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **kwargs: Any) -> Any:
    heads, total = query.shape[1], query.shape[2]
    key = key.repeat_interleave(heads // key.shape[1], 1)
    value = value.repeat_interleave(heads // value.shape[1], 1)
    edits = _here(module)
    query, key = query.clone(), key.clone()
    for edit in edits:
        if isinstance(edit, (p.QueryAdd, p.KeyAdd)):
            states = query if isinstance(edit, p.QueryAdd) else key
            for place, head in enumerate(_heads(edit, heads)):
                for token in _tokens(edit, total):
                    states[:, head, token] += edit.vectors[place]
    out = torch.zeros(1, total, heads, query.shape[-1])
    for head in range(heads):
        scores = query[0, head] @ key[0, head].T * kwargs["scaling"]
        for edit in edits:
            if isinstance(edit, p.KeyScale) and head in _heads(edit, heads):
                for token in edit.tokens:
                    scores[:, token] *= _per_head(edit.value, _heads(edit, heads).index(head))
        for edit in edits:
            if isinstance(edit, p.KeyBias) and head in _heads(edit, heads):
                for place, token in enumerate(edit.tokens):
                    scores[:, token] += _per_head(edit.value, place)
                scores[:, _LENGTH[0] :] += edit.later
        scores = scores + attention_mask[0, 0]
        groups = next((edit.group for edit in edits if isinstance(edit, p.Groups)), None)
        out[0, :, head] = _attended(scores, value[0, head], groups)
    for edit in edits:
        if isinstance(edit, (p.HeadScale, p.HeadAdd)):
            rows = slice(_LENGTH[0] - 1 if edit.generated else 0, None)
            for place, head in enumerate(_heads(edit, heads)):
                if isinstance(edit, p.HeadScale):
                    out[:, rows, head] *= _per_head(edit.value, place)
                else:
                    out[:, rows, head] += edit.vectors[place]
    return out, None


def _attended(scores: torch.Tensor, value: torch.Tensor, groups: Any) -> torch.Tensor:
    """Return rows of one head; with groups each attends to every group apart, merged by log-sum-exp."""
    if groups is None:
        return scores.softmax(-1) @ value
    total = scores.shape[0]
    group = torch.cat([torch.from_numpy(groups), torch.full((total - len(groups),), -1)])
    result = torch.zeros(total, value.shape[-1])
    for row in range(total):
        parts, masses = [], []
        for number in group[group >= 0].unique() if group[row] < 0 else [group[row]]:
            columns = (group == number) | (group < 0)
            mine = scores[row].masked_fill(~columns, -math.inf)
            parts.append(mine.softmax(-1) @ value)
            masses.append(mine.logsumexp(-1))
        weights = torch.stack(masses).softmax(-1)
        result[row] = (weights[:, None] * torch.stack(parts)).sum(0)
    return result


AttentionInterface.register("naive", naive)
AttentionMaskInterface.register("naive", eager_mask)


def logits(
    model: LocalModel, prompt: Prompt, edits: Sequence[p.Primitive], after: Sequence[int] = ()
) -> torch.Tensor:
    """Return the logits (tokens, vocabulary) of a prompt and the tokens after it, recomputed whole."""
    _NOW[:], _LENGTH[0] = edits, len(prompt)
    try:
        with implementation(model.module, "naive"), _outside(model, edits, len(prompt) + len(after)):
            return run_whole(model, prompt, after)
    finally:
        _NOW.clear()


@contextmanager
def _outside(model: LocalModel, edits: Sequence[p.Primitive], total: int) -> Iterator[None]:
    """Apply latents, residual vectors and rotary bases by the plainest hooks."""
    decoder = model.module.get_decoder()
    with ExitStack() as stack:
        for edit in edits:
            if isinstance(edit, p.Latent):
                stack.callback(_add_latent(decoder, edit).remove)
            if isinstance(edit, p.ResidualAdd):
                for index, block in enumerate(decoder.layers):
                    if edit.layers is None or index in edit.layers:
                        stack.callback(_add_residual(block, edit, total).remove)
            if isinstance(edit, p.Rotary):
                _change_base(stack, decoder.rotary_emb, model.module.config.get_text_config(), edit.scale)
        yield


def _add_latent(decoder: Any, edit: p.Latent) -> Any:
    def before(module: Any, args: Any, kwargs: Any) -> Any:
        embeds = kwargs.get("inputs_embeds")
        if embeds is None:
            embeds = module.embed_tokens(kwargs["input_ids"])
        embeds = embeds.clone()
        for place, token in enumerate(edit.tokens):
            embeds[0, token] += edit.values[place]
        return args, {**kwargs, "input_ids": None, "inputs_embeds": embeds}

    return decoder.register_forward_pre_hook(before, with_kwargs=True)


def _add_residual(block: Any, edit: p.ResidualAdd, total: int) -> Any:
    def after(module: Any, args: Any, output: Any) -> Any:
        hidden = (output[0] if isinstance(output, tuple) else output).clone()
        for token in _tokens(edit, total):
            hidden[:, token] += edit.vector
        return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

    return block.register_forward_hook(after)


def _change_base(stack: ExitStack, rotary: Any, config: Any, scale: float) -> None:
    for name, frequencies in list(rotary.named_buffers()):
        if name.endswith("inv_freq") and "original" not in name:
            width = 2 * len(frequencies)
            settings = config.rope_parameters
            kind = name.removesuffix("inv_freq").removesuffix("_")
            base = scale * settings.get(kind, settings)["rope_theta"]
            setattr(rotary, name, 1.0 / base ** (torch.arange(0, width, 2).float() / width))
            stack.callback(setattr, rotary, name, frequencies)
