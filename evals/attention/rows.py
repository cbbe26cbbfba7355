"""The rows of an evaluation: one an item and method, kept in a file as they are made."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from agentkit.content.message import dump

from ..rows import NAME, Row
from ..rows import Rows as KeyedRows
from .family import Item

KEY = ("family", "method", "note", "model", "weights", "seed", "prompt")

__all__ = ["KEY", "NAME", "Row", "Rows", "prompt_digest"]


def prompt_digest(item: Item) -> str:
    """Return a digest of what an item asks: a row of another version of the item is not its row."""
    asked = [dump(item.messages), item.options, item.tokens]
    return hashlib.sha256(json.dumps(asked, ensure_ascii=False).encode()).hexdigest()[:12]


class Rows(KeyedRows):
    """The rows of families, methods and models, by what each item asks."""

    def __init__(self, folder: Path | None) -> None:
        super().__init__(folder, KEY)
