"""Pictures: content-addressed, opened lazily, EXIF-corrected, limited in size."""

from __future__ import annotations

import base64
import hashlib
import io
import math
import os
import threading
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ImageError, UsageError
from .box import Box

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

PILLOW_BOUND = 178_956_970
# The limit of this process (settings may set it); a bigger picture must be asked for by name.
MAX_PIXELS = PILLOW_BOUND


def max_pixels() -> int:
    """Return the pixel limit: ``AGENTKIT_MAX_PIXELS`` or the default."""
    return int(os.environ.get("AGENTKIT_MAX_PIXELS", MAX_PIXELS))


class Image:
    """A picture, addressed by content.

    ``sha256`` is the digest of the file's bytes; a crop's digest is derived from its parent's digest, its box
    and its size, so that it is known without encoding pixels. ``size`` is (width, height) in pixels after the
    EXIF orientation is applied. A crop keeps its ``parent`` (always the original, never another crop) and its
    ``box`` in pixels of that original.

    Opening is lazy: nothing is decoded before ``size`` or ``pixels`` is asked for. Animated pictures give their
    first frame, 16-bit ones are scaled to 8 bits, transparent ones are laid on white; all come out as RGB.
    Raises ``ImageError`` when the bytes are not a whole picture or exceed the pixel limit.
    """

    def __init__(
        self,
        data: bytes | None = None,
        *,
        parent: Image | None = None,
        box: Box | None = None,
        path: Path | None = None,
    ) -> None:
        self._data = data
        self.parent = parent
        self._box = box
        self.path = path
        self._pixels: PILImage | None = None
        # The picture halved once, twice, ...: a third of its memory in all, made when it is asked for.
        self._halves: list[PILImage] = []
        self._size: tuple[int, int] | None = None
        self._lock = threading.Lock()
        if parent is not None and box is not None:
            left, top, right, bottom = box.round()
            self._size = (right - left, bottom - top)
            name = f"crop:{parent.sha256}:{left},{top},{right},{bottom}"
            self.sha256 = hashlib.sha256(name.encode()).hexdigest()
        else:
            self.sha256 = hashlib.sha256(data or b"").hexdigest()

    @classmethod
    def open(cls, source: str | os.PathLike[str] | bytes | PILImage | Image) -> Image:
        """Return the picture of a path, a ``data:`` URL, encoded bytes, or a Pillow image."""
        if isinstance(source, Image):
            return source
        if isinstance(source, bytes):
            return cls(source)
        if isinstance(source, str) and source.startswith("data:"):
            return cls(base64.b64decode(source.partition(",")[2]))
        if isinstance(source, (str, os.PathLike)):
            path = Path(source)
            if not path.is_file():
                raise UsageError(f"there is no picture at {path}")
            return cls(path.read_bytes(), path=path)
        return cls.of_pixels(source)

    @classmethod
    def of_pixels(cls, pixels: PILImage) -> Image:
        """Return a Pillow image as a picture; its bytes are its PNG encoding."""
        buffer = io.BytesIO()
        rgb = _to_rgb(pixels)
        rgb.save(buffer, "PNG", compress_level=1)
        image = cls(buffer.getvalue())
        image._pixels, image._size = rgb, rgb.size
        return image

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels, after orientation."""
        if self._size is None:
            self._size = _oriented_size(self._data or b"", self._name)
        return self._size

    @property
    def box(self) -> Box:
        """The region of the original that this picture shows (the whole picture for an original)."""
        return self._box if self._box is not None else Box(0, 0, *self.size)

    @property
    def origin(self) -> Image:
        """The original picture: the parent of a crop, or this picture itself."""
        return self.parent if self.parent is not None else self

    @property
    def pixels(self) -> PILImage:
        """The decoded RGB picture. Decoded once; treat it as read-only."""
        with self._lock:
            if self._pixels is None:
                if self.parent is not None:
                    self._pixels = self.parent.pixels.crop(self.box.round())
                else:
                    self._pixels = _decode(self._data or b"", self._name)
                    self._size = self._pixels.size
            return self._pixels

    def shrunk(self, least: int) -> PILImage:
        """Return the pixels, halved as long as both sides stay at least ``least`` pixels (read-only).

        For readers that see no more than that: a large region of a large picture costs a fraction of its pixels.
        """
        halvings = max(math.floor(math.log2(max(min(self.size) / max(least, 1), 1))), 0)
        if halvings == 0:
            return self.pixels
        if self.parent is None:
            return self._half(halvings)
        scale = 2**halvings
        left, top, right, bottom = self.box.scale(1 / scale).round()
        return self.parent._half(halvings).crop((left, top, max(right, left + 1), max(bottom, top + 1)))

    def _half(self, times: int) -> PILImage:
        pixels = self.pixels
        with self._lock:
            while len(self._halves) < times:
                self._halves.append((self._halves[-1] if self._halves else pixels).reduce(2))
            return self._halves[times - 1]

    def crop(self, box: Box) -> Image:
        """Return a region as a picture; ``box`` is in pixels of the original, clipped to it.

        Raises ``UsageError`` when nothing of the box lies inside.
        """
        whole = Box(0, 0, *self.origin.size)
        inside = Box.of(*box).clip(whole)
        if inside.width < 1 or inside.height < 1:
            inside = inside.at_least(1, 1).clip(whole)
        if Box(*box).intersection(whole) <= 0 and Box(*box).area > 0:
            raise UsageError(f"box {tuple(box)} lies outside the picture of {self.origin.size} pixels")
        return Image(parent=self.origin, box=Box(*map(float, inside.round())))

    def png(self) -> bytes:
        """Return the picture (oriented, RGB) as PNG bytes."""
        buffer = io.BytesIO()
        self.pixels.save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()

    def data_url(self, max_side: int | None = None) -> str:
        """Return a ``data:`` URL of the picture, shrunk so that its longer side is at most ``max_side``."""
        pixels = self.pixels
        if max_side is not None and max(pixels.size) > max_side:
            pixels = pixels.copy()
            pixels.thumbnail((max_side, max_side))
        buffer = io.BytesIO()
        pixels.save(buffer, "PNG", compress_level=6)
        return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()

    @property
    def data(self) -> bytes:
        """The file's bytes; a crop is encoded as PNG."""
        return self._data if self._data is not None else self.png()

    @property
    def _name(self) -> str:
        return str(self.path) if self.path else f"picture {self.sha256[:12]}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Image) and other.sha256 == self.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)

    def __repr__(self) -> str:
        where = f" of {self.parent.sha256[:8]} at {tuple(self.box)}" if self.parent else ""
        return f"<Image {self.sha256[:8]}{where}>"


def _open(data: bytes, name: str) -> PILImage:
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    if max_pixels() > PILLOW_BOUND:
        # Somebody raised the limit by name: Pillow's own, of the same size, must not be in the way.
        Pillow.MAX_IMAGE_PIXELS = max_pixels() // 2 + 1
    try:
        with warnings.catch_warnings():
            # Pillow warns from half of its bound on; here the limit is the one that is checked below.
            warnings.simplefilter("ignore", Pillow.DecompressionBombWarning)
            picture = Pillow.open(io.BytesIO(data))
    except Pillow.DecompressionBombError as error:
        raise _too_big(name, str(error)) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise ImageError(f"{name} is not a picture that Pillow can read: {error}") from error
    pixels = picture.size[0] * picture.size[1]
    if pixels > max_pixels():
        raise _too_big(name, f"{pixels / 1e6:.0f} megapixels")
    return picture


def _too_big(name: str, size: str) -> ImageError:
    return ImageError(
        f"{name} is over the limit of {max_pixels() / 1e6:.0f} megapixels: {size}",
        mend="shrink it, or set AGENTKIT_MAX_PIXELS",
    )


def _oriented_size(data: bytes, name: str) -> tuple[int, int]:
    picture = _open(data, name)
    width, height = picture.size
    try:
        # A PNG may hold its EXIF block after its pixels, which are decoded to get there.
        orientation = picture.getexif().get(0x0112)
    except (OSError, SyntaxError, ValueError) as error:
        raise ImageError(f"{name} is damaged: {error}") from error
    # EXIF orientations 5 to 8 turn the picture by a quarter.
    return (height, width) if orientation in (5, 6, 7, 8) else (width, height)


def _decode(data: bytes, name: str) -> PILImage:
    from PIL import ImageOps

    picture = _open(data, name)
    try:
        picture.seek(0)
        picture.load()
        # In place: a copy of a picture of 100 megapixels is 400 MB.
        ImageOps.exif_transpose(picture, in_place=True)
        return _to_rgb(picture)
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise ImageError(f"{name} is damaged: {error}") from error


def _to_rgb(picture: PILImage) -> PILImage:
    from PIL import Image as Pillow

    if picture.mode == "RGB":
        return picture
    if picture.mode.startswith("I") or picture.mode == "F":
        import numpy as np

        values = np.asarray(picture, dtype=np.float64)
        # 16-bit files use the full range; scaling by a fixed 257 keeps two crops of one file comparable.
        scaled = values / 257.0 if values.max(initial=0) > 255 else values
        return Pillow.fromarray(scaled.clip(0, 255).astype("uint8")).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        white = Pillow.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Pillow.alpha_composite(white, rgba).convert("RGB")
    return picture.convert("RGB")


def by_digest(images: Iterable[Image]) -> dict[str, Image]:
    """Return the pictures by their ``sha256``."""
    return {image.sha256: image for image in images}
