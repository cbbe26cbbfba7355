"""Models run on a plain attention formula that a test gives, to compare a method with.

No fused kernel, no cache: everything is recomputed. A formula gets one layer of one whole pass and returns what its
heads give.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from literal import implementation
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask
from whole import run_whole

from agentkit.models.local import LocalModel
from agentkit.models.local_prompt import Prompt


@dataclass(frozen=True)
class Layer:
    """One layer: ``query``, ``key``, ``value`` (heads, tokens, width), keys repeated for every query head.

    ``mask``: (tokens, tokens), 0 where a row sees a column and hugely negative elsewhere.
    """

    index: int
    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    mask: torch.Tensor
    scale: float

    def scores(self) -> torch.Tensor:
        """Return the scores (heads, rows, columns), without the mask."""
        return self.query @ self.key.transpose(1, 2) * self.scale

    def out(self, scores: torch.Tensor | None = None) -> torch.Tensor:
        """Return what heads give (heads, rows, width) for scores (the plain ones)."""
        scores = self.scores() if scores is None else scores
        return (scores + self.mask).softmax(-1) @ self.value


def copied(layer: Layer) -> Layer:
    """Return a layer whose states may be changed in place."""
    return replace(layer, query=layer.query.clone(), key=layer.key.clone(), value=layer.value.clone())


Formula = Callable[[Layer], torch.Tensor]
_FORMULA: list[Formula] = []


def _attention(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **kwargs: Any) -> Any:
    groups = query.shape[1] // key.shape[1]
    key, value = key[0].repeat_interleave(groups, 0), value[0].repeat_interleave(groups, 0)
    layer = Layer(module.layer_idx, query[0], key, value, attention_mask[0, 0], kwargs["scaling"])
    return _FORMULA[-1](layer).transpose(0, 1)[None].contiguous(), None


AttentionInterface.register("formula", _attention)
AttentionMaskInterface.register("formula", eager_mask)


@contextmanager
def _using(model: LocalModel, formula: Formula) -> Iterator[None]:
    _FORMULA.append(formula)
    try:
        with implementation(model.module, "formula"):
            yield
    finally:
        _FORMULA.pop()


def logits(
    model: LocalModel,
    prompt: Prompt,
    formula: Formula = lambda layer: layer.out(),
    after: Sequence[int] = (),
    *,
    hidden: Callable[[int, torch.Tensor], torch.Tensor] | None = None,
) -> torch.Tensor:
    """Return the logits (tokens, vocabulary) of a prompt and the tokens after it, recomputed whole.

    ``hidden``: maps a layer's index and what it gives (1, tokens, hidden) to what it should give.
    """
    hooks = []
    if hidden is not None:
        for index, block in enumerate(model.module.get_decoder().layers):
            hooks.append(block.register_forward_hook(_hook(index, hidden)))
    try:
        with _using(model, formula):
            return run_whole(model, prompt, after)
    finally:
        for hook in hooks:
            hook.remove()


def _hook(index: int, hidden: Callable[[int, torch.Tensor], torch.Tensor]) -> Any:
    def after(block: Any, args: Any, output: Any) -> Any:
        if isinstance(output, tuple):
            return (hidden(index, output[0]), *output[1:])
        return hidden(index, output)

    return after
