"""Rows of an evaluation in a JSONL file, as they come: what was stopped goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


class Kept:
    """The rows of a file in a folder (made if missing)."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / name
        lines = self._path.read_text("utf-8").splitlines() if self._path.is_file() else []
        self.rows: list[dict[str, Any]] = [json.loads(line) for line in lines]

    def add(self, rows: Iterable[dict[str, Any]]) -> None:
        """Keep rows; a kill before this loses them all, never half of them."""
        made = list(rows)
        with self._path.open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made))
        self.rows += made
