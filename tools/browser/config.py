"""How a browser session behaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from agentkit.errors import UsageError

# What a run sets by itself.
OF_A_RUN = frozenset({"start", "allow", "sandbox", "downloads"})


@dataclass(frozen=True)
class SessionConfig:
    """The settings of a session. Times are in seconds.

    ``start`` and ``allow`` make the allow-list (see ``AllowList.of``). ``assets="any"`` lets allowed pages
    load sub-resources from elsewhere, by GET only. ``downloads`` is the folder for downloads (None: they
    are refused), ``uploads`` the files that may be given to a page (beside what was downloaded). ``sandbox`` declares that nothing on the allowed hosts is real, so that no action counts
    as irreversible. ``root`` and ``ignore`` are CSS selectors of what observations read and leave out.

    How the browser is opened: ``headed`` in a window; with ``profile``, a folder in which cookies and storage stay
    between sessions; or ``cdp``, the address of a running browser, in which the session gets a context of its own.
    ``proxy`` is an ``http``, ``https`` or ``socks5`` URL, with credentials if need be: what the allow-list lets
    through goes there. ``video`` is a folder for a video of each tab.

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
    profile: Path | None = None
    cdp: str | None = None
    proxy: str | None = field(default=None, repr=False)
    video: Path | None = None
    sandbox: bool = False
    root: str | None = None
    ignore: str | None = None

    def __post_init__(self) -> None:
        if self.cdp and (self.profile or self.headed):
            raise UsageError(
                "a browser that runs already is attached to as it is: it takes no profile and is not opened headed"
            )
