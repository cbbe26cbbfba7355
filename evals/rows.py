"""Rows of an evaluation: one an item, kept in a file as they are made, so that a killed evaluation goes on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

NAME = "rows.jsonl"

Row = dict[str, Any]


class Rows:
    """Rows by their key (the values of some of their columns), in ``rows.jsonl`` (or a file of another ``name``) of a folder.

    Without a folder they are in memory only. A file whose last line is broken off (a killed process, a full disk)
    loses that line and no other.
    """

    def __init__(self, folder: Path | None, key: Sequence[str], *, name: str = NAME) -> None:
        self.key = tuple(key)
        self._file = None if folder is None else folder / name
        self._known: dict[tuple[Any, ...], Row] = {}
        if self._file is not None and self._file.is_file():
            self._load(self._file)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._known.values())

    def find(self, wanted: Row) -> Row | None:
        """Return the row with the same key, None when there is none."""
        return self._known.get(self._key(wanted))

    def add(self, rows: Iterable[Row]) -> None:
        """Keep rows, all in one write."""
        rows = list(rows)
        if self._file is not None and rows:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as file:
                file.write("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        self._known |= {self._key(row): row for row in rows}

    def _load(self, file: Path) -> None:
        data = file.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            file.write_bytes(whole)
        rows: Sequence[Row] = [json.loads(line) for line in whole.decode("utf-8").splitlines()]
        self._known = {self._key(row): row for row in rows}

    def _key(self, row: Row) -> tuple[Any, ...]:
        return tuple(row[name] for name in self.key)
