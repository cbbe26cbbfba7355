"""A screenshot as a short vector: where on the page there are edges, and in which direction."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from agentkit.content import Image
from agentkit.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

# The name of the description and its version: vectors of another one are not comparable.
SCREEN = "edges1"
SIDE, GRID, BINS = 256, 8, 6
DIMENSION = GRID * GRID * BINS
_LARGEST = 255


def describe_screen(image: Image) -> str:
    """Return a picture of a page as text, ``edges1:`` and 384 bytes in base64.

    Histograms of oriented gradients (Dalal and Triggs 2005) over an 8 x 8 grid of the picture scaled to 256 x 256,
    6 directions a cell, square roots, length 1, rounded to bytes. No blocks are normalised: how much there is in
    a cell is what tells pages apart. Measured against hashes and colours in docs/memory.md.
    """
    import numpy as np
    from PIL import Image as Pil

    grey = image.pixels.convert("L").resize((SIDE, SIDE), Pil.Resampling.BOX)
    down, right = np.gradient(np.asarray(grey, np.float32))
    strength = np.hypot(right, down)
    angle = np.arctan2(down, right) % np.pi
    direction = np.minimum((angle / np.pi * BINS).astype(int), BINS - 1)
    cell = SIDE // GRID
    planes = [
        (strength * (direction == number)).reshape(GRID, cell, GRID, cell).sum((1, 3))
        for number in range(BINS)
    ]
    vector = np.sqrt(np.stack(planes, -1)).ravel()
    most = float(vector.max())
    codes = np.round(vector / most * _LARGEST) if most > 0 else vector
    return f"{SCREEN}:{base64.b64encode(codes.astype(np.uint8).tobytes()).decode('ascii')}"


def screen_vector(text: str) -> np.ndarray | None:
    """Return the vector of ``describe_screen``, float32 of length 1; None for a blank page or another version.

    Raises ``UsageError`` when it is damaged.
    """
    import numpy as np

    name, _, codes = text.partition(":")
    if name != SCREEN:
        return None
    try:
        vector = np.frombuffer(base64.b64decode(codes, validate=True), np.uint8).astype(np.float32)
    except ValueError as error:
        raise UsageError(f"the description of a screenshot is damaged: {error}") from error
    if vector.shape != (DIMENSION,):
        raise UsageError(
            f"the description of a screenshot is damaged: {vector.size} numbers, not {DIMENSION}"
        )
    length = float(np.linalg.norm(vector))
    return vector / length if length > 0 else None
