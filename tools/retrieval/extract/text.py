"""Plain text, Markdown, source, tables: bytes of any encoding to a document."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from agentkit.errors import MissingExtra, ToolError

from ..document import Document

_FRONT = re.compile(r"\A---\r?\n(.*?)\r?\n---\r?\n", re.DOTALL)
_HEADING = re.compile(r"^#\s+(.+?)\s*#*\s*$", re.MULTILINE)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ][0-9:.+Z-]+)?\Z")
# The first characters, in which a title is looked for.
HEAD = 2000


def text_document(address: str, data: bytes) -> Document:
    """Return a text. Title and date are those of its front matter (``title:``, ``date:``), else its first heading."""
    text = decode(address, data)
    front, text = _front_matter(text)
    heading = _HEADING.search(text[:HEAD])
    title = front.get("title") or (heading.group(1) if heading else "") or name_in_words(address)
    date = front.get("date") or front.get("updated")
    return Document(
        address=address, text=text, title=title, date=date if date and _DATE.match(date) else None
    )


def decode(address: str, data: bytes) -> str:
    """Return text: UTF-8, a byte order mark's encoding, else the encoding that fits best.

    Raises ``ToolError`` when no encoding fits.
    """
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        from charset_normalizer import from_bytes
    except ImportError as error:
        raise MissingExtra("charset-normalizer", "retrieval") from error
    # A part is enough to tell, and looking at all of a large file takes minutes.
    best = from_bytes(data[:200_000]).best()
    if best is None:
        raise ToolError(f"{address} is text of no known encoding", mend="convert it to UTF-8")
    return data.decode(best.encoding, "replace")


def name_in_words(address: str) -> str:
    """Return the name of a file as words, for what has no title of its own."""
    return " ".join(re.split(r"[-_\s]+", PurePosixPath(address.rstrip("/")).stem)).strip()


def _front_matter(text: str) -> tuple[dict[str, str], str]:
    """Return the front matter, and the text with blanks in its place, so that places stay what they were."""
    match = _FRONT.match(text[: 2 * HEAD])
    if match is None:
        return {}, text
    pairs = (line.partition(":") for line in match.group(1).splitlines())
    facts = {key.strip().lower(): value.strip().strip("\"'") for key, _, value in pairs if value.strip()}
    return facts, " " * (match.end() - 1) + "\n" + text[match.end() :]
