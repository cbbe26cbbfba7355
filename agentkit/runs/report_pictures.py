"""The pictures of a report: each is embedded once, and shown wherever it is needed.

A picture is an SVG drawing in the pixels of its original: the whole of it, shrunk, and over that the regions that
somebody looked at closely, as sharp as they are. Any region can then be shown by its box alone.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from ..content import Box, Image
from ..errors import ImageError, RunError
from .folder import RunFolder

WHOLE_SIDE = 2000
REGION_SIDE = 384
QUALITY = 80
# All regions of a report together; beyond that, the shrunk whole picture serves.
REGION_BYTES = 8_000_000
# The widest and the tallest shape (width by height) that is drawn as it is; others are stretched.
WIDEST, TALLEST = 8.0, 0.25


@dataclass
class Drawing:
    """One original: its size in pixels, how much it was shrunk, and the SVG images that draw it.

    ``image`` is kept only where a region may be wanted sharper than the whole shows it.
    """

    key: str
    image: Image | None
    size: tuple[int, int]
    scale: float
    parts: list[Markup] = field(default_factory=list)
    regions: set[tuple[int, int, int, int]] = field(default_factory=set)


class Pictures:
    """Embeds the pictures of a run folder as they are asked for; ``definitions`` comes last in the page."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._drawings: dict[str, Drawing | None] = {}
        self._left = REGION_BYTES

    def view(
        self,
        digest: str | None,
        box: tuple[float, float, float, float] | None = None,
        *,
        mark: tuple[float, float, float, float] | None = None,
        path: Sequence[tuple[float, float, float, float]] = (),
        label: str = "picture",
        style: str = "",
    ) -> Markup:
        """Return a picture, or its region ``box``, as SVG; ``mark`` is outlined in it, ``path`` more thinly."""
        drawing = self.drawing(digest)
        if drawing is None:
            return Markup('<span class="gone">picture {} is not in the run folder</span>').format(
                (digest or "")[:12]
            )
        area = Box(0, 0, *drawing.size) if box is None else Box(*box).at_least(1, 1)
        if box is not None:
            self._sharpen(drawing, area)
        outline = Markup().join(_outline(place, "way") for place in path)
        if mark is not None:
            outline += _outline(mark, "mark")
        ratio, stretched = shape(area.width, area.height)
        fit = Markup(' preserveAspectRatio="none"') if stretched else ""
        return Markup(
            '<svg class="picture {}" viewBox="{} {} {} {}"{} style="aspect-ratio:{}" role="img" aria-label="{}" '
            'tabindex="0"><use href="#{}"/>{}</svg>'
        ).format(style, *_flat(area), fit, f"{ratio:.4g}", label, drawing.key, outline)

    def drawing(self, digest: str | None) -> Drawing | None:
        """Return the drawing of a picture, None when it is gone or can't be read."""
        if digest is None:
            return None
        if digest not in self._drawings:
            self._drawings[digest] = self._draw(digest)
        return self._drawings[digest]

    def sharpen(self, digest: str, box: tuple[float, float, float, float]) -> None:
        """Embed a region sharply, for views that are chosen while reading."""
        drawing = self.drawing(digest)
        if drawing is not None:
            self._sharpen(drawing, Box(*box))

    def definitions(self) -> Markup:
        """Return the hidden drawings that the views refer to."""
        groups = [
            Markup('<g id="{}">{}</g>').format(drawing.key, Markup().join(drawing.parts))
            for drawing in self._drawings.values()
            if drawing is not None
        ]
        return Markup('<svg class="definitions" aria-hidden="true"><defs>{}</defs></svg>').format(
            Markup().join(groups)
        )

    def _draw(self, digest: str) -> Drawing | None:
        try:
            image = self._folder.get_image(digest)
            width, height = image.size
            data, scale = _encode(image, WHOLE_SIDE)
        except (RunError, ImageError):
            return None
        kept = image if scale < 1 else None
        drawing = Drawing(f"p{len(self._drawings)}", kept, (width, height), scale)
        drawing.parts.append(_image_tag(Box(0, 0, width, height), data))
        return drawing

    def _sharpen(self, drawing: Drawing, box: Box) -> None:
        inside = box.clip(Box(0, 0, *drawing.size))
        place = inside.round()
        longer = max(inside.width, inside.height)
        # Where the shrunk picture shows the region nearly as well, it is enough.
        enough = longer * drawing.scale >= 0.8 * min(longer, REGION_SIDE)
        if drawing.image is None or enough or place in drawing.regions or inside.area < 1 or self._left <= 0:
            return
        drawing.regions.add(place)
        data, _ = _encode(drawing.image.crop(inside), REGION_SIDE)
        self._left -= len(data)
        drawing.parts.append(_image_tag(Box(*map(float, place)), data))


def shape(width: float, height: float) -> tuple[float, bool]:
    """Return the width of a picture on the page for a height of 1, and whether that is not its own.

    A picture that is far longer than wide, or wider than long, is stretched: nobody sees a line of pixels.
    """
    own = max(width, 1e-6) / max(height, 1e-6)
    ratio = min(max(own, TALLEST), WIDEST)
    return ratio, ratio != own


def _encode(image: Image, side: int) -> tuple[bytes, float]:
    """Return a picture as WebP, its longer side at most ``side``, and by how much it was shrunk."""
    pixels = image.pixels
    longer = max(pixels.size)
    if longer > side:
        pixels = pixels.copy()
        pixels.thumbnail((side, side))
    buffer = io.BytesIO()
    # Drawings of a page are mostly flat: method 2 is quick and small enough.
    pixels.save(buffer, "WEBP", quality=QUALITY, method=2)
    return buffer.getvalue(), min(1.0, side / longer)


def _image_tag(box: Box, data: bytes) -> Markup:
    left, top, width, height = _flat(box)
    encoded = base64.b64encode(data).decode()
    return Markup(
        '<image x="{}" y="{}" width="{}" height="{}" preserveAspectRatio="none" href="data:image/webp;base64,{}"/>'
    ).format(left, top, width, height, encoded)


def _outline(place: tuple[float, float, float, float], style: str) -> Markup:
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(
        style, *_flat(Box(*place))
    )


def _flat(box: Box) -> tuple[str, str, str, str]:
    """Return left, top, width and height as short numbers."""
    values = (box.left, box.top, box.width, box.height)
    left, top, width, height = (f"{value:.1f}".removesuffix(".0") for value in values)
    return left, top, width, height
