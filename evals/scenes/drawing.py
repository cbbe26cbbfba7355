"""Drawing of objects, hosts and clutter with soft edges, at any size, on a Pillow image."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .vocabulary import COLOUR_RANGES, MUTED_RANGES

Colour = tuple[int, int, int]
Range = tuple[float, float, float, float, float, float]
TEXTURES = ("flat", "flat", "striped", "dotted", "gradient", "outlined")


def pick_colour(rng: np.random.Generator, name: str) -> Colour:
    """A shade of the named colour."""
    return _from_range(rng, COLOUR_RANGES[name])


def pick_muted(rng: np.random.Generator) -> Colour:
    """A shade that no colour word of the vocabulary claims."""
    return _from_range(rng, MUTED_RANGES[int(rng.integers(len(MUTED_RANGES)))])


def _from_range(rng: np.random.Generator, limits: Range) -> Colour:
    hue = rng.uniform(limits[0], limits[1]) % 360 / 360
    red, green, blue = colorsys.hsv_to_rgb(
        hue, rng.uniform(limits[2], limits[3]), rng.uniform(limits[4], limits[5])
    )
    return round(red * 255), round(green * 255), round(blue * 255)


@lru_cache(maxsize=1)
def _outlines() -> dict[str, np.ndarray]:
    """Unit polygons (radius 1, y down) of the shapes that are polygons."""
    star = [
        (math.sin(math.pi * k / 5) * r, -math.cos(math.pi * k / 5) * r) for k, r in enumerate([1.0, 0.42] * 5)
    ]
    t = np.linspace(0, 2 * math.pi, 40, endpoint=False)
    heart = np.stack(
        [
            np.sin(t) ** 3,
            -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)) / 16,
        ],
        axis=1,
    )
    a = 0.34
    cross = [(-a, -1), (a, -1), (a, -a), (1, -a), (1, a), (a, a), (a, 1), (-a, 1), (-a, a), (-1, a)]
    cross += [(-1, -a), (-a, -a)]
    return {
        "square": np.array([(-0.86, -0.86), (0.86, -0.86), (0.86, 0.86), (-0.86, 0.86)]),
        "triangle": np.array([(0, -1), (0.95, 0.75), (-0.95, 0.75)]),
        "star": np.array(star),
        "heart": heart,
        "cross": np.array(cross) * 0.92,
    }


def _mask(shape: str, x: float, y: float, radius: float, angle: float, size: int) -> Image.Image:
    mask = Image.new("L", (size, size), 0)
    draw = ImageDraw.Draw(mask)
    disc = (x - radius, y - radius, x + radius, y + radius)
    if shape in ("circle", "ring", "moon"):
        draw.ellipse(disc, fill=255)
        if shape != "circle":
            hole = radius * (0.52 if shape == "ring" else 0.82)
            away = 0.0 if shape == "ring" else radius * 0.62
            cx, cy = x + away * math.cos(angle), y + away * math.sin(angle)
            draw.ellipse((cx - hole, cy - hole, cx + hole, cy + hole), fill=0)
        return mask
    points = _outlines()[shape]
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    points = points @ turn * radius + (x, y)
    draw.polygon([(float(px), float(py)) for px, py in points], fill=255)
    return mask


def draw_object(
    canvas: Image.Image,
    rng: np.random.Generator,
    shape: str,
    colour: str,
    centre: tuple[float, float],
    radius: float,
    glyph: str | None = None,
) -> tuple[float, float, float, float]:
    """Draws one object on `canvas`; returns its box (left, top, right, bottom), which may leave the canvas.

    `centre` and `radius` are pixels of the canvas. Edges are soft: the figure is drawn larger and
    reduced with a box filter. A figure that would vanish in its surroundings gets an outline.
    """
    scale = 4 if radius < 14 else 2
    left, top = math.floor(centre[0] - radius - 2), math.floor(centre[1] - radius - 2)
    size = math.ceil(2 * radius + 5)
    x, y = (centre[0] - left) * scale, (centre[1] - top) * scale
    angle = rng.uniform(-math.pi, math.pi) if shape == "moon" else rng.uniform(-0.3, 0.3)
    mask = _mask(shape, x, y, radius * scale, angle, size * scale)
    base = pick_colour(rng, colour)
    texture = TEXTURES[int(rng.integers(len(TEXTURES)))] if radius >= 4 else "flat"
    fill = _fill(rng, base, texture, size * scale, radius * scale)
    edge = _edge_colour(canvas, base, (left, top, left + size, top + size))
    if edge is None and texture == "outlined":
        edge = (0, 0, 0) if sum(base) > 300 else (255, 255, 255)
    if edge is not None:
        inner = _mask(shape, x, y, max(0.5, radius * 0.86) * scale, angle, size * scale)
        fill = Image.composite(fill, Image.new("RGB", fill.size, edge), inner)
    if glyph is not None:
        drop = {"triangle": 0.22, "heart": -0.08}.get(shape, 0.0) * radius * scale
        _draw_glyph(fill, glyph, (x, y + drop), glyph_height(shape, radius * scale), base)
    small = mask.reduce(scale)
    canvas.paste(fill.reduce(scale), (left, top), small)
    box = (
        small.point([255 * (v > 100) for v in range(256)]).getbbox() or small.getbbox() or (0, 0, size, size)
    )
    return float(left + box[0]), float(top + box[1]), float(left + box[2]), float(top + box[3])


def _edge_colour(canvas: Image.Image, base: Colour, box: tuple[int, int, int, int]) -> Colour | None:
    """A contrasting outline if the surroundings look like the object, else None."""
    clipped = (max(0, box[0]), max(0, box[1]), min(canvas.width, box[2]), min(canvas.height, box[3]))
    if clipped[2] <= clipped[0] or clipped[3] <= clipped[1]:
        return None
    around = np.asarray(canvas.resize((4, 4), Image.Resampling.BOX, box=clipped), dtype=float).reshape(-1, 3)
    nearest = np.sort(np.abs(around - np.array(base)).sum(axis=1))[4]
    if nearest > 110:
        return None
    return (0, 0, 0) if around.mean() > 110 else (255, 255, 255)


def _fill(rng: np.random.Generator, base: Colour, texture: str, size: int, radius: float) -> Image.Image:
    tile = Image.new("RGB", (size, size), base)
    if texture in ("flat", "outlined"):
        return tile
    black = sum(base) < 100
    other = tuple(min(255, v + 55) if black else int(v * 0.74) for v in base)
    if texture == "gradient":
        ends = np.array([[base], [other]], dtype=np.uint8)
        return Image.fromarray(ends).resize((size, size), Image.Resampling.BILINEAR)
    draw = ImageDraw.Draw(tile)
    pitch = max(3.0, radius * rng.uniform(0.3, 0.6))
    if texture == "striped":
        slope = rng.uniform(-1, 1) * size
        for at in np.arange(-size, 2 * size, pitch):
            draw.line((at, 0, at + slope, size), fill=other, width=max(1, int(pitch * 0.4)))
        return tile
    dot = pitch * 0.22
    for px in np.arange(0, size, pitch):
        for py in np.arange(0, size, pitch):
            draw.ellipse((px - dot, py - dot, px + dot, py + dot), fill=other)
    return tile


@lru_cache(maxsize=256)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def glyph_height(shape: str, radius: float) -> float:
    """Height in pixels of the capital drawn on an object of this radius."""
    return radius * (0.72 if shape == "triangle" else 0.95)


def _draw_glyph(
    tile: Image.Image, glyph: str, centre: tuple[float, float], height: float, base: Colour
) -> None:
    size = max(4, int(height / 0.72))  # a capital is 0.72 of the font size high
    ImageDraw.Draw(tile).text(
        centre,
        glyph.upper(),
        fill=ink_on(base),
        font=_font(size),
        anchor="mm",
        stroke_width=max(0, size // 18),
    )


def ink_on(base: Colour) -> Colour:
    """Black or white, whichever can be read on a colour."""
    light = base[0] * 0.3 + base[1] * 0.59 + base[2] * 0.11
    return (0, 0, 0) if light > 120 else (255, 255, 255)


def fitting_font(text: str, width: float, height: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The largest font in which a line of text stays within `width` and `height` pixels."""
    trial = 100
    left, top, right, bottom = _font(trial).getbbox(text)
    return _font(max(4, int(trial * min(width / (right - left), height / (bottom - top)))))


def draw_host(
    canvas: Image.Image, rng: np.random.Generator, kind: str, centre: tuple[float, float], radius: float
) -> tuple[float, float, float, float]:
    """Draws a host (table, boat, tree or house) in muted colours; returns its box, ltrb, unclipped."""
    scale = 2 if radius < 100 else 1
    size = math.ceil(2 * radius + 4)
    left, top = round(centre[0] - size / 2), round(centre[1] - size / 2)
    tile = Image.new("RGBA", (size * scale, size * scale), (0, 0, 0, 0))
    draw = ImageDraw.Draw(tile)
    unit, middle = radius * scale, size * scale / 2
    main, second = pick_muted(rng), pick_muted(rng)

    def at(*points: float) -> list[float]:
        return [middle + p * unit for p in points]

    if kind == "table":
        draw.rectangle(at(-0.95, -0.3, 0.95, -0.08), fill=main)
        for x in (-0.8, 0.66):
            draw.rectangle(at(x, -0.08, x + 0.14, 0.62), fill=second)
        extent = (-0.95, -0.3, 0.95, 0.62)
    elif kind == "boat":
        draw.polygon(at(-0.95, 0.15, 0.95, 0.15, 0.6, 0.6, -0.6, 0.6), fill=main)
        draw.rectangle(at(-0.05, -0.8, 0.05, 0.15), fill=second)
        draw.polygon(at(0.09, -0.75, 0.09, 0.02, 0.62, 0.02), fill=second)
        extent = (-0.95, -0.8, 0.95, 0.6)
    elif kind == "tree":
        draw.rectangle(at(-0.12, 0.1, 0.12, 0.95), fill=second)
        for x, y, r in ((0, -0.42, 0.5), (-0.38, -0.1, 0.42), (0.38, -0.1, 0.42)):
            draw.ellipse(at(x - r, y - r, x + r, y + r), fill=main)
        extent = (-0.8, -0.92, 0.8, 0.95)
    else:
        draw.rectangle(at(-0.65, -0.25, 0.65, 0.8), fill=main)
        draw.polygon(at(-0.9, -0.25, -0.55, -0.85, 0.55, -0.85, 0.9, -0.25), fill=second)
        draw.rectangle(at(-0.5, 0.3, -0.2, 0.8), fill=second)
        extent = (-0.9, -0.85, 0.9, 0.8)
    small = tile.reduce(scale) if scale > 1 else tile
    canvas.paste(small.convert("RGB"), (left, top), small.getchannel("A"))
    cx, cy = left + size / 2, top + size / 2
    low, high = (
        (cx + extent[0] * radius, cy + extent[1] * radius),
        (
            cx + extent[2] * radius,
            cy + extent[3] * radius,
        ),
    )
    return low[0], low[1], high[0], high[1]


# Where small objects sit at a host: (x low, x high, y low, y high) in radii from its centre.
HOST_SPOTS: dict[str, tuple[float, float, float, float]] = {
    "table": (-0.7, 0.7, -0.5, -0.3),
    "boat": (-0.6, 0.6, 0.1, 0.4),
    "tree": (-0.4, 0.4, -0.5, 0.1),
    "house": (-0.3, 0.45, -0.1, 0.25),
}


def draw_clutter(
    canvas: Image.Image, rng: np.random.Generator, amount: int, unit: float, loud_colours: Sequence[str] = ()
) -> None:
    """Lines, blobs, patches and crooked polygons; `unit` is the size in pixels of a typical one.

    A quarter of them is loud: in one of the named colours, or in any colour when none is named.
    """
    draw = ImageDraw.Draw(canvas)
    for _ in range(amount):
        x, y = rng.uniform(0, canvas.width), rng.uniform(0, canvas.height)
        size = unit * math.exp(rng.normal(0, 0.6))
        loud = rng.random() < 0.25
        colour = _pick_loud(rng, loud_colours) if loud else pick_muted(rng)
        kind = int(rng.integers(4))
        if kind == 0:
            dx, dy = rng.normal(0, 2 * size, 2)
            draw.line((x, y, x + dx, y + dy), fill=colour, width=max(1, int(size * 0.12)))
        elif kind == 1:
            wide = size * rng.uniform(1.6, 3.5) / 2
            draw.ellipse((x - wide, y - size / 2, x + wide, y + size / 2), fill=colour)
        elif kind == 2:
            _paste_patch(canvas, rng, x, y, size)
        else:
            turns = np.sort(rng.uniform(0, 2 * math.pi, int(rng.integers(5, 9))))
            reach = size * rng.uniform(0.25, 1.0, len(turns))
            corners = [(x + r * math.cos(t), y + r * math.sin(t)) for t, r in zip(turns, reach, strict=True)]
            draw.polygon(corners, fill=colour)


def _pick_loud(rng: np.random.Generator, names: Sequence[str]) -> Colour:
    if names:
        return pick_colour(rng, names[int(rng.integers(len(names)))])
    red, green, blue = (int(v) for v in rng.integers(0, 256, 3))
    return red, green, blue


def _paste_patch(canvas: Image.Image, rng: np.random.Generator, x: float, y: float, size: float) -> None:
    """A noisy rectangle, longer than wide so that it is no square."""
    wide, high = max(2, int(size * 1.8)), max(2, int(size * 0.7))
    if rng.random() < 0.5:
        wide, high = high, wide
    field = np.clip(rng.integers(0, 256, 3) + rng.normal(0, 40, (4, 4, 3)), 0, 255).astype(np.uint8)
    canvas.paste(Image.fromarray(field).resize((wide, high)), (int(x), int(y)))
