"""Backgrounds: photographs from the scikit-image wheel, gradients, noise.

Only files that the wheel itself carries are used (nothing is downloaded). The photographs of the
`eval` split are never seen in training.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from agentkit.errors import MissingExtra

PHOTOS: dict[str, tuple[str, ...]] = {
    "train": (
        "astronaut.png",
        "motorcycle_left.png",
        "motorcycle_right.png",
        "astronaut.png",
        "retina.jpg",
        "hubble_deep_field.jpg",
        "ihc.png",
        "camera.png",
        "coins.png",
        "grass.png",
        "gravel.png",
        "moon.png",
        "cell.png",
        "page.png",
        "clock_motion.png",
    ),
    "eval": ("coffee.png", "chelsea.png", "rocket.jpg", "brick.png"),
}


FIRST_TUNING_SEED = 10_000


def split_of(seed: int) -> str:
    """Which photographs a seed may show: those that training never saw are for evaluation."""
    return "eval" if seed < FIRST_TUNING_SEED else "train"


@lru_cache(maxsize=32)
def photo(name: str) -> Image.Image:
    """One RGB photograph of the scikit-image wheel. Raises MissingExtra without scikit-image."""
    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        raise MissingExtra("scikit-image", "evals")
    return Image.open(Path(spec.origin).parent / "data" / name).convert("RGB")


def background(rng: np.random.Generator, width: int, height: int, split: str = "train") -> Image.Image:
    """A background of `width` x `height` pixels: a photograph at a random scale, a gradient or noise."""
    kind = rng.choice(4, p=[0.7, 0.13, 0.07, 0.1])
    if kind == 0:
        return _photo_crop(rng, width, height, split)
    if kind == 1:
        return _gradient(rng, width, height)
    if kind == 2:
        return _noise(rng, width, height)
    return Image.new("RGB", (width, height), tuple(int(v) for v in rng.integers(0, 256, 3)))


def photo_background(rng: np.random.Generator, width: int, height: int, split: str) -> Image.Image:
    """A large background: most of one photograph, with a second one mixed in as finer texture."""
    base = _photo_crop(rng, width, height, split, least=0.7)
    patch = _photo_crop(rng, max(64, width // 4), max(64, height // 4), split, least=0.7)
    texture = Image.new("RGB", (width, height))
    for left in range(0, width, patch.width):
        for top in range(0, height, patch.height):
            texture.paste(patch, (left, top))
            patch = patch.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return Image.blend(base, texture, float(rng.uniform(0.1, 0.35)))


def _photo_crop(
    rng: np.random.Generator, width: int, height: int, split: str, least: float = 0.0
) -> Image.Image:
    names = PHOTOS[split]
    source = photo(names[int(rng.integers(len(names)))])
    aspect = width / height
    most_high = min(source.height, source.width / aspect)
    low = max(24.0, least * most_high)
    high = float(np.exp(rng.uniform(np.log(low), np.log(max(low + 1, most_high)))))
    wide = high * aspect
    left = rng.uniform(0, max(1e-3, source.width - wide))
    top = rng.uniform(0, max(1e-3, source.height - high))
    box = (left, top, min(left + wide, source.width), min(top + high, source.height))
    picture = source.resize((width, height), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
    if rng.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return _tint(rng, picture)


def _tint(rng: np.random.Generator, picture: Image.Image) -> Image.Image:
    """Per-channel gain and offset; grey photographs get a colour of their own this way."""
    gain = rng.uniform(0.6, 1.2) * rng.uniform(0.8, 1.2, 3)
    offset = rng.uniform(-20, 40) + rng.uniform(-12, 12, 3)
    ramp = np.arange(256)
    table = [np.clip(ramp * gain[c] + offset[c], 0, 255).astype(int) for c in range(3)]
    if rng.random() < 0.15:
        order = rng.permutation(3)
        picture = Image.merge("RGB", [picture.getchannel(int(c)) for c in order])
    return picture.point(np.concatenate(table).tolist())


def _gradient(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    corners = rng.integers(0, 256, (2, 2, 3)).astype(np.uint8)
    return Image.fromarray(corners).resize((width, height), Image.Resampling.BILINEAR)


def _noise(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    cells = int(rng.integers(4, 40))
    base = rng.integers(0, 256, 3)
    spread = rng.uniform(10, 90)
    field = np.clip(base + rng.normal(0, spread, (cells, cells, 3)), 0, 255).astype(np.uint8)
    how = Image.Resampling.BICUBIC if rng.random() < 0.7 else Image.Resampling.NEAREST
    return Image.fromarray(field).resize((width, height), how)
