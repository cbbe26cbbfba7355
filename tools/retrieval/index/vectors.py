"""The index's vectors: Chroma in the index's folder, or on a Chroma server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import urlsplit

import httpx
import numpy as np

from agentkit.errors import MissingExtra, ToolError, UsageError

if TYPE_CHECKING:
    from chromadb import Collection

# texts: of passages; captions: of what is said of pictures, or stands in them; pictures: of their pixels.
Space: TypeAlias = Literal["texts", "captions", "pictures"]
SPACES: tuple[Space, ...] = ("texts", "captions", "pictures")
# The space that the text of a passage is in, by its kind.
TEXT_SPACE: dict[str, Space] = {"text": "texts", "picture": "captions", "ocr": "captions"}
FOLDER = "chroma"
# Chroma's default settings lose recall as a collection grows (0.30 at 100,000 vectors, measured); these hold it.
# Links and their making can't be changed later; how far a search looks can, when a collection is opened. A new one
# looks far from the start, since it may grow in the process that makes it.
HNSW = {"space": "cosine", "ef_search": 2000, "ef_construction": 200, "max_neighbors": 32}
# Candidates a search keeps: one for so many vectors, between these bounds (docs/retrieval.md says what was measured).
VECTORS_A_CANDIDATE = 32
FEWEST, MOST_CANDIDATES = 500, 4000
# What Chroma takes in one call.
MOST = 2000


def candidates(vectors: int) -> int:
    """Return how many candidates a search keeps (``ef_search``) in a collection of so many vectors, in steps of 500.

    Random directions, the hardest case: 500 of them hold a recall of .95 to about 15,000 vectors, 1,000 to 40,000.
    """
    steps = -(-vectors // (VECTORS_A_CANDIDATE * FEWEST))
    return min(max(steps, 1) * FEWEST, MOST_CANDIDATES)


class Vectors:
    """Three spaces of vectors, by passage id. Similarities are cosines.

    Raises ``MissingExtra`` without chromadb, ``UsageError`` when the store can't be opened, and ``ToolError`` when a
    server stops answering.
    """

    def __init__(self, place: Path | str, name: str) -> None:
        try:
            import chromadb
            from chromadb.config import Settings
            from chromadb.errors import ChromaError
        except ImportError as error:
            raise MissingExtra("chromadb", "retrieval") from error
        settings = Settings(anonymized_telemetry=False, allow_reset=False)
        self.place = place
        self._failures = (ChromaError, httpx.HTTPError, OSError, ValueError, RuntimeError)
        try:
            if isinstance(place, Path):
                client = chromadb.PersistentClient((place / FOLDER).resolve(), settings)
            else:
                url = urlsplit(place)
                secure = url.scheme == "https"
                client = chromadb.HttpClient(
                    url.hostname or "", url.port or (443 if secure else 8000), secure, settings=settings
                )
            self._client = client
            self._names = [f"{name}-{space}" for space in SPACES]
            self._spaces: dict[Space, Collection] = {
                space: client.get_or_create_collection(
                    f"{name}-{space}",
                    embedding_function=None,
                    configuration={"hnsw": HNSW},  # type: ignore[arg-type]
                )
                for space in SPACES
            }
            self._fit_searches()
        except self._failures as error:
            raise UsageError(f"the vectors in {place} can't be opened: {error}") from error

    def _fit_searches(self) -> None:
        """Let searches look as far as each collection's size asks for. Chroma heeds it before its first search only."""
        for space, collection in self._spaces.items():
            held = collection.count()
            wanted = candidates(held)
            found = collection.configuration.get("hnsw") or {}
            if held and found.get("ef_search") != wanted:
                collection.modify(configuration={"hnsw": {"ef_search": wanted}})
                self._spaces[space] = self._client.get_collection(collection.name, embedding_function=None)

    def put(self, space: Space, ids: Sequence[str], vectors: np.ndarray) -> None:
        """Add vectors, or replace those of ids that are there."""
        for start in range(0, len(ids), MOST):
            part = slice(start, start + MOST)
            self._ask(space, "upsert", ids=list(ids[part]), embeddings=vectors[part])

    def delete(self, space: Space, ids: Sequence[str]) -> None:
        """Delete vectors; ids that are not there do not matter."""
        for start in range(0, len(ids), MOST):
            self._ask(space, "delete", ids=list(ids[start : start + MOST]))

    def get(self, space: Space, ids: Sequence[str]) -> dict[str, np.ndarray]:
        """Return the vectors of those ids that are there."""
        found: dict[str, np.ndarray] = {}
        for start in range(0, len(ids), MOST):
            part = self._ask(space, "get", ids=list(ids[start : start + MOST]), include=["embeddings"])
            found |= dict(zip(part["ids"], np.asarray(part["embeddings"], np.float32), strict=True))
        return found

    def nearest(self, space: Space, vector: np.ndarray, n: int) -> list[tuple[str, float]]:
        """Return (id, cosine) of the ``n`` nearest, best first."""
        if not self.count(space):
            return []
        found = self._ask(
            space,
            "query",
            query_embeddings=vector[None].astype(np.float32),
            n_results=n,
            include=["distances"],
        )
        pairs = zip(found["ids"][0], found["distances"][0], strict=True)
        return [(item, 1.0 - distance) for item, distance in pairs]

    def drop(self) -> None:
        """Delete all three spaces."""
        try:
            for name in self._names:
                self._client.delete_collection(name)
        except self._failures as error:
            raise ToolError(f"the vectors in {self.place} can't be deleted: {error}") from error

    def count(self, space: Space) -> int:
        return self._ask(space, "count")

    def _ask(self, space: Space, call: str, **given: Any) -> Any:
        try:
            return getattr(self._spaces[space], call)(**given)
        except self._failures as error:
            raise ToolError(f"the vectors in {self.place} can't be used: {error}") from error
