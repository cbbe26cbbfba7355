"""The picture of a passage, loaded from where it is."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from agentkit.content import Image
from agentkit.errors import ImageError, ToolError

from .extract.pdf import page_picture
from .fetch import Fetcher, FetchPolicy
from .index.sources import is_url
from .source import Passage

_PAGE = re.compile(r"#page=(\d+)\Z")


async def load_picture(passage: Passage, policy: FetchPolicy | None = None) -> Image:
    """Return the whole picture that a passage is, is in, or (of a PDF) is printed on.

    ``passage.box`` is in its pixels: ``picture.crop(Box(*passage.box))`` is the region. Raises ``ToolError`` when there
    is none, or it is gone or broken.
    """
    place = passage.picture
    if place is None:
        raise ToolError(f"passage {passage.id} has no picture")
    page = _PAGE.search(place)
    where = place[: page.start()] if page else place
    data = await _bytes(where, policy)
    if page:
        return await asyncio.to_thread(page_picture, where, data, int(page.group(1)))
    image = Image(data, path=None if is_url(where) else Path(where))
    if passage.image is not None and image.sha256 != passage.image and not is_url(where):
        raise ToolError(f"{where} is another picture now", mend="agentkit index add it again")
    try:
        image.size  # noqa: B018 - reads the header: what is no picture fails here
    except ImageError as error:
        raise ToolError(error.message) from error
    return image


async def _bytes(place: str, policy: FetchPolicy | None) -> bytes:
    if is_url(place):
        async with Fetcher(policy or FetchPolicy()) as fetcher:
            return (await fetcher.get(place)).data
    try:
        return await asyncio.to_thread(Path(place).read_bytes)
    except OSError as error:
        raise ToolError(f"{place} can't be read: {error.strerror or error}") from error
