"""Downloads: into one folder, under safe names, never over another file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from .events import EventLog

if TYPE_CHECKING:
    from playwright.async_api import Download


async def save(download: Download, suggested: str, folder: Path | None, events: EventLog) -> None:
    """Save a download into ``folder`` and record it; without a folder it is refused."""
    from playwright.async_api import Error

    name = safe_name(suggested)
    if folder is None:
        events.add("download", f"the download of {name} was refused: no folder for downloads")
        return
    try:
        path = unused(folder / name)
        await download.save_as(path)
        size = path.stat().st_size
    except (Error, OSError) as error:
        events.add("download", f"the download of {name} failed: {str(error).splitlines()[0]}")
        return
    events.add("download", f"downloaded {path.name}, {size} bytes", path=str(path))


def safe_name(suggested: str) -> str:
    """Return a file name without folders, leading dots or characters that mean something to a shell."""
    name = Path(suggested.replace("\\", "/")).name
    return re.sub(r"[^\w .()-]", "_", name).lstrip("._ ")[:120] or "download"


def unused(path: Path) -> Path:
    """Return the path, or with a number before its suffix when a file of that name is there."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_stem(f"{path.stem}-{number}")
    return free
