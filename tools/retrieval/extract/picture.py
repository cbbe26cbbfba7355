"""A picture file as a document: what it says about itself."""

from __future__ import annotations

import io

from agentkit.content import Image
from agentkit.errors import ImageError, ToolError

from ..document import Document, Figure
from .text import name_in_words

_DESCRIPTION, _TAKEN, _ORIGINAL = 0x010E, 0x0132, 0x9003
_DESCRIBED = ("Description", "description", "Comment", "Title")


def picture_document(address: str, data: bytes) -> Document:
    """Return a picture with the description and the date in its file. Raises ``ToolError`` when it is broken."""
    from PIL import Image as Pillow

    try:
        image = Image.open(data)
        image.size  # noqa: B018 - reads the header: what is no picture fails here
    except ImageError as error:
        raise ToolError(f"{address}: {error.message}") from error
    with Pillow.open(io.BytesIO(data)) as picture:
        exif = picture.getexif()
        media_type = picture.get_format_mimetype() or "image"
        described = exif.get(_DESCRIPTION) or next(
            (picture.info[key] for key in _DESCRIBED if isinstance(picture.info.get(key), str)), ""
        )
        taken = exif.get_ifd(0x8769).get(_ORIGINAL) or exif.get(_TAKEN) or ""
    return Document(
        address=address,
        title=name_in_words(address),
        date=_date(str(taken)),
        media_type=media_type,
        figures=(Figure(data=data, caption=" ".join(str(described).split())),),
    )


def _date(exif: str) -> str | None:
    day = exif.partition(" ")[0].replace(":", "-")
    return day if len(day) == 10 and day[:4].isdigit() and day[:4] != "0000" else None
