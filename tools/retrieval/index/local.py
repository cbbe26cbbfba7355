"""The local index as a source: vectors and words in one ranking, pictures by words and by likeness."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agentkit.errors import OtherVersion, UsageError
from agentkit.models.embed import Embedder, embedder_version, load_embedder

from ..fusion import fuse
from ..hashing import BITS, SAME, distances, perceptual_hash
from ..looks import PACKAGED, Looks, load_looks
from ..source import Capability, Passage, Query, require
from .store import Entry, Found, Store
from .vectors import TEXT_SPACE, Space, Vectors

if TYPE_CHECKING:
    from ..document import Document
    from .adding import Added

ALL: frozenset[Capability] = frozenset({"text->text", "text->image", "image->image"})
# How many of each ranking are fused, at least; more when more are asked for.
DEPTH = 50
NO_LOOKS = "none"


def default_index() -> Path:
    """Return the index's folder when nobody names one: ``AGENTKIT_INDEX``, else ``index`` here."""
    return Path(os.environ.get("AGENTKIT_INDEX") or "index").expanduser()


class LocalIndex:
    """A multimodal index in a folder, which is a ``Source``.

    Texts are found by their vectors (cosine, HNSW) and their words (BM25), the rankings fused by reciprocal ranks.
    Pictures are found by what is said of them and stands in them, by their pixels when the image embedder knows words
    (CLIP, SigLIP), and by likeness: the same picture by perceptual hash first, then similar ones.

    ``embedder`` and ``looks`` are references or objects; left out, those that the index was made with, or the
    packaged ones for a new index. ``chroma``: URL of a Chroma server that holds the vectors (kept with the index).
    ``create``: make the index if it is not there. One process may write at a time; a reader sees what was there when
    it opened the index.

    Raises ``UsageError`` when there is no index, ``OtherVersion`` when it was made with another embedder or another
    version of it.
    """

    capabilities = ALL

    def __init__(
        self,
        folder: Path | str | None = None,
        *,
        embedder: Embedder | str | None = None,
        looks: Looks | str | None = None,
        chroma: str | None = None,
        create: bool = False,
        name: str = "index",
    ) -> None:
        self.name = name
        self.folder = Path(folder).expanduser() if folder is not None else default_index()
        self.store = Store(self.folder, create=create)
        try:
            self.embedder = _embedder(embedder, self.store.fact("embedder"))
            self.looks = _looks(looks, self.store.fact("looks"))
            self._agree(chroma)
            place = self.store.fact("chroma")
            self.vectors = Vectors(place or self.folder, self.store.fact("name") or "index")
        except BaseException:
            self.store.close()
            raise
        self._hashes: tuple[int, list[str], np.ndarray] | None = None

    def close(self) -> None:
        self.store.close()

    def __enter__(self) -> LocalIndex:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def entries(self) -> list[Entry]:
        """Return the documents of the index, by address."""
        return self.store.entries()

    async def add(self, places: Iterable[str | Path], **options: Any) -> Added:
        """Add files, folders and URLs, or what changed in them; see ``agentkit.tools.retrieval.index.adding.add``."""
        from .adding import add

        return await add(self, places, **options)

    async def add_documents(self, documents: Sequence[Document], **options: Any) -> Added:
        """Add documents that are at hand; see ``agentkit.tools.retrieval.index.adding.add_documents``."""
        from .adding import add_documents

        return await add_documents(self, documents, **options)

    async def remove(self, places: Iterable[str | Path]) -> int:
        """Remove documents by address, or all under a folder or URL; return how many."""
        from .adding import remove

        return await remove(self, places)

    async def search(self, query: Query, k: int = 5) -> list[Passage]:
        """Return the ``k`` best passages; see ``Source``."""
        require(self, query)
        return await asyncio.to_thread(self.find, query, k)

    def find(self, query: Query, k: int = 5) -> list[Passage]:
        """Search, in this thread."""
        if query.image is not None:
            return self._like(query, k)
        text = query.text or ""
        vector = self.embedder.embed([text])[0]
        return self.find_vector(text, vector, k, pictures=query.want == "image")

    def find_vector(self, text: str, vector: np.ndarray, k: int, *, pictures: bool = False) -> list[Passage]:
        """Search for a text whose vector is known already."""
        depth = max(DEPTH, 2 * k)
        spaces: tuple[Space, ...] = ("captions",) if pictures else ("texts", "captions")
        # Both engines leave the interpreter's lock while they search.
        with ThreadPoolExecutor(1) as other:
            words = other.submit(self.store.by_words, text, depth, pictures=pictures)
            near = [hit for space in spaces for hit in self.vectors.nearest(space, vector, depth)]
            by_vector = dict(sorted(near, key=lambda hit: -hit[1])[:depth])
            by_words = dict(words.result())
        scores = {"vector": by_vector, "words": by_words}
        if pictures and self.looks is not None and self.looks.joint:
            look = self.looks.embed_texts([text])[0]
            scores["looks"] = dict(self.vectors.nearest("pictures", look, depth))
        fused = with_heads(fuse([list(hits) for hits in scores.values()]), scores)
        return self._passages(fused, scores, k, once_a_picture=pictures)

    def _like(self, query: Query, k: int) -> list[Passage]:
        """Return pictures like the query's: the same one first, then by likeness."""
        assert query.image is not None
        ids, hashes = self._known_hashes()
        if not ids:
            return []
        apart = distances(perceptual_hash(query.image), hashes)
        order = np.argsort(apart, kind="stable")
        same = {ids[i]: 1.0 - float(apart[i]) / BITS for i in order if apart[i] <= SAME}
        scores = {"same": same}
        ranked = list(same)
        if self.looks is not None:
            near = self.vectors.nearest("pictures", self.looks.embed([query.image])[0], max(DEPTH, 2 * k))
            scores["looks"] = dict(near)
            ranked += [item for item, _ in near]
        # Not fused: that it is the same picture outweighs any likeness.
        fused = [(item, max(same.get(item, 0.0), scores.get("looks", {}).get(item, 0.0))) for item in ranked]
        return self._passages(list(dict(fused).items()), scores, k, once_a_picture=True)

    def _known_hashes(self) -> tuple[list[str], np.ndarray]:
        changed = self.store.changes()
        if self._hashes is None or self._hashes[0] != changed:
            pairs = self.store.hashes()
            values = np.array([value for _, value in pairs], np.int64)
            self._hashes = changed, [item for item, _ in pairs], values
        return self._hashes[1], self._hashes[2]

    def _passages(
        self,
        ranked: Sequence[tuple[str, float]],
        scores: dict[str, dict[str, float]],
        k: int,
        *,
        once_a_picture: bool = False,
    ) -> list[Passage]:
        """Return the first ``k`` that are there; the same text twice is said once, or the same picture."""
        # What was removed a moment ago, or is half added, has vectors still: it takes no place.
        found = self.store.fetch([item for item, _ in ranked[: 4 * k + 20]])
        passages: list[Passage] = []
        said: set[tuple[str, str | None]] = set()
        for item, score in ranked:
            row = found.get(item)
            if row is None:
                continue
            key = ("", row.image) if once_a_picture else (row.text, row.image)
            if key in said:
                continue
            said.add(key)
            parts = {name: hits[item] for name, hits in scores.items() if item in hits}
            passages.append(self._passage(row, score, parts))
            if len(passages) == k:
                break
        return passages

    def _passage(self, row: Found, score: float, scores: dict[str, float]) -> Passage:
        return Passage(
            id=row.id,
            source=self.name,
            text=row.text,
            title=row.title,
            document=row.address,
            place=(row.start, row.end) if row.start is not None and row.end is not None else None,
            page=row.page,
            date=row.date,
            score=score,
            scores=scores,
            image=row.image,
            picture=picture_place(self.folder, row),
            box=row.box,
        )

    def _agree(self, chroma: str | None) -> None:
        """Write down what a new index is made with; refuse an old one that was made with something else."""
        now = {
            "embedder": self.embedder.reference,
            "embedder_version": embedder_version(self.embedder.reference),
        }
        now["looks"] = self.looks.reference if self.looks is not None else NO_LOOKS
        now["looks_version"] = self.looks.version if self.looks is not None else ""
        if self.store.fact("embedder") is None:
            name = f"agentkit-{uuid.uuid4().hex[:12]}"
            self.store.set_facts({**now, "chroma": chroma or "", "name": name})
            return
        for key, what in (("embedder", "embedder"), ("looks", "image embedder")):
            was = (self.store.fact(key), self.store.fact(f"{key}_version"))
            if was != (now[key], now[f"{key}_version"]):
                raise OtherVersion(
                    f"the index {self.folder} was made with the {what} {was[0]} {was[1]}; "
                    f"this is {now[key]} {now[f'{key}_version']}".rstrip(),
                    mend="agentkit index rebuild, or use the one that made it",
                )
        if chroma is not None and chroma != self.store.fact("chroma"):
            raise UsageError(
                f"the vectors of {self.folder} are in {self.store.fact('chroma') or 'its own folder'}",
                mend="make a new index with --chroma",
            )


def with_heads(
    fused: Sequence[tuple[str, float]], scores: dict[str, dict[str, float]]
) -> list[tuple[str, float]]:
    """Return a fused ranking whose first places hold the first of every ranking.

    A rare name is found by words alone: fused, such a passage falls behind many that are in the middle of both.
    """
    if not fused:
        return []
    values = dict(fused)
    heads = [next(iter(hits)) for hits in scores.values() if hits]
    order = dict.fromkeys([fused[0][0], *heads, *values])
    return [(item, values[item]) for item in order]


def _embedder(given: Embedder | str | None, stored: str | None) -> Embedder:
    if given is None or isinstance(given, str):
        return load_embedder(given or stored or "minilm")
    return given


def _looks(given: Looks | str | None, stored: str | None) -> Looks | None:
    if given is None or isinstance(given, str):
        reference = given or stored or PACKAGED
        return None if reference == NO_LOOKS else load_looks(reference)
    return given


def facts_of(embedder: Embedder, looks: Looks | None) -> dict[str, str]:
    """Return what is written down of the embedders of an index."""
    return {
        "embedder": embedder.reference,
        "embedder_version": embedder_version(embedder.reference),
        "looks": looks.reference if looks is not None else NO_LOOKS,
        "looks_version": looks.version if looks is not None else "",
    }


def picture_place(folder: Path, row: Found) -> str | None:
    """Return where a passage's picture can be loaded: its own file, the index's copy, or a page of a PDF."""
    if row.picture is None:
        return None
    if row.picture == "":
        return row.address
    if row.picture.startswith("#"):
        return row.address + row.picture
    return str(folder / row.picture)


def text_space(kind: str) -> Space:
    """Return the space that the text of a passage of a kind is in."""
    return TEXT_SPACE[kind]
