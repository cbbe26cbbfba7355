"""A picture file as a document: what it says about itself."""

from __future__ import annotations

import io
import struct

from agentkit.content import Image
from agentkit.errors import ImageError, ToolError

from ..document import Document, Figure
from .text import name_in_words

_DESCRIPTION, _TAKEN, _ORIGINAL, _DETAILS = 0x010E, 0x0132, 0x9003, 0x8769
_DESCRIBED = ("Description", "description", "Comment", "Title")


def picture_document(address: str, data: bytes) -> Document:
    """Return a picture with the description and the date in its file. Raises ``ToolError`` when it is broken."""
    try:
        image = Image.open(data)
        image.size  # noqa: B018 - reads the header: what is no picture fails here
    except ImageError as error:
        raise ToolError(f"{address}: {error.message}") from error
    described, taken = _said(data)
    return Document(
        address=address,
        title=name_in_words(address),
        date=_date(taken),
        media_type="image/*",
        figures=(Figure(data=data, caption=" ".join(described.split())),),
    )


def _said(data: bytes) -> tuple[str, str]:
    """Return the description and the time in a picture's file, empty when there is none or it is garbled."""
    from PIL import Image as Pillow

    try:
        with Pillow.open(io.BytesIO(data)) as picture:
            exif = picture.getexif()
            notes = [picture.info[key] for key in _DESCRIBED if isinstance(picture.info.get(key), str)]
            taken = exif.get_ifd(_DETAILS).get(_ORIGINAL) or exif.get(_TAKEN)
            return str(exif.get(_DESCRIPTION) or (notes[0] if notes else "")), str(taken or "")
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, struct.error):
        # Cameras and editors write all kinds of EXIF; the picture is there without it.
        return "", ""


def _date(exif: str) -> str | None:
    day = exif.partition(" ")[0].replace(":", "-")
    return day if len(day) == 10 and day[:4].isdigit() and day[:4] != "0000" else None
