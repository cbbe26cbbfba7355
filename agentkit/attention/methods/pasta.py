"""PASTA: the attention of chosen heads on everything but a span, scaled down."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from ...errors import UsageError
from ..edits import Edit, SpanName, check_factor
from .places import Place, check_places, layers_by_heads

if TYPE_CHECKING:
    from ..primitives import Primitive
    from ..target import Target


@dataclass(frozen=True)
class Pasta(Edit):
    """Post-hoc attention steering (PASTA, arXiv 2311.02262, section 3): heads attend less to the rest of the prompt.

    In every row of the chosen heads, prompt columns are multiplied by a factor and the row is renormalised (ln of the
    factor is added before the softmax). Columns of generated tokens keep their weight before renormalising.

    - ``exclude``: ``alpha`` on all columns of the prompt outside of the spans. Published default, alpha 0.01.
    - ``include``: 1 / ``alpha`` on the same columns, which is what the published code comes to; alpha is then
      above 1 (100 is exclude's 0.01).
    - ``generation``: ``alpha`` on all columns of the prompt; no span.

    ``spans``: one label, trust mark, image or region, or a tuple of them, which together stay as they are. ``heads``:
    (layer, head) pairs, None for all. Steering all heads is much too strong for most models: choose heads with
    ``agentkit.attention.methods.pasta_fit`` on training items, and alpha on a few of {0.01, 0.03, 0.1, 0.3}.

    Kept: the rest of the prompt includes the template's tokens and the attention sink. Dropped: of several spans the
    published code scales each down as the rest of the others; here the rest is the complement of their union.
    Raises ``UsageError`` for a factor that is not positive and finite, ``include`` with alpha below 1, spans that
    the mode has no use for or that are missing, and heads that the model does not have.
    """

    name: ClassVar[str] = "pasta"
    source: ClassVar[str] = "PASTA, arXiv 2311.02262, section 3"

    spans: SpanName | tuple[SpanName, ...] = ()
    alpha: float = 0.01
    mode: Literal["exclude", "include", "generation"] = "exclude"
    heads: tuple[Place, ...] | None = None

    def __post_init__(self) -> None:
        check_factor(self.alpha)
        if self.mode not in ("exclude", "include", "generation"):
            raise UsageError(
                f"PASTA has no mode {self.mode!r}", mend="it has 'exclude', 'include' and 'generation'"
            )
        if self.mode == "include" and self.alpha < 1:
            raise UsageError(
                f"alpha {self.alpha} would weaken what is included",
                mend="use an alpha above 1 (100 is what 0.01 is to 'exclude'), or the mode 'exclude'",
            )
        if (self.mode == "generation") != (self.spans == ()):
            raise UsageError(f"the mode {self.mode!r} takes {'no span' if self.spans else 'a span'}")

    def compile(self, target: Target) -> Sequence[Primitive]:
        from ..primitives import KeyBias

        rest = self._rest(target)
        value = math.log(self.alpha) * (-1 if self.mode == "include" else 1)
        if self.heads is None:
            return (KeyBias(rest, value),)
        check_places(self.heads, target)
        return tuple(
            KeyBias(rest, value, layers=layers, heads=heads)
            for heads, layers in layers_by_heads(self.heads).items()
        )

    def _rest(self, target: Target) -> np.ndarray:
        everything = np.arange(target.tokens)
        spans = self.spans if isinstance(self.spans, tuple) else (self.spans,)
        found = [target.find(span) for span in spans]
        rest = np.setdiff1d(everything, np.concatenate(found)) if found else everything
        if rest.size == 0:
            raise UsageError("the spans are the whole prompt: nothing is left to attend to less")
        return rest
