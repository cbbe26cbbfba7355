"""Reading one page, PDF, picture or file to the end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from agentkit.errors import ToolError
from agentkit.toolset import tool

from .document import Document
from .extract import kind_of
from .fetch import Fetched, Fetcher, FetchPolicy
from .index.sources import is_url, read_file
from .rendering import render
from .workers import Workers

# A page with less text than this may be one that its scripts fill.
LITTLE = 200
# Characters of a page that a tool gives a model.
SHOWN = 8000


@dataclass
class Reader:
    """Reads URLs under a policy, and local files when ``files`` says so.

    ``browser``: pages with hardly any text and with scripts are read again with a browser. Every failure is one
    ``ToolError``: an address that is not public, no connection, a status, a timeout, a size, a type, a broken file.
    """

    policy: FetchPolicy = field(default_factory=FetchPolicy)
    browser: bool = True
    files: bool = False

    async def read(self, address: str) -> Document:
        """Return what is at a URL or path, with its title and date."""
        async with Fetcher(self.policy) as fetcher, Workers(1) as workers:
            if not is_url(address):
                if not self.files:
                    raise ToolError(f"{address} is no URL")
                raw = await asyncio.to_thread(read_file, address)
                return await workers.extract(address, raw.data)
            found = await fetcher.get(address)
            document = await self._page(found, workers)
        changes = {"date": document.date or found.changed}
        return document.model_copy(update=changes)

    async def _page(self, found: Fetched, workers: Workers) -> Document:
        if kind_of(found.url, found.data, found.media_type) != "html":
            return await workers.extract(found.url, found.data, found.media_type)
        scripted = self.browser and b"<script" in found.data.lower()
        try:
            document = await workers.extract(found.url, found.data, found.media_type)
            if len(document.text) >= LITTLE or not scripted:
                return document
        except ToolError:
            if not scripted:
                raise
        filled = await render(found.url, self.policy)
        return await workers.extract(found.url, filled, "text/html")


@tool(read=True)
async def read_page(url: str) -> str:
    """Read the text of a web page or PDF.

    Args:
        url: The http or https address.
    """
    document = await Reader().read(url)
    dated = f" ({document.date})" if document.date else ""
    text = document.text if len(document.text) <= SHOWN else document.text[:SHOWN] + "…"
    return f"{document.title}{dated}\n{url}\n\n{text}"
