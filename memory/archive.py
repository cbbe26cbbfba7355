"""All that a folder remembers, as one file of JSON lines, and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentkit.errors import UsageError

from .bank import MemoryBank
from .entry import Entry, Match
from .exemplars import ExemplarMemory
from .facts import UserFacts
from .store import Store, parse_lines, read_file, write_file
from .tips import TipMemory

if TYPE_CHECKING:
    from agentkit.models.embed import Embedder

STORES: dict[str, type[Store[Any]]] = {
    store.ENTRY.KIND: store for store in (ExemplarMemory, TipMemory, UserFacts, MemoryBank)
}


class Archive:
    """The stores of a folder, by the kind of what they keep: ``exemplar``, ``tip``, ``fact``, ``step``."""

    def __init__(self, folder: Path | str, *, embedder: Embedder | None = None) -> None:
        self.folder = Path(folder).expanduser()
        self._embedder = embedder
        self._stores: dict[str, Store[Any]] = {}

    def store(self, kind: str) -> Store[Any]:
        """Return the store of a kind. Raises ``UsageError`` when there is no such kind."""
        if kind not in STORES:
            raise UsageError(f"there is no memory of {kind!r}", mend="one of " + ", ".join(STORES))
        if kind not in self._stores:
            if self._embedder is None:
                from agentkit.models.embed import load_embedder

                self._embedder = load_embedder()
            self._stores[kind] = STORES[kind](self.folder, embedder=self._embedder)
        return self._stores[kind]

    def entries(self, kinds: Sequence[str] = ()) -> list[Entry]:
        """Return every entry of some kinds (all), kind by kind, oldest first. A folder that is not there has none."""
        for kind in kinds:
            self.store(kind)
        if not self.folder.is_dir():
            return []
        return [entry for kind in kinds or STORES for entry in self.store(kind).entries()]

    def nearest(self, text: str, k: int, kinds: Sequence[str] = ()) -> list[Match[Entry]]:
        """Return the ``k`` entries of some kinds (all) that are nearest to a text, nearest first."""
        if not self.entries(kinds):
            return []
        found = [match for kind in kinds or STORES for match in self.store(kind).nearest(text, k)]
        return sorted(found, key=lambda match: -match.similarity)[:k]

    def show(self, id: str) -> Entry:
        """Return the entry of an id or the unique start of one. Raises ``UsageError`` when there is none."""
        found = [entry for entry in self.entries() if id and entry.id.startswith(id)]
        if len(found) != 1:
            what = "nothing" if not found else f"{len(found)} entries"
            raise UsageError(f"{self.folder} holds {what} of id {id!r}", mend="agentkit memory list")
        return found[0]

    def forget(self, id: str) -> Entry:
        """Remove an entry and return it."""
        found = self.show(id)
        return self.store(found.KIND).forget(found.id)

    def export(self, file: Path | str, kinds: Sequence[str] = ()) -> dict[str, int]:
        """Write entries as lines of JSON, each with its kind and version; returns how many of each kind."""
        entries = self.entries(kinds)
        lines = [json.dumps(entry.to_line(), ensure_ascii=False) + "\n" for entry in entries]
        write_file(Path(file), "".join(lines))
        return {kind: sum(kind == entry.KIND for entry in entries) for kind in kinds or STORES}

    def load(self, file: Path | str) -> dict[str, int]:
        """Add the entries of a file, whatever their kinds; returns how many of each were new.

        All of it is read before any of it is kept. Raises ``UsageError`` or ``OtherVersion`` naming the line.
        """
        known = {kind: store.ENTRY for kind, store in STORES.items()}
        entries = parse_lines(read_file(Path(file)), str(file), known)
        counts = {}
        for kind in STORES:
            mine = [entry for entry in entries if kind == entry.KIND]
            if mine:
                counts[kind] = self.store(kind).add_all(mine)
        return counts
