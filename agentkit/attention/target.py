"""What an edit is compiled against: one prompt of one model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..content import Image
from ..errors import UsageError
from .regions import Region
from .spans import Span, Spans


@dataclass(frozen=True)
class Target:
    """One prompt and the shape of the model.

    ``tokens``: length of the prompt. ``layers``, ``heads``, ``kv_heads``: counts. ``width``: numbers a head.
    ``hidden``: numbers a token. ``bases``: the different bases of its rotary embeddings, none when it has none.
    """

    spans: Spans
    tokens: int
    layers: int
    heads: int
    kv_heads: int
    width: int
    hidden: int
    bases: tuple[float, ...] = ()

    def find(self, what: str | Image | Region) -> np.ndarray:
        """Return the ascending token indices of a label, a trust mark, an image, or the cells of a region.

        Raises ``UsageError`` when the prompt has none of it, or when it has no token.
        """
        if not isinstance(what, Region):
            return self.spans.find(what)
        span, tokens = self.cells(what.image)
        assert span.grid is not None
        assert span.view is not None
        return tokens[what.cells(span.grid, span.view).ravel()]

    def cells(self, image: Image) -> tuple[Span, np.ndarray]:
        """Return the span of an image and the tokens of its grid, row by row.

        Raises ``UsageError`` when the image is not in the prompt or the architecture's grid is not known.
        """
        span = self.spans.image(image)
        if span.grid is None or span.view is None:
            raise UsageError(
                "this model's image tokens form no grid that is known",
                mend="use the whole image as the span, or add the architecture's card",
            )
        return span, span.cells

    def check(self, layers: Sequence[int] | None = None, heads: Sequence[int] | None = None) -> None:
        """Raise ``UsageError`` for layers or heads that the model does not have."""
        for kind, chosen, count in (("layer", layers, self.layers), ("head", heads, self.heads)):
            if chosen is None:
                continue
            wrong = [index for index in chosen if not 0 <= index < count]
            if wrong or not chosen:
                raise UsageError(
                    f"there is no {kind} {wrong[0] if wrong else '(none is named)'}",
                    mend=f"the model has {kind}s 0 to {count - 1}",
                )
