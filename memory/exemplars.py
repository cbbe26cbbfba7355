"""The exemplar memory: past trajectories, found again by task and state."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from agentkit.config import Settings
from agentkit.errors import UsageError

from .collection import check_embedder, open_collection
from .exemplar import Exemplar, Match, specifier

if TYPE_CHECKING:
    from chromadb import Collection

    from agentkit.models.embed import Embedder

VARIABLE = "AGENTKIT_MEMORY"
COLLECTION = "exemplars"
BATCH = 256


def default_folder(settings: Settings | None = None) -> Path:
    """Return where memories are kept: ``AGENTKIT_MEMORY``, else ``memory`` beside the folder of runs."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).expanduser()
    return (settings or Settings.load()).runs.resolve().parent / "memory"


class ExemplarMemory:
    """Trajectories in a Chroma collection, embedded by task and first state.

    ``folder`` None keeps them in this process only. Opened on first use; safe for several threads of one process.
    Raises ``MissingExtra`` when chromadb or the embedder is not installed, and ``UsageError`` when the folder's
    vectors were made by another embedder (listing, showing and exporting still work then).
    """

    def __init__(self, folder: Path | str | None = None, *, embedder: Embedder | None = None) -> None:
        self.folder = Path(folder).expanduser() if folder is not None else None
        self._embedder = embedder
        self._lock = threading.RLock()
        self._opened: Collection | None = None

    def __len__(self) -> int:
        return self._collection().count()

    def add(self, exemplar: Exemplar) -> bool:
        """Keep an exemplar; returns whether it was new (the same content is kept once)."""
        return self.add_all([exemplar]) == 1

    def add_all(self, exemplars: Iterable[Exemplar]) -> int:
        """Keep exemplars; returns how many were new."""
        with self._lock:
            collection = self._checked()
            unique = {exemplar.id: exemplar for exemplar in exemplars}
            known = set(collection.get(ids=list(unique), include=[])["ids"]) if unique else set()
            new = [exemplar for id, exemplar in unique.items() if id not in known]
            for start in range(0, len(new), BATCH):
                batch = new[start : start + BATCH]
                collection.add(
                    ids=[item.id for item in batch],
                    documents=[item.key for item in batch],
                    metadatas=[_metadata(item) for item in batch],
                )
            return len(new)

    def retrieve(
        self, task: str, observation: str = "", k: int = 3, *, outcome: str | None = "done"
    ) -> list[Match]:
        """Return the ``k`` exemplars nearest to a task in a state, nearest first."""
        if k < 1:
            raise UsageError(f"k is at least 1, got {k}")
        with self._lock:
            collection = self._checked()
            if collection.count() == 0:
                return []
            found = collection.query(
                query_texts=[specifier(task, observation)],
                n_results=min(k, collection.count()),
                where={"outcome": outcome} if outcome else None,
                include=["metadatas", "distances"],
            )
        rows = (found["metadatas"] or [[]])[0]
        distances = (found["distances"] or [[]])[0]
        matches = [Match(_exemplar(row), 1.0 - float(d)) for row, d in zip(rows, distances, strict=True)]
        return sorted(matches, key=lambda match: (-match.similarity, match.exemplar.id))

    def recall(self, task: str, observation: str = "", k: int = 3, *, most: int = 4) -> list[Match]:
        """Return the exemplars of the family that wins the vote of the ``k`` nearest, nearest first.

        As in Synapse (section 3.3, arXiv 2306.07863): top-k by similarity, majority vote on the family, a tie goes
        to the family of the nearest, and the winner's set as a whole, here up to ``most`` of its nearest.
        """
        nearest = self.retrieve(task, observation, k)
        if not nearest:
            return []
        family = vote(nearest)
        found = [
            match for match in self.retrieve(task, observation, len(self)) if match.exemplar.family == family
        ]
        return found[:most]

    def entries(self) -> list[Exemplar]:
        """Return every exemplar, oldest first."""
        rows = self._collection().get(include=["metadatas"])["metadatas"] or []
        return sorted(map(_exemplar, rows), key=lambda item: (item.created, item.id))

    def show(self, id: str) -> Exemplar:
        """Return one exemplar by its id or the unique start of it. Raises ``UsageError`` when there is none."""
        found = [item for item in self.entries() if item.id.startswith(id)] if id else []
        if len(found) != 1:
            what = "no exemplar" if not found else f"{len(found)} exemplars"
            raise UsageError(f"there is {what} {id!r} in {self.folder or 'this memory'}")
        return found[0]

    def forget(self, id: str) -> Exemplar:
        """Remove one exemplar and return it."""
        found = self.show(id)
        self._collection().delete(ids=[found.id])
        return found

    def export(self, file: Path | str) -> int:
        """Write every exemplar as a line of JSON; returns how many."""
        items = self.entries()
        lines = [item.model_dump_json() + "\n" for item in items]
        try:
            Path(file).write_text("".join(lines), "utf-8")
        except OSError as error:
            raise UsageError(f"{file} can't be written: {error.strerror or error}") from error
        return len(items)

    def load(self, file: Path | str) -> int:
        """Add the exemplars of a JSONL file; returns how many were new. Raises ``UsageError`` naming the line."""
        try:
            text = Path(file).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{file} can't be read: {error}") from error
        return self.add_all(parse_lines(text, str(file)))

    def _collection(self) -> Collection:
        with self._lock:
            if self._opened is None:
                self._opened = open_collection(COLLECTION, self.folder, self.embedder)
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


def vote(nearest: Sequence[Match]) -> str:
    """Return the family that most of the nearest share; a tie goes to the family of the nearest."""
    counts = Counter(match.exemplar.family for match in nearest)
    most = max(counts.values())
    return next(match.exemplar.family for match in nearest if counts[match.exemplar.family] == most)


def parse_lines(text: str, where: str) -> list[Exemplar]:
    """Return the exemplars of JSONL text. Raises ``UsageError`` that names the line."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            found.append(Exemplar.from_json(json.loads(line)))
        except (ValidationError, ValueError, AttributeError) as error:
            first = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
            raise UsageError(f"{where}:{number} is not an exemplar: {first}") from error
    return found


def shipped() -> list[Exemplar]:
    """Return the exemplars that come with the package."""
    folder = files("agentkit.memory").joinpath("exemplars_miniwob.jsonl")
    return parse_lines(folder.read_text("utf-8"), folder.name) if folder.is_file() else []


def _metadata(exemplar: Exemplar) -> dict[str, Any]:
    facts = {"family": exemplar.family, "site": exemplar.site, "outcome": exemplar.outcome}
    return {**facts, "exemplar": exemplar.model_dump_json()}


def _exemplar(row: Any) -> Exemplar:
    return Exemplar.from_json(json.loads(str(row["exemplar"])))
