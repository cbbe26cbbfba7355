"""Web pages: the text that matters, title, date, pictures with their captions."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urljoin

from agentkit.errors import MissingExtra, ToolError

from ..document import Document, Figure

MOST_FIGURES = 20
# Pictures that are declared smaller are ornaments.
SMALLEST = 64


def html_document(address: str, data: bytes) -> Document:
    """Return a page as trafilatura sees it; a page it finds nothing on gives all of its visible text.

    Raises ``ToolError`` for a page without text, such as one that a script fills.
    """
    try:
        import trafilatura
        from lxml import html as lxml_html
    except ImportError as error:
        raise MissingExtra("trafilatura", "retrieval") from error
    tree = trafilatura.load_html(data)
    if tree is None:
        raise ToolError(f"{address} is no HTML that can be read")
    figures = _figures(tree, address)
    whole = _visible(lxml_html.fromstring(lxml_html.tostring(tree)))
    # It edits the tree that it is given, and wants bytes of its own.
    found: Any = trafilatura.bare_extraction(data, url=address, with_metadata=True, include_comments=False)
    text = (found.text if found is not None else None) or whole
    if not text.strip():
        raise ToolError(
            f"{address} has no text", mend="a page that is filled by scripts is read with a browser"
        )
    named = tree.findtext(".//title") or ""
    return Document(
        address=address,
        text=text,
        title=((found.title if found is not None else None) or named).strip(),
        date=found.date if found is not None else None,
        media_type="text/html",
        figures=tuple(figures),
    )


def _visible(tree: Any) -> str:
    for hidden in tree.xpath("//script|//style|//noscript|//template|//head"):
        hidden.drop_tree()
    return re.sub(r"\n\s*\n+", "\n\n", re.sub(r"[ \t]+", " ", tree.text_content())).strip()


def _figures(tree: Any, address: str) -> list[Figure]:
    found: list[Figure] = []
    for image in tree.iter("img"):
        source = (image.get("src") or "").strip()
        if not source or source.startswith("data:") or _is_small(image):
            continue
        figure = next(image.iterancestors("figure"), None)
        caption = figure.findtext(".//figcaption") if figure is not None else None
        words = " ".join((caption or image.get("alt") or image.get("title") or "").split())
        where = urljoin(address, source) if "://" in address else source
        found.append(Figure(picture=where, caption=words))
        if len(found) == MOST_FIGURES:
            break
    return found


def _is_small(image: Any) -> bool:
    sides = [image.get(side, "") for side in ("width", "height")]
    return any(side.isdigit() and int(side) < SMALLEST for side in sides)
