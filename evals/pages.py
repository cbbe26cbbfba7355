"""Text in pages of 6,000 pixels: how much of what one OCR pass over the whole page misses is found in tiles.

    python -m agentkit.evals.pages [--seeds 10000:10012] [--size 6000x4000] [--out rows.jsonl]
    agentkit eval pages [--items PAGES]

A page is paper with photographs and lines of words from 9 to 170 pixels of font size, at known places. A word counts
as found when a line that was read at its place holds its letters and digits. "One pass" is RapidOCR with its own
settings on the whole page, which it shrinks to 2,000 pixels. Seeds from 10000 to 19999 are for tuning.
"""

from __future__ import annotations

import argparse
import json
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from agentkit.config import Settings
from agentkit.content import Box, Image
from agentkit.contracts.evaluation import Evaluation, Metric

from ..tools.vision import PageReader, TextLine
from .intervals import average, proportion
from .keep import keep
from .scenes.photos import photo_background

SIZE = (6000, 4000)
PAGES = 12
TUNING = 10_000
# Font sizes in pixels, evenly spread over their logarithm; what one pass sees begins at about 25.
SMALLEST, LARGEST = 9, 170
LINES = 60
# Bands of the letters' size that the table has.
BANDS = ((9, 14), (14, 24), (24, 48), (48, 171))
# Letters that are told apart at every size: no 0 beside O, no 1 beside I and l.
LETTERS, DIGITS = "ABCDEFGHKMNPRTWXY", "2345678"
WORDS = [
    "harbour",
    "station",
    "window",
    "ticket",
    "platform",
    "garden",
    "kettle",
    "Monday",
    "market",
    "bridge",
    "river",
    "castle",
    "mountain",
    "village",
    "summer",
    "winter",
    "paper",
    "printer",
    "energy",
    "battery",
    "weight",
    "height",
    "number",
    "street",
    "corner",
    "museum",
    "library",
    "concert",
    "theatre",
    "kitchen",
    "bakery",
    "butter",
    "pepper",
    "orange",
    "banana",
    "carrot",
    "potato",
    "measure",
    "method",
    "result",
    "figure",
    "table",
    "column",
    "chapter",
    "author",
    "volume",
    "journal",
    "science",
    "pattern",
    "machine",
    "engine",
    "motor",
    "signal",
    "circuit",
    "current",
    "voltage",
    "sensor",
    "camera",
    "picture",
    "colour",
    "shadow",
    "mirror",
    "letter",
    "parcel",
    "postage",
    "address",
    "country",
    "border",
    "customs",
    "journey",
    "airport",
    "runway",
    "captain",
    "sailor",
    "anchor",
    "island",
    "desert",
    "forest",
    "meadow",
    "orchard",
    "farmer",
    "tractor",
    "harvest",
    "weather",
    "thunder",
    "rainbow",
    "morning",
    "evening",
    "midnight",
    "calendar",
    "schedule",
    "meeting",
    "office",
    "manager",
    "worker",
    "teacher",
    "student",
    "lesson",
    "answer",
    "question",
]


@dataclass(frozen=True)
class Word:
    """A word of a page. ``box``: pixels, left-top-right-bottom, of its ink. ``size``: of its font, in pixels."""

    text: str
    box: Box
    size: int


def make_page(seed: int, size: tuple[int, int] = SIZE) -> tuple[Pillow.Image, list[Word]]:
    """Return the page of a seed (RGB, (width, height)) and its words."""
    rng = np.random.default_rng(seed)
    paper = tuple(int(v) for v in rng.integers(215, 256, 3))
    page = Pillow.new("RGB", size, paper)
    taken = [_photo(rng, page) for _ in range(2)]
    words: list[Word] = []
    for _ in range(LINES):
        words += _line(rng, page, taken)
    return page, words


def _photo(rng: np.random.Generator, page: Pillow.Image) -> Box:
    width, height = page.width // 5, page.height // 5
    left, top = int(rng.integers(page.width - width)), int(rng.integers(page.height - height))
    page.paste(photo_background(rng, width, height, "train"), (left, top))
    return Box(left, top, left + width, top + height)


def _line(rng: np.random.Generator, page: Pillow.Image, taken: list[Box]) -> list[Word]:
    """Draw a line of one to eight words where there is room, and return them; nothing when there is none."""
    size = round(float(np.exp(rng.uniform(np.log(SMALLEST), np.log(LARGEST)))))
    font = ImageFont.load_default(size)
    texts = [_text(rng) for _ in range(int(rng.integers(1, 9)))]
    draw = ImageDraw.Draw(page)
    while draw.textlength(" ".join(texts), font=font) > page.width * 0.9:
        texts.pop()
    width, height = draw.textlength(" ".join(texts), font=font), size * 1.3
    for _ in range(50):
        left = float(rng.integers(1, max(int(page.width - width), 2)))
        top = float(rng.integers(1, max(int(page.height - height), 2)))
        frame = Box(left, top, left + width, top + height)
        if all(frame.grow(1.1).at_least(width + size, 2 * height).intersection(box) <= 0 for box in taken):
            break
    else:
        return []
    taken.append(frame)
    ink = tuple(int(v) for v in rng.integers(0, 110, 3))
    words = []
    for text in texts:
        draw.text((left, top), text, fill=ink, font=font)
        words.append(Word(text, Box(*map(float, draw.textbbox((left, top), text, font=font))), size))
        left += draw.textlength(text + " ", font=font)
    return words


def _text(rng: np.random.Generator) -> str:
    if rng.random() < 0.75:
        word = WORDS[int(rng.integers(len(WORDS)))]
        return (word, word.capitalize(), word.upper())[int(rng.integers(3))]
    letters = "".join(LETTERS[int(i)] for i in rng.integers(len(LETTERS), size=int(rng.integers(1, 4))))
    return letters + "".join(DIGITS[int(i)] for i in rng.integers(len(DIGITS), size=int(rng.integers(2, 5))))


def found(words: Sequence[Word], lines: Sequence[TextLine]) -> list[bool]:
    """Return for each word whether a line at its place holds it."""
    plain = [letters(line.text) for line in lines]
    return [
        any(
            line.box.intersection(word.box) > 0.5 * word.box.area and letters(word.text) in text
            for line, text in zip(lines, plain, strict=True)
        )
        for word in words
    ]


def letters(text: str) -> str:
    """Return a text's letters and digits, in small letters."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def one_pass(page: Pillow.Image) -> list[TextLine]:
    """Return what RapidOCR reads on a whole page with its own settings."""
    from rapidocr import RapidOCR

    engine = RapidOCR(
        params={"Global.log_level": "error", "EngineConfig.onnxruntime.intra_op_num_threads": 1}
    )
    read: Any = engine(np.ascontiguousarray(np.asarray(page)[:, :, ::-1]))
    if read.boxes is None or read.txts is None or read.scores is None:
        return []
    return [
        TextLine(text, Box(*map(float, (*corners.min(axis=0), *corners.max(axis=0)))), float(score))
        for corners, text, score in zip(read.boxes, read.txts, read.scores, strict=True)
    ]


def run_page(seed: int, size: tuple[int, int] = SIZE) -> dict[str, Any]:
    """Return the row of a page: each word with how it was found, looks, seconds."""
    page, words = make_page(seed, size)
    image = Image.of_pixels(page)
    start = time.perf_counter()
    once = found(words, one_pass(page))
    middle = time.perf_counter()
    reader = PageReader(image)
    read = reader.read()
    seconds = time.perf_counter() - middle
    tiled = found(words, read.lines)
    return {
        "seed": seed,
        "tiles": read.tiles,
        "blank": read.blank,
        "looks": reader.looks,
        "seconds": round(seconds, 2),
        "seconds_once": round(middle - start, 2),
        "lines": len(read.lines),
        "false": sum(not _true(line, words) for line in read.lines),
        "twice": sum(_times(word, read.lines) > 1 for word in words),
        "words": [
            {"text": w.text, "size": w.size, "once": a, "tiles": b}
            for w, a, b in zip(words, once, tiled, strict=True)
        ],
    }


def _true(line: TextLine, words: Sequence[Word]) -> bool:
    """Whether a line holds at least one of the words at its place."""
    text = letters(line.text)
    return any(line.box.intersection(w.box) > 0.5 * w.box.area and letters(w.text) in text for w in words)


def _times(word: Word, lines: Sequence[TextLine]) -> int:
    return sum(
        line.box.intersection(word.box) > 0.5 * word.box.area and letters(word.text) in letters(line.text)
        for line in lines
    )


def rows_of(
    seeds: Iterable[int],
    size: tuple[int, int] = SIZE,
    out: Path | None = None,
    say: Callable[[str], None] = print,
) -> Iterator[dict[str, Any]]:
    """Return one row a page; ``out`` keeps them, and pages that it holds already are not read again."""
    known = {}
    if out is not None and out.exists():
        known = {row["seed"]: row for row in map(json.loads, out.read_text("utf-8").splitlines())}
    for seed in seeds:
        row = known.get(seed)
        if row is None:
            row = run_page(seed, size)
            if out is not None:
                out.parent.mkdir(parents=True, exist_ok=True)
                with out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
        missed = [word for word in row["words"] if not word["once"]]
        say(
            f"page {seed}: {sum(w['tiles'] for w in missed)} of {len(missed)} words that one pass misses, "
            f"{row['looks']} tiles, {row['seconds']} s"
        )
        yield row


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Metric]:
    """Return the share of missed words that the tiles found, of all words either way, by size, and the costs."""
    words = [word for row in rows for word in row["words"]]
    missed = [word for word in words if not word["once"]]
    metrics = {
        "missed by one pass, found": proportion(sum(w["tiles"] for w in missed), len(missed)),
        "all words, one pass": proportion(sum(w["once"] for w in words), len(words)),
        "all words, tiles": proportion(sum(w["tiles"] for w in words), len(words)),
    }
    for low, high in BANDS:
        band = [word for word in words if low <= word["size"] < high]
        for way in ("once", "tiles"):
            share = proportion(sum(w[way] for w in band), len(band))
            metrics[f"font {low}-{high - 1} px, {'one pass' if way == 'once' else 'tiles'}"] = share
    lines = sum(row["lines"] for row in rows)
    metrics["words read twice"] = proportion(sum(row["twice"] for row in rows), len(words))
    metrics["lines without a word"] = proportion(sum(row["false"] for row in rows), lines)
    metrics["tiles looked at"] = average([row["looks"] for row in rows])
    metrics["seconds"] = average([row["seconds"] for row in rows])
    metrics["seconds, one pass"] = average([row["seconds_once"] for row in rows])
    return metrics


def evaluate(
    settings: Settings,
    out: Path | None,
    *,
    items: int | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Evaluation:
    """``agentkit eval pages``: tuning pages; ``items`` is their number."""
    kept = None if out is None else out / "rows.jsonl"
    rows = list(rows_of(range(TUNING, TUNING + (items or PAGES)), out=kept, say=say))
    found_words = Evaluation(
        name="pages", model="rapidocr", items=len(rows), metrics=summary(rows), rows=rows
    )
    return keep(found_words, out)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", default=f"{TUNING}:{TUNING + PAGES}", help="first:end")
    parser.add_argument("--size", default="{}x{}".format(*SIZE))
    parser.add_argument("--out", type=Path, default=None)
    given = parser.parse_args()
    first, _, end = given.seeds.partition(":")
    width, _, height = given.size.partition("x")
    rows = list(rows_of(range(int(first), int(end)), (int(width), int(height)), given.out))
    for name, value in summary(rows).items():
        print(f"{name:28} {value.mean:7.3f} [{value.low:.3f}, {value.high:.3f}] n={value.n}")


if __name__ == "__main__":
    main()
