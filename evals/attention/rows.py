"""The rows of an evaluation: one an item and method, kept in a file as they are made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from agentkit.content.message import dump

from .family import Item

NAME = "rows.jsonl"
KEY = ("family", "method", "note", "model", "weights", "seed", "prompt")

Row = dict[str, Any]
Key = tuple[Any, ...]


def prompt_digest(item: Item) -> str:
    """Return a digest of what an item asks: a row of another version of the item is not its row."""
    asked = [dump(item.messages), item.options, item.tokens]
    return hashlib.sha256(json.dumps(asked, ensure_ascii=False).encode()).hexdigest()[:12]


class Rows:
    """Rows by their key, in ``rows.jsonl`` of a folder (None keeps them in memory only).

    A file whose last line is broken off (a killed process, a full disk) loses that line and no other.
    """

    def __init__(self, folder: Path | None) -> None:
        self._file = None if folder is None else folder / NAME
        self._known: dict[Key, Row] = {}
        if self._file is not None and self._file.is_file():
            self._load(self._file)

    def find(self, wanted: Row) -> Row | None:
        """Return the row with the same key, None when there is none."""
        return self._known.get(_key(wanted))

    def add(self, rows: Iterable[Row]) -> None:
        """Keep rows, all in one write."""
        rows = list(rows)
        if self._file is not None and rows:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as file:
                file.write("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        self._known |= {_key(row): row for row in rows}

    def _load(self, file: Path) -> None:
        data = file.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            file.write_bytes(whole)
        rows: Sequence[Row] = [json.loads(line) for line in whole.decode("utf-8").splitlines()]
        self._known = {_key(row): row for row in rows}


def _key(row: Row) -> Key:
    return tuple(row[name] for name in KEY)
