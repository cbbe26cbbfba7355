"""Adding to an index, and removing from it: only what changed, resumable, with one event for each trouble."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from agentkit.errors import ToolError, UsageError

from ..document import Document
from ..fetch import Fetcher, FetchPolicy
from ..workers import Workers
from .local import LocalIndex, text_space
from .passages import Way, embedded_text
from .preparing import Prepared, known_already, prepared, rows_made
from .sources import address_of, files_under, is_url

# Passages that are embedded and written together: enough for full batches, few enough to lose little to a kill.
BATCH = 256
# Pictures that are held in memory until they are written.
MOST_IMAGES = 32
LOCK = "writing.sqlite"


@dataclass(frozen=True)
class Step:
    """How far adding is: documents done of all, and which was the last. ``problem``: what was wrong with it."""

    done: int
    total: int
    address: str
    problem: str | None = None


@dataclass
class Added:
    """What adding did, in documents: ``added`` (new or changed), ``unchanged``, ``duplicates`` (the same content as
    another document), ``removed`` (their files are gone), and ``problems`` as (address, what).

    ``passages``: written; ``embedded``: texts and pictures that a model embedded, the others were known already.
    """

    added: int = 0
    unchanged: int = 0
    duplicates: int = 0
    removed: int = 0
    passages: int = 0
    embedded: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0


Listener = Callable[[Step], None]


async def add(
    index: LocalIndex,
    places: Iterable[str | Path],
    *,
    way: Way | None = None,
    policy: FetchPolicy | None = None,
    workers: int = 2,
    listen: Listener | None = None,
) -> Added:
    """Add files, folders and URLs, or what changed in them since.

    A file that is gone from a folder that is added again is removed. What is wrong with one document is told to
    ``listen`` and kept in ``problems``; the others go on. A kill loses the batch that is under way: add again.
    Raises ``UsageError`` for a path that is not there, or while another process writes.
    """
    places, way = list(places), way or Way()
    addresses = list(await asyncio.to_thread(lambda: list(files_under(places))))
    async with Workers(workers) as apart, Fetcher(policy or FetchPolicy()) as fetcher:

        async def prepare(address: str) -> Prepared:
            try:
                return await prepared(index, address, way, apart, fetcher)
            except ToolError as error:
                return Prepared(address, problem=str(error))

        ready = _ahead(addresses, prepare, 2 * workers)
        gone = [entry for place in places for entry in _gone(index, place, set(addresses))]
        return await _write_all(index, ready, len(addresses), way, listen, gone)


async def add_documents(
    index: LocalIndex,
    documents: Sequence[Document],
    *,
    way: Way | None = None,
    listen: Listener | None = None,
) -> Added:
    """Add documents that are at hand, by their addresses, or those of them that changed since."""
    chosen = way or Way()

    async def prepare(document: Document) -> Prepared:
        data = document.model_dump_json().encode()
        digest = hashlib.sha256(data).hexdigest()
        if (known := known_already(index, document.address, digest, len(data), chosen)) is not None:
            return known
        return await rows_made(index, document, digest, len(data), chosen)

    ready = _ahead(documents, prepare, 2)
    return await _write_all(index, ready, len(documents), chosen, listen, [])


async def remove(index: LocalIndex, places: Iterable[str | Path]) -> int:
    """Remove documents by address, or all under a folder or URL; return how many. Raises ``UsageError`` for none."""
    with writing(index.folder):
        count = 0
        for place in places:
            base = address_of(str(place))
            under = base.rstrip("/") + "/"
            chosen = [e.address for e in index.entries() if e.address == base or e.address.startswith(under)]
            if not chosen:
                raise UsageError(
                    f"the index has nothing at {base}", mend="agentkit index list shows what it has"
                )
            for address in chosen:
                index.store.unlink(address)
            count += len(chosen)
        await _to_the_end(sweep, index)
    return count


async def _write_all(
    index: LocalIndex,
    ready: AsyncIterator[Prepared],
    total: int,
    way: Way,
    listen: Listener | None,
    gone: Sequence[str],
) -> Added:
    started, done, report = time.monotonic(), 0, Added()
    held: list[Prepared] = []
    with writing(index.folder):
        # What a kill left half done.
        await _to_the_end(sweep, index)
        async for item in ready:
            done += 1
            _count(report, item)
            if listen is not None:
                listen(Step(done, total, item.address, item.problem))
            if item.rows is None:
                continue
            held.append(item)
            rows = [prepared.rows for prepared in held if prepared.rows is not None]
            if sum(len(r.rows) for r in rows) >= BATCH or sum(len(r.images) for r in rows) >= MOST_IMAGES:
                await _to_the_end(_write, index, held, way, report)
                held = []
        await _to_the_end(_write, index, held, way, report)
        for address in gone:
            index.store.unlink(address)
        report.removed = len(gone)
        await _to_the_end(sweep, index)
    report.seconds = time.monotonic() - started
    return report


async def _to_the_end(work: Callable[..., None], *given: object) -> None:
    """Do some writing in a thread; Ctrl-C waits for it, so that the lock and the store outlive it."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *given))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def _count(report: Added, item: Prepared) -> None:
    if item.problem is not None:
        report.problems.append((item.address, item.problem))
    elif item.unchanged:
        report.unchanged += 1
    elif item.rows is None:
        report.duplicates += 1
    else:
        report.added += 1
        report.problems += [(item.address, problem) for problem in item.rows.problems]


async def _ahead(items, work, count: int) -> AsyncIterator[Prepared]:
    """Yield what ``work`` makes of the items, in order, while the next ``count`` are under way."""
    waiting: deque[asyncio.Task[Prepared]] = deque()
    try:
        for item in items:
            waiting.append(asyncio.create_task(work(item)))
            if len(waiting) >= count:
                yield await waiting.popleft()
        while waiting:
            yield await waiting.popleft()
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


def _write(index: LocalIndex, items: Sequence[Prepared], way: Way, report: Added) -> None:
    """Embed and write documents: first the rows, unfinished, then the vectors, then the rows are made findable."""
    by_digest: dict[str, list[Prepared]] = {}
    for item in items:
        by_digest.setdefault(item.digest, []).append(item)
    chosen = [group[0] for group in by_digest.values()]
    known = _known_vectors(index, chosen)
    texts = {
        row.embedded: embedded_text(item.title, row.text)
        for item in chosen
        for row in (item.rows.rows if item.rows else [])
        if row.embedded not in known
    }
    vectors = index.embedder.embed(list(texts.values())) if texts else []
    known |= dict(zip(texts, vectors, strict=True))
    report.embedded += len(texts)
    # The same content, made in another way, gives place; its documents stay.
    holders = {digest: index.store.addresses(digest) for digest in by_digest}
    for digest in by_digest:
        purge(index, digest)
    for item in chosen:
        if item.rows is not None:
            index.store.begin(item.digest, way.name, item.title, item.date, item.rows.rows)
    _put(index, chosen, known, report)
    for digest, group in by_digest.items():
        index.store.finish(digest, holders[digest] + [(item.address, item.size) for item in group])
    # The same content twice in one batch was counted as two new ones.
    extra = len(items) - len(chosen)
    report.added -= extra
    report.duplicates += extra


def _known_vectors(index: LocalIndex, items: Sequence[Prepared]) -> dict[str, np.ndarray]:
    """Return the vectors, by digest of what was embedded, that the index has already."""
    wanted = {row.embedded for item in items if item.rows for row in item.rows.rows}
    held = index.store.with_embedded(wanted)
    found: dict[str, np.ndarray] = {}
    by_space: dict = {}
    for embedded, (item, kind) in held.items():
        by_space.setdefault(text_space(kind), {})[item] = embedded
    for space, ids in by_space.items():
        found |= {ids[item]: vector for item, vector in index.vectors.get(space, list(ids)).items()}
    return found


def _put(index: LocalIndex, items: Sequence[Prepared], known: dict[str, np.ndarray], report: Added) -> None:
    by_space: dict = {}
    images = {}
    for item in items:
        if item.rows is None:
            continue
        report.passages += len(item.rows.rows)
        images |= item.rows.images
        for row in item.rows.rows:
            by_space.setdefault(text_space(row.kind), {})[row.id] = known[row.embedded]
    for space, vectors in by_space.items():
        index.vectors.put(space, list(vectors), np.stack(list(vectors.values())))
    if images and index.looks is not None:
        index.vectors.put("pictures", list(images), index.looks.embed(list(images.values())))
        report.embedded += len(images)


def sweep(index: LocalIndex) -> None:
    """Take out what a kill left half done, and contents that no document has any more."""
    for digest in index.store.unfinished():
        purge(index, digest)


def purge(index: LocalIndex, digest: str) -> None:
    """Take a content out, if it is there: out of searches first, then its vectors, then its rows."""
    index.store.hide(digest)
    passages = index.store.passages_of(digest)
    by_space: dict = {}
    for item, kind in passages:
        by_space.setdefault(text_space(kind), []).append(item)
        if kind == "picture":
            by_space.setdefault("pictures", []).append(item)
    for space, ids in by_space.items():
        index.vectors.delete(space, ids)
    for picture in index.store.drop(digest):
        (index.folder / picture).unlink(missing_ok=True)


def _gone(index: LocalIndex, place: str | Path, seen: set[str]) -> Iterator[str]:
    """Yield the documents under a folder whose files are not there any more."""
    if is_url(str(place)) or not Path(place).expanduser().is_dir():
        return
    base = address_of(str(place)).rstrip("/") + "/"
    for entry in index.entries():
        if entry.address.startswith(base) and entry.address not in seen:
            yield entry.address


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Hold the index for writing; the lock ends with the process. Raises ``UsageError`` when another holds it."""
    lock = sqlite3.connect(folder / LOCK, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lock.close()
        raise UsageError(f"another process is writing to {folder}", mend="wait until it is done") from error
    try:
        yield
    finally:
        lock.close()
