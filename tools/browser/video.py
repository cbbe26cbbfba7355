"""Videos of a session's tabs, where the browser can record them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from .downloads import unused
from .events import EventLog

MEND = "python -m playwright install ffmpeg"


def can_record(events: EventLog) -> bool:
    """Say whether Playwright has the program that writes videos; if not, that is an event."""
    if any(_folder().glob("ffmpeg-*")):
        return True
    events.add("video", f"no video is recorded: Playwright's ffmpeg is not installed ({MEND})")
    return False


def _folder() -> Path:
    """Return the folder in which this version of Playwright looks for its ffmpeg."""
    import playwright

    table = Path(playwright.__file__).parent / "driver/package/browsers.json"
    browsers = json.loads(table.read_text("utf-8"))["browsers"]
    revision = next(item["revision"] for item in browsers if item["name"] == "ffmpeg")
    named = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    caches = {"darwin": "Library/Caches", "win32": "AppData/Local"}
    home = Path(named) if named else Path.home() / caches.get(sys.platform, ".cache") / "ms-playwright"
    return home / f"ffmpeg-{revision}"


def name_videos(paths: Sequence[Path]) -> None:
    """Give the videos of closed tabs names in the order of the tabs: ``tab-1.webm``."""
    for number, path in enumerate(paths, start=1):
        if path.is_file():
            path.rename(unused(path.with_name(f"tab-{number}{path.suffix}")))
