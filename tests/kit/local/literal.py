"""The plainest possible implementation of reweighted attention: what the fused one is compared with.

Softmax over all keys, columns of the span times the factor, every row divided by its new sum. No cache, no fused
kernel, no channel, no merged mask; positions and masks are those that transformers makes by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask
from whole import run_whole

from agentkit.attention import Edit, Reweight
from agentkit.attention.function import NAME
from agentkit.models.local import LocalModel
from agentkit.models.local_prompt import Prompt

_EDITS: list[tuple[torch.Tensor, float, Any, Any]] = []
SEEN: dict[int, torch.Tensor] = {}


def literal(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **kwargs: Any) -> Any:
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    scores = query @ key.transpose(2, 3) * kwargs["scaling"] + attention_mask
    weights = scores.softmax(-1)
    for columns, factor, layers, heads in _EDITS:
        if layers is None or module.layer_idx in layers:
            times = torch.ones_like(weights)
            chosen = range(weights.shape[1]) if heads is None else heads
            for head in chosen:
                times[:, head, :, columns] = factor
            weights = weights * times
    weights = weights / weights.sum(-1, keepdim=True)
    SEEN[module.layer_idx] = weights
    return (weights @ value).transpose(1, 2).contiguous(), None


AttentionInterface.register("literal", literal)
AttentionMaskInterface.register("literal", eager_mask)


@contextmanager
def implementation(module: Any, name: str) -> Iterator[None]:
    """Run a module's text tower on another attention function inside the block."""
    inner = module.config.get_text_config(decoder=True) is not module.config
    module.set_attn_implementation({"text_config": name} if inner else name)
    try:
        yield
    finally:
        module.set_attn_implementation({"text_config": NAME} if inner else NAME)


def logits(
    model: LocalModel,
    prompt: Prompt,
    edits: Sequence[Edit] = (),
    after: Sequence[int] = (),
    attention: str = "literal",
) -> torch.Tensor:
    """Return the logits (tokens, vocabulary) of a prompt and the tokens after it, recomputed whole."""
    target = model.engine.target(prompt)
    for edit in edits:
        assert isinstance(edit, Reweight)
        _EDITS.append((torch.from_numpy(target.find(edit.span)), edit.factor, edit.layers, edit.heads))
    try:
        with implementation(model.module, attention):
            return run_whole(model, prompt, after)
    finally:
        _EDITS.clear()
