"""Attention on a picture painted by hand: a weight per place, as in TAB's user edits (arXiv 2412.18675)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...content import Image
from ...errors import UsageError
from ..edits import Edit
from ..regions import overlaps

if TYPE_CHECKING:
    from ..primitives import Primitive
    from ..target import Target

# The logarithm of "off": not minus infinity (rows that see nothing else stay finite, and half precision holds it).
OFF = -1e3


@dataclass(frozen=True)
class Paint(Edit):
    """Multiply the attention on each patch of a picture by its own weight and renormalise each row.

    Made by ``Paint.of(image, weights)``. A weight of 1 changes nothing, 0 switches a patch off, more than 1 draws
    attention there; "moving" attention is weights below 1 where it was and above 1 where it should go. ln(weight)
    is added to the patch's column before the softmax.

    TAB lets users edit the map of one bottleneck head of a model that was trained for it; here all heads and layers
    are edited unless ``layers`` or ``heads`` names some. To choose: 0 and 1 first (what if the model did not see
    this?), then weights up to about 10. Pictures that a model cuts into tiles are edited in the whole view only.

    ``grey``: float32 rows of weights, ``shape`` (rows, columns) of them.
    """

    name: ClassVar[str] = "paint"
    source: ClassVar[str] = "user edits of TAB, arXiv 2412.18675"
    needs: ClassVar[tuple[str, ...]] = ("attention", "images")

    image: Image
    grey: bytes
    shape: tuple[int, int]
    layers: tuple[int, ...] | None = None
    heads: tuple[int, ...] | None = None

    @classmethod
    def of(
        cls,
        image: Image,
        weights: np.ndarray | Sequence[Sequence[float]] | Image,
        *,
        scale: float = 1.0,
        layers: tuple[int, ...] | None = None,
        heads: tuple[int, ...] | None = None,
    ) -> Paint:
        """Return the edit of weights: an array (rows, columns), or a picture whose grey (0 to 255) means 0 to 1.

        The array has the picture's own size (height, width), or one weight a cell of the model's grid; ``scale``
        multiplies all weights. Raises ``UsageError`` for weights that are negative or not finite, and for a picture
        of another size; an array that fits neither size is an error when the edit is used.
        """
        if isinstance(weights, Image):
            if weights.size != image.size:
                raise UsageError(f"a mask of {weights.size} px does not fit a picture of {image.size} px")
            weights = np.asarray(weights.pixels.convert("L"), np.float32) / 255
        array = np.asarray(weights, np.float32) * np.float32(scale)
        if array.ndim != 2 or array.size == 0:
            raise UsageError(f"weights are an array (rows, columns), got the shape {array.shape}")
        if not np.isfinite(array).all() or array.min() < 0:
            raise UsageError("weights of attention are finite and not negative")
        return cls(image, array.tobytes(), (array.shape[0], array.shape[1]), layers, heads)

    def weights(self) -> np.ndarray:
        """Return the weights as given (rows, columns, float32)."""
        return np.frombuffer(self.grey, np.float32).reshape(self.shape)

    def cells(self, grid: tuple[int, int], view: tuple[float, float, float, float]) -> np.ndarray:
        """Return a weight per cell (height, width): as given, or the mean over the part of the picture it covers.

        Cells that lie wholly beside the picture (padding) have weight 1. Raises ``UsageError`` for a wrong size.
        """
        width, height = self.image.size
        if self.shape == grid:
            return self.weights()
        if self.shape != (height, width):
            raise UsageError(
                f"weights of {self.shape} fit neither the picture's {(height, width)} pixels nor the model's "
                f"{grid} cells",
                mend="give one weight a pixel (height, width) or one a cell",
            )
        rows = overlaps(grid[0], view[1], view[3], height)
        columns = overlaps(grid[1], view[0], view[2], width)
        covered = rows.sum(1)[:, None] * columns.sum(1)[None]
        total = rows @ self.weights() @ columns.T
        return np.where(covered > 1e-9, total / np.maximum(covered, 1e-9), 1.0)

    def compile(self, target: Target) -> Sequence[Primitive]:
        import torch

        from ..primitives import KeyBias

        target.check(self.layers, self.heads)
        span, tokens = target.cells(self.image)
        assert span.grid is not None
        assert span.view is not None
        factors = self.cells(span.grid, span.view).ravel().astype(np.float64)
        biases = np.log(np.maximum(factors, math.exp(OFF / 2)))
        biases[factors == 0] = OFF
        value = torch.from_numpy(biases.astype(np.float32))
        return (KeyBias(tokens, value, layers=self.layers, heads=self.heads),)

    def describe(self) -> dict[str, Any]:
        """Return the edit as plain data, the weights by their digest."""
        told = {"weights": hashlib.sha256(self.grey).hexdigest(), "shape": list(self.shape)}
        where = {"layers": self.layers, "heads": self.heads}
        return {"edit": self.name, "image": {"image": self.image.sha256}} | told | where
