"""JuICE: run twice; the second run gets what reliable heads said in the first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ...errors import UsageError
from ..edits import Edit, Ensemble, Variant
from .places import Place, check_places, heads_by_layer

if TYPE_CHECKING:
    import torch

    from ...content import Message
    from ..primitives import Primitive
    from ..target import Target


@dataclass(frozen=True)
class AddedHeads(Edit):
    """Add what heads give in variant ``source`` of an ensemble, times ``strength`` (one a head), in every row."""

    name: ClassVar[str] = "added heads"
    source: ClassVar[str] = "JuICE, arXiv 2503.10996"

    heads: tuple[Place, ...]
    strength: tuple[float, ...]
    variant: int = 0

    def compile(self, target: Target) -> Sequence[Primitive]:
        import torch

        from ..primitives import HeadCopy

        check_places(self.heads, target)
        strength = dict(zip(self.heads, self.strength, strict=True))
        return tuple(
            HeadCopy(
                self.variant,
                torch.tensor([strength[layer, head] for head in heads]),
                layers=(layer,),
                heads=heads,
            )
            for layer, heads in heads_by_layer(self.heads).items()
        )


@dataclass(frozen=True)
class JuICE(Ensemble):
    """Just run twice (JuICE, arXiv 2503.10996, section 4): settle a conflict of context and memory, either way.

    Each token is predicted by two runs in one batch. The first is plain. In the second, ``alpha`` times what the
    heads of ``heads`` give *in the first run* is added to the output of their attention, and ``beta`` times that of
    ``against`` is taken off; its logits count. What other heads have changed does not reach what is added: that is
    the point of the second run. All rows of the prompt and of the reply are changed, as in the published code.

    ``heads``, ``against``: (layer, head) pairs, found by ``agentkit.attention.methods.juice_fit.find_heads`` on a few
    samples; which way the conflict is settled lies in the answers of those samples (memory or context). ``alpha`` and
    ``beta``: published grids 0 to 5 and 0 to 3, searched on validation items (``juice_fit.choose_strengths``); the
    defaults here, 2 and 1, lie in their middle. Costs a batch of two.

    Raises ``UsageError`` when no head is named, a head is in both sets or is not the model's, and for strengths that
    are negative or infinite.
    """

    name: ClassVar[str] = "juice"
    source: ClassVar[str] = "JuICE, arXiv 2503.10996, section 4"

    heads: tuple[Place, ...]
    against: tuple[Place, ...] = ()
    alpha: float = 2.0
    beta: float = 1.0

    def __post_init__(self) -> None:
        if not self.heads and not self.against:
            raise UsageError("JuICE has no heads", mend="find them with juice_fit.find_heads")
        both = set(self.heads) & set(self.against)
        if both:
            raise UsageError(f"head {min(both)} can't be added and taken off")
        for strength in (self.alpha, self.beta):
            if not (math.isfinite(strength) and strength >= 0):
                raise UsageError(f"a strength is 0 or more and finite, got {strength}")

    def variants(self, messages: tuple[Message, ...], edits: tuple[Edit, ...]) -> Sequence[Variant]:
        strengths = (*[self.alpha] * len(self.heads), *[-self.beta] * len(self.against))
        added = AddedHeads((*self.heads, *self.against), strengths)
        return Variant(messages, edits), Variant(messages, (*edits, added))

    def merge(self, logits: torch.Tensor) -> torch.Tensor:
        return logits[1]
