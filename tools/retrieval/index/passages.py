"""From a document to what is stored of it: rows, and the pictures that go with them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agentkit.content import Box, Image
from agentkit.errors import ImageError

from ...vision.page import ReadingPlan, TextLine, read_page
from ..captions import Captioner
from ..chunks import OVERLAP, SIZE, spans
from ..document import Document, Figure
from ..hashing import perceptual_hash
from .sources import is_url
from .store import Row

# Pictures with a shorter side are not read.
SMALLEST_READ = 48
# Fewer letters and digits in a block are a page number or a tick of an axis.
LEAST_READ = 3
# Of a very large picture this many places with text are read, at a quarter of a second each.
MOST_TILES = 64
PICTURES = "pictures"


@dataclass(frozen=True)
class Way:
    """How documents become passages; another way makes them anew.

    ``size`` and ``overlap``: of text passages, in characters. ``ocr``: read the text in pictures. ``captioner``: who
    describes pictures that nobody has described.
    """

    size: int = SIZE
    overlap: int = OVERLAP
    ocr: bool = True
    captioner: Captioner | None = None

    @property
    def name(self) -> str:
        captions = f";captions by {self.captioner.name}" if self.captioner is not None else ""
        return f"1;{self.size};{self.overlap};{'ocr' if self.ocr else 'no ocr'}{captions}"


@dataclass
class Rows:
    """The rows of a document and its pictures by passage id; ``problems`` are pictures that could not be used."""

    digest: str
    rows: list[Row] = field(default_factory=list)
    images: dict[str, Image] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def rows_of(document: Document, digest: str, way: Way, folder: Path) -> Rows:
    """Return what is stored of a document. Pictures without a file of their own are kept in ``folder``."""
    made = Rows(digest)
    is_pdf = document.media_type == "application/pdf"
    for start, end in _places(document, way):
        page = document.page_of(start)
        made.rows.append(
            Row(
                id=_id(made),
                kind="text",
                text=document.text[start:end],
                embedded=_key(document.title, document.text[start:end]),
                start=start,
                end=end,
                page=page.number if page else None,
                # A passage of a PDF can be shown on its page.
                picture=f"#page={page.number}" if is_pdf and page else None,
                box=document.region(start, end),
            )
        )
    for figure in document.figures:
        if figure.data is None:
            continue
        try:
            _add_figure(made, document, figure, figure.data, way, folder)
        except ImageError as error:
            made.problems.append(error.message)
    return made


def _places(document: Document, way: Way) -> Iterator[tuple[int, int]]:
    """Yield the places of passages; none goes over the end of a page, so that it can be shown on one."""
    parts = [(page.start, page.end) for page in document.pages] or [(0, len(document.text))]
    for first, last in parts:
        for start, end in spans(document.text[first:last], way.size, way.overlap):
            yield first + start, first + end


def _add_figure(made: Rows, document: Document, figure: Figure, data: bytes, way: Way, folder: Path) -> None:
    image = Image.open(data)
    value = perceptual_hash(image)
    is_file = document.media_type.startswith("image") and not is_url(document.address)
    # What is on the web may be gone tomorrow: the index keeps what it saw.
    here = figure.picture if figure.picture and not is_url(figure.picture) else None
    picture = "" if is_file else here or _keep(image, folder)
    text = figure.caption or document.title
    row = Row(
        id=_id(made),
        kind="picture",
        text=text,
        embedded=_key(document.title, text),
        page=figure.page,
        image=image.sha256,
        picture=picture,
        hash=value,
    )
    made.rows.append(row)
    made.images[row.id] = image
    if not way.ocr or min(image.size) < SMALLEST_READ:
        return
    for lines in blocks(read_page(image, ReadingPlan(tiles=MOST_TILES)).lines):
        written = "\n".join(line.text for line in lines)
        if sum(character.isalnum() for character in written) < LEAST_READ:
            continue
        box = lines[0].box
        for line in lines[1:]:
            box = box.union(line.box)
        made.rows.append(
            Row(
                id=_id(made),
                kind="ocr",
                text=written,
                embedded=_key(document.title, written),
                page=figure.page,
                image=image.sha256,
                picture=picture,
                box=(box.left, box.top, box.right, box.bottom),
            )
        )


def blocks(lines: Sequence[TextLine]) -> list[list[TextLine]]:
    """Return lines of text grouped into blocks: a line joins the block that it stands right below."""
    found: list[list[TextLine]] = []
    for line in sorted(lines, key=lambda item: (item.box.top, item.box.left)):
        block = next((block for block in found if _below(block[-1].box, line.box)), None)
        if block is not None:
            block.append(line)
        else:
            found.append([line])
    return found


def _below(above: Box, box: Box) -> bool:
    overlap = min(above.right, box.right) - max(above.left, box.left)
    height = max(above.height, box.height)
    near = -0.5 * height <= box.top - above.bottom <= 0.8 * height
    alike = min(above.height, box.height) >= 0.5 * height
    return near and alike and overlap > 0.3 * min(above.width, box.width)


def embedded_text(title: str, text: str) -> str:
    """Return what a passage's vector is made of: its title says what "it" and "she" in it are."""
    return f"{title}\n{text}" if title and title != text else text


def _key(title: str, text: str) -> str:
    return hashlib.sha256(embedded_text(title, text).encode()).hexdigest()[:32]


def _id(made: Rows) -> str:
    return f"{made.digest[:20]}.{len(made.rows)}"


def _keep(image: Image, folder: Path) -> str:
    """Write a picture into the index, by its digest; return its path there."""
    place = folder / PICTURES / f"{image.sha256}.png"
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        half = place.with_suffix(".half")
        half.write_bytes(image.data)
        half.replace(place)
    return f"{PICTURES}/{place.name}"
