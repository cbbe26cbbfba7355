"""Answers that are written in the picture: what is found is read, instead of asking a model that may not read."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence

from agentkit.content import Box, Image
from agentkit.errors import MissingExtra

from ...tools.vision import PageReader, TextLine
from .geometry import close_up

ASKS = re.compile(
    r"\b(written|writing|read|reads|say|says|text|texts|word|words|spell|spells|spelled|inscription|caption)\b"
)
# What is read is shown a little larger than its box, enlarged so that low letters are legible to the reader.
AROUND = (1.4, 2.0, 3.0)
LEGIBLE_SIDE = 480
MOST_TIMES = 4.0
# How alike (0..1) an option must be to what was read, and how much more than the next one.
ALIKE, AHEAD = 0.6, 0.1


def asks_text(question: str) -> bool:
    """Return whether a question asks for words that are written somewhere."""
    return ASKS.search(question.lower()) is not None


def can_read() -> bool:
    """Return whether a reader is installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("rapidocr", "rapidfuzz"))


async def read(image: Image, box: Box) -> list[TextLine]:
    """Return the lines of text that reach into a region (boxes in pixels of the original).

    None without a reader installed. A box may cut what it holds: where nothing is read, more around it is shown.
    """
    for around in AROUND:
        lines = await _read(image, close_up(box, image.size, around))
        if found := [line for line in lines if line.box.intersection(box) > 0.3 * line.box.area]:
            return found
    return []


async def _read(image: Image, shown: Box) -> list[TextLine]:
    from PIL import Image as Pillow

    crop = image.crop(shown)
    times = min(max(LEGIBLE_SIDE / max(crop.size), 1.0), MOST_TIMES)
    width, height = (max(round(side * times), 1) for side in crop.size)
    larger = Image.of_pixels(crop.pixels.resize((width, height), Pillow.Resampling.BICUBIC))
    try:
        page = await PageReader(larger).aread()
    except MissingExtra:
        return []
    left, top = crop.box.left, crop.box.top
    return [
        TextLine(line.text, line.box.scale(1 / times).shift(left, top), line.confidence)
        for line in page.lines
    ]


def option_read(lines: Sequence[TextLine], options: Sequence[str]) -> tuple[str, float] | None:
    """Return the option that was read and how sure that is (0..1), None when none or several could be meant."""
    from rapidfuzz import fuzz

    texts = [_plain(line.text) for line in lines]
    sure = [line.confidence for line in lines]
    if len(lines) > 1:
        texts.append("".join(texts))
        sure.append(min(sure))
    ranked = sorted(
        (
            max(
                (fuzz.ratio(text, _plain(option)) / 100 * c for text, c in zip(texts, sure, strict=True)),
                default=0.0,
            ),
            -index,
        )
        for index, option in enumerate(options)
    )
    best, place = ranked[-1]
    second = ranked[-2][0] if len(ranked) > 1 else 0.0
    return (options[-place], best) if best >= ALIKE and best - second >= AHEAD else None


def _plain(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())
