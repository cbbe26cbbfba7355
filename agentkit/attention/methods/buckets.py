"""Attention Buckets: parallel runs with different rotary bases, mixed by how sure each is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ...errors import UnsupportedCapability, UsageError
from ..edits import Edit, Ensemble, Variant

if TYPE_CHECKING:
    import torch

    from ...content import Message
    from ..primitives import Primitive
    from ..target import Target

# The paper's bases for models of base 10,000, as multiples of it.
SCALES = (1.0, 1.75, 1.8, 1.9, 2.0, 2.5)


@dataclass(frozen=True)
class RotaryScale(Edit):
    """Multiply the base of a model's rotary embeddings by ``scale``, in all layers (1: as it is).

    Layers with bases of their own (Gemma 3) keep their ratios. Raises ``UsageError`` for a scale that is not positive
    and finite, and ``UnsupportedCapability`` for a model without rotary embeddings.
    """

    name: ClassVar[str] = "rotary scale"
    source: ClassVar[str] = "Attention Buckets, arXiv 2312.04455"

    scale: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise UsageError(f"the scale of a rotary base is a positive finite number, got {self.scale}")

    def compile(self, target: Target) -> Sequence[Primitive]:
        from ..primitives import Rotary

        if not target.bases:
            raise UnsupportedCapability(
                "the model has no rotary position embedding", mend="use a llama, qwen, mistral or gemma model"
            )
        return () if self.scale == 1 else (Rotary(self.scale),)


@dataclass(frozen=True)
class Buckets(Ensemble):
    """Attention Buckets (arXiv 2312.04455): a place that one rotary base overlooks is seen with another.

    The prompt runs once a base, side by side, each with its own keys and values. The next token's distribution is
    p = sum_i w_i p_i with w_i = max p_i / sum_j max p_j: a run counts as much as it is sure.

    ``scales``: the bases as multiples of the model's own. Default: the paper's 10,000, 17,500, 18,000, 19,000,
    20,000 and 25,000 over 10,000; a model of another base gets the same multiples of its own (a choice of this
    implementation: the paper's models are of base 10,000). ``agentkit.attention.methods.buckets_fit.choose_scales``
    finds others on training items. Costs as many runs as there are scales, in one batch; 3 often do.

    Raises ``UsageError`` for no scale, one given twice, or one that is not positive and finite, and
    ``UnsupportedCapability`` for a model that ``RotaryScale`` can't change.
    """

    name: ClassVar[str] = "buckets"
    source: ClassVar[str] = "Attention Buckets, arXiv 2312.04455"

    scales: tuple[float, ...] = SCALES

    def __post_init__(self) -> None:
        if not self.scales or len(set(self.scales)) < len(self.scales):
            raise UsageError(f"Buckets take one scale or more, each once, got {self.scales}")
        for scale in self.scales:
            RotaryScale(scale)

    def variants(self, messages: tuple[Message, ...], edits: tuple[Edit, ...]) -> Sequence[Variant]:
        return [Variant(messages, (*edits, RotaryScale(scale))) for scale in self.scales]

    def merge(self, logits: torch.Tensor) -> torch.Tensor:
        logprobs = logits.log_softmax(-1)
        surest = logprobs.amax(-1, keepdim=True)
        return (logprobs + surest - surest.logsumexp(0, keepdim=True)).logsumexp(0)
