"""A store of entries: found again by meaning, bounded, each thing once, open to inspection."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, cast

from agentkit.errors import UsageError

from .collection import check_embedder, open_collection
from .entry import E, Entry, Match, read_line

if TYPE_CHECKING:
    from chromadb import Collection

    from agentkit.models.embed import Embedder

BATCH = 256


class Store(Generic[E]):
    """Entries of one kind in a Chroma collection, embedded by their ``key``.

    ``folder`` None keeps them in this process only. Opened on first use; safe for several threads of one process.
    Above ``capacity`` entries the first of ``leaving`` go. A newer entry with the same ``lesson`` takes the place of
    the older one. Raises ``MissingExtra`` when chromadb or the embedder is not installed, and ``OtherVersion`` when
    the folder was written by another version or embedder (with another embedder, listing, showing and exporting
    still work).
    """

    ENTRY: ClassVar[type[Entry]]
    COLLECTION: ClassVar[str]
    CAPACITY: ClassVar[int] = 2000

    def __init__(
        self,
        folder: Path | str | None = None,
        *,
        embedder: Embedder | None = None,
        capacity: int | None = None,
    ) -> None:
        self.folder = Path(folder).expanduser() if folder is not None else None
        self.capacity = self.CAPACITY if capacity is None else capacity
        if self.capacity < 1:
            raise UsageError(f"a memory holds at least 1 entry, not {capacity}")
        self._embedder = embedder
        self._lock = threading.RLock()
        self._opened: Collection | None = None

    def __len__(self) -> int:
        return self._collection().count()

    # Writing.

    def add(self, entry: E) -> bool:
        """Keep an entry; returns whether it was new (the same content is kept once)."""
        return self.add_all([entry]) == 1

    def add_all(self, entries: Iterable[E]) -> int:
        """Keep entries; returns how many were new."""
        with self._lock:
            collection = self._checked()
            unique = {entry.id: entry for entry in entries}
            known = set(collection.get(ids=list(unique), include=[])["ids"]) if unique else set()
            fresh = self._newest([entry for id, entry in unique.items() if id not in known])
            for start in range(0, len(fresh), BATCH):
                self._insert(fresh[start : start + BATCH])
            self._shrink({entry.id for entry in fresh})
            return len(fresh)

    def forget(self, id: str) -> E:
        """Remove one entry and return it."""
        found = self.show(id)
        self._remove([found.id])
        return found

    def replace(self, old: E, new: E) -> E:
        """Put an entry in the place of another one; returns the new one."""
        with self._lock:
            self._checked()
            self._remove(list({old.id, new.id}))
            self._insert([new])
        return new

    def leaving(self, entries: Sequence[E]) -> list[E]:
        """Return entries in the order in which they leave a memory that is full: here the oldest first."""
        return sorted(entries, key=lambda entry: (entry.created, entry.id))

    # Reading.

    def nearest(self, text: str, k: int, where: Mapping[str, Any] | None = None) -> list[Match[E]]:
        """Return the ``k`` entries nearest to a text, nearest first; ``where`` is a filter on their ``facts``."""
        if k < 1:
            raise UsageError(f"k is at least 1, got {k}")
        with self._lock:
            collection = self._checked()
            count = collection.count()
            if count == 0:
                return []
            found = collection.query(
                query_texts=[text],
                n_results=min(k, count),
                where=cast("Any", where) or None,
                include=["metadatas", "distances"],
            )
        rows = (found["metadatas"] or [[]])[0]
        distances = (found["distances"] or [[]])[0]
        matches = [Match(self._entry(row), 1.0 - float(d)) for row, d in zip(rows, distances, strict=True)]
        return sorted(matches, key=lambda match: (-match.similarity, match.entry.id))

    def entries(self, where: Mapping[str, Any] | None = None) -> list[E]:
        """Return every entry, oldest first; ``where`` is a filter on their ``facts``."""
        rows = self._collection().get(where=cast("Any", where) or None, include=["metadatas"])["metadatas"]
        return sorted(map(self._entry, rows or []), key=lambda entry: (entry.created, entry.id))

    def show(self, id: str) -> E:
        """Return one entry by its id or the unique start of it. Raises ``UsageError`` when there is none."""
        found = [entry for entry in self.entries() if entry.id.startswith(id)] if id else []
        if len(found) != 1:
            kind = self.ENTRY.KIND
            what = f"no {kind}" if not found else f"{len(found)} {kind}s"
            raise UsageError(f"there is {what} {id!r} in {self.folder or 'this memory'}")
        return found[0]

    # To and from files.

    def export(self, file: Path | str) -> int:
        """Write every entry as a line of JSON; returns how many."""
        lines = [json.dumps(entry.to_line(), ensure_ascii=False) + "\n" for entry in self.entries()]
        write_file(Path(file), "".join(lines))
        return len(lines)

    def load(self, file: Path | str) -> int:
        """Add the entries of a JSONL file; returns how many were new.

        All of it is read before any of it is kept. Raises ``UsageError`` or ``OtherVersion`` naming the line.
        """
        kinds = {self.ENTRY.KIND: self.ENTRY}
        return self.add_all(cast("list[E]", parse_lines(read_file(Path(file)), str(file), kinds)))

    # Inside.

    def _newest(self, entries: Sequence[E]) -> list[E]:
        """Return those of new entries that nothing newer with the same lesson stands for; older ones are removed."""
        wanted = {entry.lesson: entry for entry in sorted(entries, key=lambda entry: entry.created)}
        if not wanted:
            return []
        for kept in self.entries({"lesson": {"$in": list(wanted)}}):
            if kept.created > wanted[kept.lesson].created:
                del wanted[kept.lesson]
            else:
                self._remove([kept.id])
        return list(wanted.values())

    def _insert(self, batch: Sequence[E]) -> None:
        self._collection().add(
            ids=[entry.id for entry in batch],
            documents=[entry.key for entry in batch],
            metadatas=[self._row(entry) for entry in batch],
        )

    def _remove(self, ids: Sequence[str]) -> None:
        if ids:
            self._collection().delete(ids=list(ids))

    def _shrink(self, fresh: set[str]) -> None:
        excess = len(self) - self.capacity
        if excess > 0:
            # What was learned last stays, unless it alone is too much.
            order = sorted(self.leaving(self.entries()), key=lambda entry: entry.id in fresh)
            self._remove([entry.id for entry in order[:excess]])

    def _row(self, entry: E) -> dict[str, Any]:
        data = entry.model_dump_json()
        return {
            **entry.facts,
            "lesson": entry.lesson,
            "version": entry.VERSION,
            self.ENTRY.KIND: data,
        }

    def _entry(self, row: Any) -> E:
        data = {**json.loads(str(row[self.ENTRY.KIND])), "version": row.get("version", 1)}
        return cast("E", self.ENTRY.from_json(data))

    def _collection(self) -> Collection:
        with self._lock:
            if self._opened is None:
                self._opened = open_collection(self.COLLECTION, self.folder, self.embedder)
            return self._opened

    def _checked(self) -> Collection:
        collection = self._collection()
        check_embedder(collection, self.embedder, self.folder)
        return collection

    @property
    def embedder(self) -> Embedder:
        if self._embedder is None:
            from agentkit.models.embed import load_embedder

            self._embedder = load_embedder()
        return self._embedder


def parse_lines(text: str, where: str, kinds: Mapping[str, type[Entry]]) -> list[Entry]:
    """Return the entries of JSONL text. Raises ``UsageError`` or ``OtherVersion`` that name the line."""
    return [
        read_line(line, f"{where}:{number}", kinds)
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip()
    ]


def read_file(path: Path) -> str:
    """Return the text of a file. Raises ``UsageError``."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} can't be read: {error}") from error


def write_file(path: Path, text: str) -> None:
    """Write a file whole or not at all. Raises ``UsageError``."""
    draft = path.with_name(path.name + ".new")
    try:
        draft.write_text(text, "utf-8")
        draft.replace(path)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror or error}") from error


def largest_first(order: Sequence[E], group: Callable[[E], str]) -> list[E]:
    """Return entries so that each next one is of the group that is then the largest; within one, in their order.

    A kind of task that is rare is not pushed out by one that is common. Of groups of a size the one goes first whose
    next entry does.
    """
    place = {entry.id: index for index, entry in enumerate(order)}
    waiting: dict[str, list[E]] = {}
    for entry in order:
        waiting.setdefault(group(entry), []).append(entry)
    out: list[E] = []
    while waiting:
        name = max(waiting, key=lambda key: (len(waiting[key]), -place[waiting[key][0].id]))
        out.append(waiting[name].pop(0))
        if not waiting[name]:
            del waiting[name]
    return out
