"""Pictures that come in and go out: sniffed, limited, and always encoded anew before a browser sees them."""

from __future__ import annotations

import io
import time

from agentkit.content import Box, Image
from agentkit.errors import ImageError, UsageError

from ....memory.conversations import Conversations, NotKept
from .schema import PictureInfo

FOLDER = "uploads"
# What was uploaded and never sent is removed after a day.
KEPT = 24 * 3600.0
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
LARGEST_SIDE = 4096
SMALL = 1_000_000


class Pictures:
    """The pictures of a person: uploads that wait for their turn, and those of the conversations."""

    def __init__(self, conversations: Conversations, limit: int) -> None:
        self._kept, self.limit = conversations, limit
        self._folder = conversations.folder / FOLDER

    def put(self, data: bytes) -> PictureInfo:
        """Keep an uploaded picture. Raises ``ImageError`` when it is none, is damaged, or has too many pixels."""
        kind = sniffed(data)
        image = Image.open(data)
        width, height = image.size
        # Decoded whole, so that a damaged file is found now and not in the middle of a turn.
        _ = image.pixels
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = self._folder / image.sha256
        draft = target.with_suffix(".new")
        draft.write_bytes(data)
        draft.replace(target)
        return PictureInfo(digest=image.sha256, width=width, height=height, format=kind)

    def get(self, digest: str) -> Image:
        """Return a picture. Raises ``UsageError`` when it is not there."""
        if not (len(digest) == 64 and digest.isalnum()):
            raise NotKept(f"{digest[:80]!r} is no digest of a picture")
        path = self._folder / digest
        return Image.open(path) if path.is_file() else self._kept.picture(digest)

    def sweep(self) -> None:
        """Remove the uploads that nobody sent."""
        for path in self._folder.glob("*") if self._folder.is_dir() else ():
            if time.time() - path.stat().st_mtime > KEPT:
                path.unlink(missing_ok=True)


def sniffed(data: bytes) -> str:
    """Return the format of a picture by its bytes. Raises ``ImageError`` for one that is not taken."""
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    try:
        with Pillow.open(io.BytesIO(data), formats=FORMATS) as picture:
            return str(picture.format)
    except UnidentifiedImageError as error:
        known = ", ".join(FORMATS)
        raise ImageError("this file is no picture that can be read", mend=f"one of {known}") from error
    except (OSError, SyntaxError, ValueError, Pillow.DecompressionBombError) as error:
        raise ImageError(f"this picture can't be read: {error}") from error


def encoded(image: Image, side: int, box: Box | None = None) -> tuple[bytes, dict[str, str]]:
    """Return a picture, or a region of it, shrunk to ``side``, and its headers; without metadata.

    ``x-picture-size`` is the size before it was shrunk, so that boxes can be drawn on it.
    """
    pixels = (image.crop(box) if box is not None else image).pixels
    size = f"{pixels.size[0]}x{pixels.size[1]}"
    side = min(side, LARGEST_SIDE)
    if max(pixels.size) > side:
        pixels = pixels.copy()
        pixels.thumbnail((side, side))
    form, media = ("PNG", "image/png") if pixels.size[0] * pixels.size[1] <= SMALL else ("JPEG", "image/jpeg")
    buffer = io.BytesIO()
    pixels.save(buffer, form, quality=88, compress_level=3)
    headers = {"content-type": media, "x-picture-size": size, "cache-control": "private, max-age=300"}
    return buffer.getvalue(), headers


def box_of(text: str | None) -> Box | None:
    """Return the box of ``left,top,right,bottom``. Raises ``UsageError`` when it is none."""
    if text is None:
        return None
    try:
        left, top, right, bottom = (float(value) for value in text.split(","))
        return Box.of(left, top, right, bottom)
    except ValueError as error:
        raise UsageError(f"{text[:80]!r} is no box", mend="left,top,right,bottom in pixels") from error
