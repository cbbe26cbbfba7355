"""How a browser session behaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class SessionConfig:
    """The settings of a session. Times are in seconds.

    ``start`` and ``allow`` make the allow-list (see ``AllowList.of``). ``assets="any"`` lets allowed pages
    load sub-resources from elsewhere, by GET only. ``downloads`` is the folder for downloads (None: they
    are refused), ``uploads`` the files that may be given to a page (beside what was downloaded). ``sandbox`` declares that nothing on the allowed hosts is real, so that no action counts
    as irreversible. ``root`` and ``ignore`` are CSS selectors of what observations read and leave out.

    ``load_timeout`` bounds a navigation, ``action_timeout`` an action on an element, ``settle_timeout`` the
    wait for its effect (``quiet`` without a change ends it), ``send_timeout`` the wait for the answer to what a
    script sent (not by GET), ``respond_timeout`` one look at a page.
    """

    start: str | None = None
    allow: tuple[str, ...] = ()
    assets: Literal["same", "any"] = "same"
    viewport: tuple[int, int] = (1280, 720)
    downloads: Path | None = None
    uploads: tuple[Path, ...] = ()
    max_tabs: int = 5
    load_timeout: float = 15.0
    action_timeout: float = 3.0
    settle_timeout: float = 3.0
    send_timeout: float = 10.0
    respond_timeout: float = 10.0
    quiet: float = 0.06
    headed: bool = False
    sandbox: bool = False
    root: str | None = None
    ignore: str | None = None
