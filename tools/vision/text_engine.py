"""Finds and reads text with RapidOCR (PP-OCR models that lie in its package), one piece of a picture at a time."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from agentkit.errors import MissingExtra

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image as PILImage

Quad: TypeAlias = tuple[tuple[float, float], ...]

# The detector's network takes sides that are multiples of this.
STEP = 32
# Plain pixels around a piece, so that text that touches its border has a background on every side.
MARGIN = 16
# The recogniser shrinks a line to 48 pixels of height without smoothing: a higher one is shrunk properly before.
HIGH = 96
READ_HEIGHT = 64
# A line that is read with less confidence is read upside down, too, which must then be so much surer.
UPRIGHT, SURER = 0.85, 0.1
# The detector's score of a place that is text; RapidOCR's own 0.5 overlooks small words.
THRESHOLD = 0.3


def detect(piece: PILImage) -> list[Quad]:
    """Return the corners (x, y) in pixels of each place that looks like text: from the left top, clockwise.

    The piece is not scaled: its cost grows with its area, and letters from about 8 to 300 pixels are seen.
    """
    import numpy as np

    found = _detector()(_padded(piece), use_det=True, use_cls=False, use_rec=False, box_thresh=THRESHOLD)
    if found.boxes is None:
        return []
    limit = np.asarray(piece.size, dtype=float)
    quads = np.clip(np.asarray(found.boxes, dtype=float) - MARGIN, 0.0, limit)
    return [tuple((float(x), float(y)) for x, y in quad) for quad in quads]


def recognise(line: PILImage) -> tuple[str, float]:
    """Return what a line of text says, and how sure the reader is (0..1); text upside down is read, too."""
    from PIL import Image as Pillow

    if line.height > HIGH:
        size = (max(round(line.width * READ_HEIGHT / line.height), 1), READ_HEIGHT)
        line = line.resize(size, Pillow.Resampling.BICUBIC, reducing_gap=3.0)
    text, sure = _recognise(line)
    if sure >= UPRIGHT:
        return text, sure
    # PP-OCR's own classifier of orientation turns one short word in ten that stands upright.
    turned, surer = _recognise(line.transpose(Pillow.Transpose.ROTATE_180))
    return (turned, surer) if surer > sure + SURER else (text, sure)


def _recognise(line: PILImage) -> tuple[str, float]:
    found = _recogniser()(_array(line), use_det=False, use_cls=False, use_rec=True)
    return (str(found.txts[0]).strip(), float(found.scores[0])) if found.txts else ("", 0.0)


def _padded(piece: PILImage) -> np.ndarray:
    """Return the piece on a ground of its median colour, with a margin, in a size that is not scaled any more."""
    import numpy as np

    pixels = _array(piece)
    height, width = (-(-(side + 2 * MARGIN) // STEP) * STEP for side in pixels.shape[:2])
    # Every eighth pixel of a large piece is enough to know the ground.
    sample = pixels[:: max(pixels.shape[0] // 120, 1), :: max(pixels.shape[1] // 120, 1)]
    ground = np.median(sample.reshape(-1, 3), axis=0).astype(np.uint8)
    canvas = np.empty((height, width, 3), dtype=np.uint8)
    canvas[:] = ground
    canvas[MARGIN : MARGIN + piece.height, MARGIN : MARGIN + piece.width] = pixels
    return canvas


def _array(piece: PILImage) -> np.ndarray:
    import numpy as np

    # RapidOCR takes arrays in the order blue, green, red.
    return np.ascontiguousarray(np.asarray(piece)[:, :, ::-1])


@lru_cache(maxsize=1)
def _detector() -> Any:
    return _engine({"Det.limit_side_len": STEP})


@lru_cache(maxsize=1)
def _recogniser() -> Any:
    return _engine({})


def _engine(settings: dict[str, Any]) -> Any:
    """Return an engine that scales nothing by itself. It keeps its last flags: one engine a purpose."""
    try:
        from rapidocr import RapidOCR
    except ImportError as error:
        raise MissingExtra("rapidocr", "vision") from error
    threads = int(os.environ.get("AGENTKIT_THREADS") or 0)
    return RapidOCR(
        params={
            "Global.log_level": "error",
            "Global.use_preprocess_img": False,
            "Global.use_vertical_padding": False,
            "EngineConfig.onnxruntime.intra_op_num_threads": threads or -1,
            **settings,
        }
    )
