"""What a camera, a resize and a JPEG file do to a picture."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter


def develop(rng: np.random.Generator, picture: Image.Image) -> Image.Image:
    """The picture after random resampling, blur or sharpening, noise, contrast and JPEG coding."""
    width, height = picture.size
    if rng.random() < 0.3:
        shrink = rng.uniform(0.55, 1.0)
        small = (max(8, int(width * shrink)), max(8, int(height * shrink)))
        picture = picture.resize(small, Image.Resampling.BILINEAR).resize(
            (width, height), Image.Resampling.BICUBIC
        )
    choice = rng.random()
    if choice < 0.2:
        picture = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.2, 0.8))))
    elif choice < 0.35:
        picture = picture.filter(ImageFilter.UnsharpMask(1.0, int(rng.integers(30, 120)), 2))
    if rng.random() < 0.3:
        picture = ImageEnhance.Contrast(picture).enhance(float(rng.uniform(0.85, 1.15)))
        picture = ImageEnhance.Brightness(picture).enhance(float(rng.uniform(0.9, 1.1)))
    if rng.random() < 0.4:
        grain = rng.standard_normal((height, width, 3), dtype=np.float32) * rng.uniform(1, 9)
        picture = Image.fromarray(np.clip(np.asarray(picture) + grain, 0, 255).astype(np.uint8))
    if rng.random() < 0.3:
        buffer = BytesIO()
        picture.save(buffer, "JPEG", quality=int(rng.integers(50, 96)))
        picture = Image.open(buffer).convert("RGB")
    return picture
