"""Which part of a picture an image processor lets a model see."""

from __future__ import annotations

from typing import Any

from ..attention.architectures import PICTURE


def view_of(
    processor: Any, size: tuple[int, int], squared: bool | None = None
) -> tuple[float, float, float, float]:
    """Return the box (left, top, right, bottom, in pixels of a picture of (width, height)) that the model sees.

    Read off the processor's settings: padded to a square (the box reaches beyond the picture), cropped about the
    centre (it is smaller), or resized whole. ``squared``: what is known beside the settings.
    """
    width, height = size
    if squared is None:
        squared = bool(getattr(processor, "do_pad", False)) and hasattr(processor, "pad_to_square")
    if squared:
        side = max(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        return left, top, left + side, top + side
    if not getattr(processor, "do_center_crop", False):
        return 0.0, 0.0, float(width), float(height)
    crop, resized = processor.crop_size, processor.size
    if getattr(resized, "shortest_edge", None):
        across = down = resized.shortest_edge / min(width, height)
    else:
        across, down = resized.width / width, resized.height / height
    half_width, half_height = crop.width / across / 2, crop.height / down / 2
    return width / 2 - half_width, height / 2 - half_height, width / 2 + half_width, height / 2 + half_height


def fixed_side(processor: Any, model_type: str) -> int | None:
    """Return the longest side in pixels that a model sees of any picture, None where it grows with the picture."""
    card = PICTURE.get(model_type)
    if card is None or card.grid != "square":
        return None
    size = processor.size
    sides = (getattr(size, name, None) for name in ("shortest_edge", "height", "width"))
    return max((side for side in sides if side), default=None)
