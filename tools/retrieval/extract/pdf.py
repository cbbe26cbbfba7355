"""PDF by PDFium: text with the box of every line, pictures with their captions, pages as pictures."""

from __future__ import annotations

import io
import re
from typing import Any

from agentkit.content import Image
from agentkit.errors import MissingExtra, ToolError

from ..document import Bounds, Document, Figure, Line, Page
from .text import name_in_words

# Pixels a point: a page is drawn, and boxes on it are given, at 144 pixels an inch.
PAGE_SCALE = 2.0
MOST_PAGES = 3000
MOST_FIGURES = 100
# Smaller pictures are rules, logos and bullets.
SMALLEST = 64
_CAPTION = re.compile(r"\s*(fig(ure)?|table|plate|abb(ildung)?)\b", re.IGNORECASE)
_DATE = re.compile(r"D:(\d{4})(\d{2})(\d{2})")


def pdf_document(address: str, data: bytes) -> Document:
    """Return a PDF. Raises ``ToolError`` when it is broken, encrypted, or has neither text nor pictures."""
    pdf = _open(address, data)
    try:
        text, pages, figures = "", [], []
        for index in range(min(len(pdf), MOST_PAGES)):
            try:
                page = pdf[index]
            except _pdfium().PdfiumError:
                # One damaged page does not cost the others.
                continue
            written, lines = _lines(page, len(text))
            if len(figures) < MOST_FIGURES:
                figures += _figures(page, index + 1, lines, written, len(text))
            end = len(text) + len(written)
            pages.append(Page(number=index + 1, start=len(text), end=end, lines=tuple(lines)))
            text += written
            page.close()
        if not text.strip() and not figures:
            raise ToolError(f"{address} has neither text nor pictures")
        facts = pdf.get_metadata_dict(skip_empty=True)
    finally:
        pdf.close()
    date = _DATE.match(facts.get("ModDate") or facts.get("CreationDate") or "")
    return Document(
        address=address,
        text=text,
        title=" ".join(facts.get("Title", "").split()) or name_in_words(address),
        date="-".join(date.groups()) if date else None,
        media_type="application/pdf",
        pages=tuple(pages),
        figures=tuple(figures[:MOST_FIGURES]),
    )


def page_picture(address: str, data: bytes, number: int) -> Image:
    """Return a page, numbered from 1, as a picture at ``PAGE_SCALE``. Raises ``ToolError`` when it is not there."""
    pdf = _open(address, data)
    try:
        if not 1 <= number <= len(pdf):
            raise ToolError(f"{address} has {len(pdf)} pages, not {number}")
        return Image.of_pixels(pdf[number - 1].render(scale=PAGE_SCALE).to_pil())
    except _pdfium().PdfiumError as error:
        raise ToolError(f"page {number} of {address} can't be drawn: {error}") from error
    finally:
        pdf.close()


def _pdfium() -> Any:
    try:
        import pypdfium2
    except ImportError as error:
        raise MissingExtra("pypdfium2", "retrieval") from error
    return pypdfium2


def _open(address: str, data: bytes) -> Any:
    pdfium = _pdfium()
    try:
        pdf = pdfium.PdfDocument(data)
        len(pdf)
    except pdfium.PdfiumError as error:
        mend = "remove its password" if "password" in str(error).lower() else None
        raise ToolError(f"{address} is a PDF that can't be opened: {error}", mend=mend) from error
    return pdf


def _lines(page: Any, offset: int) -> tuple[str, list[Line]]:
    """Return a page's text, ending in a blank line, and its lines with places from ``offset`` on."""
    reader = page.get_textpage()
    height = page.get_height()
    text, lines = "", []
    raw = reader.get_text_range()
    place = 0
    for line in raw.splitlines(keepends=True):
        words = line.strip()
        if words:
            box = _box(reader, place, len(line.rstrip()), height)
            start = offset + len(text)
            if box is not None:
                lines.append(Line(start=start, end=start + len(words), box=box))
            text += words
        place += len(line)
        text += "\n"
    reader.close()
    return (text + "\n" if text.strip() else ""), (lines if text.strip() else [])


def _box(reader: Any, start: int, count: int, height: float) -> Bounds | None:
    """Return the box of some characters in pixels of the drawn page."""
    rectangles = [reader.get_rect(index) for index in range(reader.count_rects(start, count))]
    if not rectangles:
        return None
    left, right = min(r[0] for r in rectangles), max(r[2] for r in rectangles)
    bottom, top = min(r[1] for r in rectangles), max(r[3] for r in rectangles)
    return _pixels(left, bottom, right, top, height)


def _pixels(left: float, bottom: float, right: float, top: float, height: float) -> Bounds:
    # A PDF counts upwards from the bottom of the page.
    return (
        left * PAGE_SCALE,
        (height - top) * PAGE_SCALE,
        right * PAGE_SCALE,
        (height - bottom) * PAGE_SCALE,
    )


def _figures(page: Any, number: int, lines: list[Line], text: str, offset: int) -> list[Figure]:
    import pypdfium2.raw as raw

    found = []
    for item in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3):
        width, height = item.get_px_size()
        if min(width, height) < SMALLEST or width * height > 100_000_000:
            continue
        try:
            picture = item.get_bitmap(render=False).to_pil()
        except (_pdfium().PdfiumError, ValueError):
            # A picture in a coding that PDFium does not undo; the text is there all the same.
            continue
        buffer = io.BytesIO()
        picture.convert("RGB").save(buffer, "PNG", compress_level=1)
        left, bottom, right, top = item.get_bounds()
        box = _pixels(left, bottom, right, top, page.get_height())
        caption = _caption(box, lines, text, offset)
        found.append(Figure(data=buffer.getvalue(), caption=caption, page=number, box=box))
    return found


def _caption(box: Bounds, lines: list[Line], text: str, offset: int) -> str:
    """Return the caption nearest to a picture: a line that begins like one, with the two after it."""
    near: list[tuple[float, int]] = []
    for index, line in enumerate(lines):
        if _CAPTION.match(text[line.start - offset : line.end - offset]):
            gap = max(line.box[1] - box[3], box[1] - line.box[3], 0.0)
            near.append((gap, index))
    if not near:
        return ""
    first = min(near)[1]
    chosen = lines[first : first + 3]
    return " ".join(text[line.start - offset : line.end - offset] for line in chosen)
