"""A document on its way into an index: read, known already or taken apart, with its pictures and captions."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from agentkit.content import Image
from agentkit.errors import ImageError, ToolError

from ..captions import Captioner
from ..document import Document, Figure
from ..fetch import Fetcher
from ..workers import Workers
from .local import LocalIndex
from .passages import Rows, Way, rows_of
from .sources import Raw, is_url, read_file


@dataclass(frozen=True)
class Prepared:
    """A document on its way into the index. ``rows`` is None for one that needs no writing, or failed."""

    address: str
    size: int = 0
    title: str = ""
    date: str | None = None
    rows: Rows | None = None
    unchanged: bool = False
    digest: str = ""
    problem: str | None = None


async def prepared(index: LocalIndex, address: str, way: Way, apart: Workers, fetcher: Fetcher) -> Prepared:
    """Return a file or URL, read and made into rows if that is needed. Raises ``ToolError`` for trouble with it."""
    raw = await _read(address, fetcher)
    if (known := known_already(index, address, raw.digest, len(raw.data), way)) is not None:
        return known
    document = await apart.extract(address, raw.data, raw.media_type)
    if raw.caption:
        document = document.model_copy(
            update={"figures": tuple(_named(f, raw.caption) for f in document.figures)}
        )
    if raw.date and not document.date:
        document = document.model_copy(update={"date": raw.date})
    problems: list[str] = []
    document = await _with_pictures(document, fetcher, problems)
    if way.captioner is not None:
        document = await _with_captions(document, way.captioner)
    taken = await rows_made(index, document, raw.digest, len(raw.data), way)
    if taken.rows is not None:
        taken.rows.problems[:0] = problems
    return taken


def known_already(index: LocalIndex, address: str, digest: str, size: int, way: Way) -> Prepared | None:
    """Return a document that needs no work: it is there as it is, or another document has the same content."""
    if index.store.known(address) == (digest, way.name):
        return Prepared(address, size, unchanged=True, digest=digest)
    if index.store.content(digest, way.name):
        index.store.link(address, digest, size)
        return Prepared(address, size, digest=digest)
    return None


async def rows_made(index: LocalIndex, document: Document, digest: str, size: int, way: Way) -> Prepared:
    """Return a document with its rows. Raises ``ToolError`` when there is nothing in it to index."""
    try:
        rows = await asyncio.to_thread(rows_of, document, digest, way, index.folder)
    except ImageError as error:
        raise ToolError(f"{document.address}: {error.message}") from error
    if not rows.rows:
        raise ToolError(rows.problems[0] if rows.problems else f"{document.address} has nothing to index")
    return Prepared(document.address, size, document.title, document.date, rows, digest=digest)


def _named(figure: Figure, caption: str) -> Figure:
    return figure.model_copy(update={"caption": caption})


async def _read(address: str, fetcher: Fetcher) -> Raw:
    if not is_url(address):
        return await asyncio.to_thread(read_file, address)
    found = await fetcher.get(address)
    return Raw(address, found.data, found.media_type, found.changed)


async def _with_pictures(document: Document, fetcher: Fetcher, problems: list[str]) -> Document:
    """Return a page with the bytes of its pictures; those that can't be had are left out and noted."""
    figures = []
    for figure in document.figures:
        if figure.data is not None or figure.picture is None:
            figures.append(figure)
            continue
        try:
            if is_url(figure.picture):
                found = await fetcher.get(figure.picture)
                if not found.media_type.startswith("image/"):
                    raise ToolError(f"{figure.picture} is no picture")
                data = found.data
            else:
                path = _beside(document.address, figure.picture)
                figure, data = figure.model_copy(update={"picture": str(path)}), read_file(str(path)).data
            figures.append(figure.model_copy(update={"data": data}))
        except ToolError as error:
            problems.append(str(error))
    return document.model_copy(update={"figures": tuple(figures)})


async def _with_captions(document: Document, captioner: Captioner) -> Document:
    """Return a document whose pictures all have captions. Raises ``ModelError`` when the model fails."""
    figures = []
    for figure in document.figures:
        if figure.data is not None and not figure.caption:
            image = Image.open(figure.data)
            figure = figure.model_copy(update={"caption": await captioner.caption(image)})
        figures.append(figure)
    return document.model_copy(update={"figures": tuple(figures)})


def _beside(address: str, picture: str) -> Path:
    """Return the file of a picture of a saved page: in the page's own folder and nowhere else."""
    base = Path(address).parent.resolve()
    path = (base / picture.partition("?")[0]).resolve()
    if is_url(address) or not path.is_relative_to(base) or not path.is_file():
        raise ToolError(f"{address} shows {picture}, which is not beside it")
    return path
