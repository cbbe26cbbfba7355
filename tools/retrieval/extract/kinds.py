"""Which kind of document some bytes are, and who takes it apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from agentkit.errors import ToolError

from ..document import Document

# First bytes of what Pillow reads; the bytes say it better than a name.
_PICTURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*")
_HTML_NAMES = (".html", ".htm", ".xhtml")
_PICTURE_NAMES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp")


def kind_of(address: str, data: bytes, media_type: str = "") -> str:
    """Return ``picture``, ``pdf``, ``html`` or ``text``.

    First the bytes are asked, then what the server said, then the name. Raises ``ToolError`` for bytes that are none
    of them.
    """
    head = data[:1024].lstrip()
    name = PurePosixPath(urlsplit(address).path if "://" in address else address).suffix.lower()
    if head.startswith(b"%PDF") or media_type == "application/pdf":
        return "pdf"
    if _is_picture(data) or media_type.startswith("image/") or name in _PICTURE_NAMES:
        return "picture"
    lower = head.lower()
    if lower.startswith((b"<!doctype html", b"<html")) or media_type in (
        "text/html",
        "application/xhtml+xml",
    ):
        return "html"
    if name in _HTML_NAMES or (lower.startswith(b"<?xml") and b"<html" in lower):
        return "html"
    if name == ".pdf":
        return "pdf"
    if _is_binary(data):
        raise ToolError(f"{address} is no text, page, PDF or picture", mend="convert it to one of these")
    return "text"


def extract(address: str, data: bytes, kind: str) -> Document:
    """Return the document of some bytes of a known kind. Raises ``ToolError`` when they are broken or empty."""
    if not data.strip():
        raise ToolError(f"{address} is empty")
    return KINDS[kind](address, data)


def _is_picture(data: bytes) -> bool:
    webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    # Two letters alone may begin a text about cars.
    bitmap = data[:2] == b"BM" and data[6:10] == bytes(4)
    return webp or bitmap or data.startswith(_PICTURES)


def _is_binary(data: bytes) -> bool:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    return b"\0" in data[:8192]


def _text(address: str, data: bytes) -> Document:
    from .text import text_document

    return text_document(address, data)


def _html(address: str, data: bytes) -> Document:
    from .html import html_document

    return html_document(address, data)


def _pdf(address: str, data: bytes) -> Document:
    from .pdf import pdf_document

    return pdf_document(address, data)


def _picture(address: str, data: bytes) -> Document:
    from .picture import picture_document

    return picture_document(address, data)


KINDS: Mapping[str, Callable[[str, bytes], Document]] = {
    "text": _text,
    "html": _html,
    "pdf": _pdf,
    "picture": _picture,
}
