"""Where a picture has strokes like those of letters, told from its pixels alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agentkit.content import Box

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

# A stroke is where a pixel differs from the second one to its left or above by more than so many grey levels.
STEP = 12
# Strokes are gathered in cells of this side (pixels); a cell with fewer of them is empty.
CELL, FEW = 32, 3
# Clusters that are nearer to each other than this are one, and a cluster is shown with so much around it (pixels).
APART, AROUND = 64, 32
# With more clusters, or when they cover more than this share of the piece, the piece is looked at as a whole.
MOST, SHARE = 24, 0.5


def strokes(pixels: PILImage) -> np.ndarray:
    """Return a mask (height x width) of the pixels that are part of a stroke's edge."""
    grey = np.asarray(pixels.convert("L"), dtype=np.int16)
    mask = np.zeros(grey.shape, dtype=bool)
    mask[:, 2:] |= np.abs(grey[:, 2:] - grey[:, :-2]) > STEP
    mask[2:] |= np.abs(grey[2:] - grey[:-2]) > STEP
    return mask


def clusters(pixels: PILImage) -> list[Box]:
    """Return where a piece of a picture has strokes: boxes in its pixels, apart from each other.

    Text detectors overlook a lone small word in a large empty piece, and see it in a piece of its own.
    """
    mask = strokes(pixels)
    height, width = mask.shape
    rows, columns = -(-height // CELL), -(-width // CELL)
    padded = np.zeros((rows * CELL, columns * CELL), dtype=bool)
    padded[:height, :width] = mask
    busy = padded.reshape(rows, CELL, columns, CELL).sum(axis=(1, 3)) >= FEW
    whole = Box(0.0, 0.0, float(width), float(height))
    cells = [
        Box(float(x), float(y), x + 1.0, y + 1.0).scale(CELL).clip(whole)
        for y, x in np.argwhere(busy).tolist()
    ]
    if len(cells) * CELL * CELL > SHARE * width * height:
        return [whole]
    found = [
        Box(box.left - AROUND, box.top - AROUND, box.right + AROUND, box.bottom + AROUND).clip(whole)
        for box in _merged(cells)
    ]
    found = _merged(found, apart=0)
    if len(found) > MOST or sum(box.area for box in found) > SHARE * whole.area:
        return [whole]
    return found


def _merged(boxes: list[Box], apart: float = APART) -> list[Box]:
    """Return boxes, those that are nearer than ``apart`` on both axes made one, until none are."""
    merged: list[Box] = []
    for box in boxes:
        joint = box
        while True:
            near = [other for other in merged if _near(joint, other, apart)]
            if not near:
                break
            for other in near:
                merged.remove(other)
                joint = joint.union(other)
        merged.append(joint)
    return merged


def _near(a: Box, b: Box, apart: float) -> bool:
    return (
        a.left < b.right + apart
        and b.left < a.right + apart
        and a.top < b.bottom + apart
        and b.top < a.bottom + apart
    )
