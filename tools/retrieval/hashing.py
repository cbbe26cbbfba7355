"""Perceptual hashes: the same picture after scaling, another format, or light editing (pHash).

The low frequencies of the discrete cosine transform of the grey picture at 32 x 32, each against their median
(Zauner, *Implementation and Benchmarking of Perceptual Image Hash Functions*, 2010).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from agentkit.content import Image

SIDE = 32
KEPT = 8
BITS = KEPT * KEPT
# Two pictures whose hashes differ in at most this many of 64 bits are taken for the same one.
SAME = 8


def perceptual_hash(image: Image) -> int:
    """Return 64 bits as a signed integer (as SQLite keeps it). Raises ``ImageError`` for a broken picture."""
    from PIL import Image as Pillow

    grey = image.pixels.convert("L").resize((SIDE, SIDE), Pillow.Resampling.LANCZOS)
    basis = _cosines()
    low = (basis @ np.asarray(grey, np.float64) @ basis.T)[:KEPT, :KEPT].ravel()
    # The first coefficient is the mean brightness, which says nothing of the picture.
    bits = low > np.median(low[1:])
    return int(np.packbits(bits).view(">i8")[0])


def distances(value: int, others: np.ndarray) -> np.ndarray:
    """Return the number of bits in which ``value`` differs from each of ``others`` (int64)."""
    return np.bitwise_count(np.bitwise_xor(others, np.int64(value)))


@lru_cache(maxsize=1)
def _cosines() -> np.ndarray:
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    return np.cos(np.pi * rows * (2 * columns + 1) / (2 * SIDE))
