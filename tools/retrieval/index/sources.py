"""What is to be indexed: files under folders, and URLs, each read once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from agentkit.errors import ToolError, UsageError

from .store import FILE

# Bytes. What is larger is a data set or a film, not something to read.
LARGEST = 100_000_000
# Words beside a picture of the same name: what it shows.
CAPTION = ".caption.txt"


@dataclass(frozen=True)
class Raw:
    """A document's bytes as they were found; ``digest`` covers all that goes into its passages."""

    address: str
    data: bytes
    media_type: str = ""
    date: str | None = None
    caption: str = ""

    @property
    def digest(self) -> str:
        caption = f"\0caption:{self.caption}".encode() if self.caption else b""
        return hashlib.sha256(self.data + caption).hexdigest()


def is_url(place: str) -> bool:
    return urlsplit(place).scheme in ("http", "https")


def address_of(place: str) -> str:
    """Return what names a document in the index: its absolute path, or its URL without the part after ``#``."""
    if is_url(place):
        split = urlsplit(place)
        return urlunsplit((split.scheme, split.netloc.lower(), split.path or "/", split.query, ""))
    return str(Path(place).expanduser().resolve())


def files_under(places: Iterable[str | Path]) -> Iterator[str]:
    """Yield every file and URL once, folders in the order of names; hidden files and folders are left out.

    Raises ``UsageError`` for a path that is not there.
    """
    seen: set[str] = set()
    for place in places:
        for address in _under(str(place)):
            if address not in seen:
                seen.add(address)
                yield address


def _under(place: str) -> Iterator[str]:
    if is_url(place):
        yield address_of(place)
        return
    path = Path(place).expanduser()
    if path.is_file():
        yield address_of(place)
    elif path.is_dir():
        yield from _walk(path.resolve())
    else:
        raise UsageError(f"there is nothing at {place}")


def _walk(folder: Path) -> Iterator[str]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.is_symlink() or path.name.endswith(CAPTION):
            # A link may lead round in circles, or out of what was named.
            continue
        if path.is_dir():
            # An index does not index itself, nor another one.
            if not (path / FILE).is_file():
                yield from _walk(path)
        elif path.is_file():
            yield str(path)


def read_file(address: str) -> Raw:
    """Return a file's bytes. Raises ``ToolError`` when it is empty, too large or can't be read."""
    path = Path(address)
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise ToolError(f"{address} is larger than {LARGEST / 1e6:g} MB")
        if size == 0:
            raise ToolError(f"{address} is empty")
        beside = path.with_suffix(CAPTION)
        caption = " ".join(beside.read_text("utf-8", "replace").split()) if beside.is_file() else ""
        return Raw(address, path.read_bytes(), caption=caption)
    except OSError as error:
        raise ToolError(f"{address} can't be read: {error.strerror or error}") from error
