"""HR-Bench's formats: questions about pictures of 4,000 and 8,000 pixels, each asked in four orders of its options.

TSV: a line an order, with ``index``, ``question``, ``A`` to ``D``, ``answer`` (a letter), ``category`` (single or
cross), ``cycle_category`` and ``image`` (base64). JSON, as evaluation code annotates it: a list of objects with
``question``, ``category``, the name of a picture, ``options`` (a text with all lettered options, an order each) and
``answer`` (a letter each); or one text and one letter.

Accuracy is over all orders, and by category. A reply that is not an option's text counts by its first character from A
to D, as published ("Both" is B). Options are shown as their texts; with their letters where two texts are the same.
"""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from agentkit.errors import UsageError

from .item import Item, are_different, sample

LETTERS = "ABCD"
PICTURE_KEYS = ("input_image", "image", "image_path")
_OPTION = re.compile(r"^\s*\(?([A-D])\s*[.):]\s*(.+?)\s*$", re.M)


def judge(item: Item, answer: str) -> int | None:
    """Return the option that an answer means: its text, else the first character from A to D."""
    said = answer.lower().strip(" .")
    for index, option in enumerate(item.options):
        if option.lower().strip(" .") == said:
            return index
    letter = next((character for character in answer if character in LETTERS), None)
    index = -1 if letter is None else LETTERS.index(letter)
    return index if 0 <= index < len(item.options) else None


def load(
    file: Path, images: Path | None, scratch: Path, most: int | None = None, groups: Sequence[str] = ()
) -> list[Item]:
    """Return the items of a file, at most ``most`` of the categories given.

    Pictures that are inside of the file are written into ``scratch``, those of the chosen items only. Raises
    ``UsageError`` for a file that is not in the format, or a picture that is missing.
    """
    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    if file.suffix.lower() == ".json":
        return sample(_annotated(file, images or file.parent), most, groups)
    # Two passes: a file is gigabytes, and most of it is pictures.
    chosen = sample(_listed(file, scratch), most, groups)
    _write_pictures(file, {item.name: item.image for item in chosen})
    return chosen


def _listed(file: Path, scratch: Path) -> Iterator[Item]:
    for row in _rows(file):
        options = tuple(row[letter] for letter in LETTERS if row.get(letter))
        right = LETTERS.find(row["answer"].strip().upper() or "?")
        yield _item(file, row["index"], row, options, right, scratch / _file_name(row["index"]))


def _file_name(index: str) -> str:
    """Return a name for a picture's file; an index is text from a file, and no path."""
    return hashlib.sha256(index.encode()).hexdigest()[:16]


def _write_pictures(file: Path, wanted: dict[str, Path]) -> None:
    for row in _rows(file):
        path = wanted.get(row["index"])
        if path is not None:
            try:
                path.write_bytes(base64.b64decode(row["image"], validate=True))
            except binascii.Error as error:
                raise UsageError(f"{file}: the picture of item {row['index']} is not base64") from error


def _rows(file: Path) -> Iterator[dict[str, str]]:
    csv.field_size_limit(sys.maxsize)
    needed = {"index", "question", "A", "B", "answer", "category", "image"}
    with file.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines, delimiter="\t")
        if missing := sorted(needed - set(reader.fieldnames or ())):
            raise UsageError(f"{file} is not HR-Bench's TSV: it has no column {missing[0]!r}")
        yield from reader


def _annotated(file: Path, images: Path) -> Iterator[Item]:
    try:
        entries: Any = json.loads(file.read_text("utf-8"))
        if not isinstance(entries, list):
            raise TypeError("not a list")
        for number, entry in enumerate(entries):
            texts, letters = entry["options"], entry["answer"]
            orders = [(texts, letters)] if isinstance(texts, str) else list(zip(texts, letters, strict=True))
            picture = images / next(str(entry[key]) for key in PICTURE_KEYS if key in entry)
            for order, (text, letter) in enumerate(orders):
                lettered = dict(_OPTION.findall(text))
                right = list(lettered).index(letter) if letter in lettered else -1
                yield _item(file, f"{number}/{order}", entry, tuple(lettered.values()), right, picture)
    except (ValueError, KeyError, TypeError, StopIteration) as error:
        raise UsageError(f"{file} is not HR-Bench's JSON: {type(error).__name__} {error}") from error


def _item(
    file: Path, name: str, row: dict[str, Any], options: tuple[str, ...], right: int, image: Path
) -> Item:
    if len(options) < 2 or not 0 <= right < len(options):
        raise UsageError(f"{file}: item {name} lacks options, or its answer is not among them")
    if not are_different(options):
        options = tuple(f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False))
    return Item(name, str(row["category"]), image, str(row["question"]), options, right)
