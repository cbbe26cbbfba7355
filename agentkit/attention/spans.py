"""Where the labelled parts of a prompt lie among its tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..content import Image
from ..errors import UsageError

if TYPE_CHECKING:
    from ..content import Label, Trust

MARKS = ("trusted", "untrusted")


@dataclass(frozen=True)
class Span:
    """The tokens of one part of a prompt.

    ``tokens``: ascending token indices (int64). A text's are contiguous; an image's are its image tokens alone,
    without row marks and wrappers. ``grid``: (height, width) of an image's tokens, None for text; a picture cut
    into tiles has the grid of its whole view, whose first token is number ``first`` of the image's. ``view``: the
    box of the image (left, top, right, bottom in its pixels) that the grid covers; it may reach beyond the image.
    """

    label: Label
    trust: Trust
    tokens: np.ndarray
    image: Image | None = None
    grid: tuple[int, int] | None = None
    first: int = 0
    view: tuple[float, float, float, float] | None = None

    @property
    def cells(self) -> np.ndarray:
        """The tokens of the grid, row by row (all tokens where no grid is known)."""
        if self.grid is None:
            return self.tokens
        return self.tokens[self.first : self.first + self.grid[0] * self.grid[1]]


@dataclass(frozen=True)
class Spans:
    """The spans of a whole prompt, in order."""

    parts: tuple[Span, ...]

    def find(self, what: str | Image) -> np.ndarray:
        """Return the ascending token indices of a label, a trust mark or an image.

        Raises ``UsageError`` when no part of the prompt is of that kind, or when such parts have no token.
        """
        found = [part for part in self.parts if _is(part, what)]
        if not found:
            raise UsageError(
                f"no part of the prompt is {_say(what)}", mend=f"the prompt has {', '.join(self.names())}"
            )
        tokens = np.concatenate([part.tokens for part in found])
        if tokens.size == 0:
            raise UsageError(f"the part that is {_say(what)} has no tokens: it is empty")
        return np.unique(tokens)

    def image(self, image: Image) -> Span:
        """Return the first span of an image. Raises ``UsageError`` when it is not in the prompt."""
        self.find(image)
        return next(part for part in self.parts if part.image == image)

    def names(self) -> list[str]:
        """Return what ``find`` knows in this prompt: labels, marks, and images by digest."""
        labels = dict.fromkeys(part.label for part in self.parts)
        marks = dict.fromkeys(part.trust for part in self.parts)
        images = dict.fromkeys(_say(part.image) for part in self.parts if part.image is not None)
        return [*labels, *marks, *images]


def _is(part: Span, what: str | Image) -> bool:
    if isinstance(what, Image):
        return part.image == what
    return part.trust == what if what in MARKS else part.label == what


def _say(what: str | Image) -> str:
    if isinstance(what, Image):
        return f"image {what.sha256[:12]}"
    return f"marked {what!r}" if what in MARKS else f"labelled {what!r}"
