"""Edits of attention: what to reallocate, said by labels and images, never by token positions.

An edit is data. It is hashable, part of the key of the response cache, and written into runs. Local models
compile it to a primitive of the one registered attention function (``agentkit.attention.function``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..content import Image
from ..errors import UsageError


@dataclass(frozen=True)
class Reweight:
    """Multiply the attention on a span by ``factor`` and renormalise each row (InstABoost, arXiv 2506.13734).

    Equal to adding ln(factor) to the span's columns before the softmax; that is how it is done.

    ``span``: a label (``instruction``, ``query``, ...), the mark ``untrusted``, or an image of the prompt.
    ``layers``, ``heads``: indices, None for all. Differs from the published code on purpose: the span is exact,
    without the template's leading tokens (the attention sink stays as it is).
    Raises ``UsageError`` for a factor that is not positive and finite.
    """

    span: str | Image
    factor: float
    layers: tuple[int, ...] | None = None
    heads: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.factor) and self.factor > 0):
            raise UsageError(f"an attention factor is a positive finite number, got {self.factor}")

    def describe(self) -> dict[str, Any]:
        """Return the edit as plain data (for keys, events and reports)."""
        span = self.span if isinstance(self.span, str) else {"image": self.span.sha256}
        return {
            "edit": "reweight",
            "span": span,
            "factor": self.factor,
            "layers": self.layers,
            "heads": self.heads,
        }


def Boost(span: str | Image, factor: float = 5.0, **where: Any) -> Reweight:  # noqa: N802 - reads as a class
    """Return an edit that multiplies the attention on a span."""
    return Reweight(span, factor, **where)


def Mute(span: str | Image, factor: float = 0.1, **where: Any) -> Reweight:  # noqa: N802 - reads as a class
    """Return an edit that reduces the attention on a span."""
    return Reweight(span, factor, **where)


Edit = Reweight
