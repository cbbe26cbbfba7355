"""Find a Chromium and start it: one order of places, one clear error."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from agentkit.errors import MissingExtra, UsageError

if TYPE_CHECKING:
    from playwright.async_api import Browser, Playwright

VARIABLE = "AGENTKIT_BROWSER"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
FIXED = (
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
    "/snap/bin/chromium",
    "/opt/google/chrome/chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
MEND = (
    "with root: apt-get install chromium; without: python -m playwright install chromium; "
    f"or set {VARIABLE} to a Chromium"
)
DISPLAY = "leave --headed out, set DISPLAY, or run it in xvfb-run"
T = TypeVar("T")

# Nothing but the pages themselves may use the network; WebRTC and QUIC would go around the proxy
# that holds the allow-list.
FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--dns-prefetch-disable",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--metrics-recording-only",
    "--no-first-run",
    "--no-pings",
)


def find_browser() -> Path | None:
    """Return the browser to start, or None when there is none.

    Order: ``AGENTKIT_BROWSER``, Playwright's own download, the search path, fixed places.
    Raises ``UsageError`` when ``AGENTKIT_BROWSER`` names something that can't be run.
    """
    named = os.environ.get(VARIABLE)
    if named:
        found = shutil.which(named)
        if found is None:
            raise UsageError(f"{VARIABLE} names {named}, which is not a program", mend=MEND)
        return Path(found)
    return _playwrights_own() or _on_the_path() or _at_fixed_places()


def _playwrights_own() -> Path | None:
    root = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    homes = (
        [Path(root)]
        if root
        else [Path.home() / ".cache/ms-playwright", Path.home() / "Library/Caches/ms-playwright"]
    )
    patterns = ("chromium-*/chrome-linux*/chrome", "chromium-*/chrome-mac*/*.app/Contents/MacOS/*")
    found = [
        path
        for home in homes
        for pattern in patterns
        for path in home.glob(pattern)
        if os.access(path, os.X_OK)
    ]
    return max(found, default=None)


def _on_the_path() -> Path | None:
    return next((Path(found) for name in NAMES if (found := shutil.which(name))), None)


def _at_fixed_places() -> Path | None:
    return next((Path(place) for place in FIXED if os.access(place, os.X_OK)), None)


def require_browser() -> Path:
    """Return the browser to start. Raises ``UsageError`` when there is none."""
    found = find_browser()
    if found is None:
        raise UsageError("no browser was found", mend=MEND)
    return found


async def launch(playwright: Playwright, *, headed: bool = False) -> Browser:
    """Start the browser that ``find_browser`` finds. Raises ``UsageError`` when none is there or starts.

    It has Chromium's own sandbox where it can: not as root, and not where the system allows none (containers).
    """
    return await start(playwright.chromium.launch, headed=headed)


async def start(launcher: Callable[..., Awaitable[T]], *, headed: bool, **options: Any) -> T:
    """Return what one of Playwright's ways to start a browser gives, with our flags. Raises ``UsageError``."""
    from playwright.async_api import Error

    if headed:
        require_display()
    program = require_browser()
    flags = (*FLAGS, *options.pop("flags", ()))
    begin = partial(
        launcher, executable_path=program, headless=not headed, args=flags, handle_sigint=False, **options
    )
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    try:
        try:
            return await begin(chromium_sandbox=not root)
        except Error as error:
            if root or "sandbox" not in str(error).partition("Call log:")[0]:
                raise
            return await begin(chromium_sandbox=False)
    except Error as error:
        if "X server" in str(error) or "Missing X" in str(error):
            raise UsageError(
                f"the display {os.environ.get('DISPLAY')} does not answer", mend=DISPLAY
            ) from error
        first = str(error).strip().splitlines()[0]
        raise UsageError(f"the browser {program} does not start: {first}", mend=MEND) from error


def has_display() -> bool:
    """Say whether a window can be shown here, as far as the environment tells."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def require_display(mend: str = DISPLAY) -> None:
    """Raise ``UsageError`` when no window can be shown here."""
    if not has_display():
        raise UsageError("a window needs a display, and there is none here", mend=mend)


def require_playwright() -> None:
    """Raise ``MissingExtra`` when Playwright is not installed."""
    try:
        import playwright.async_api  # noqa: F401
    except ImportError as error:
        raise MissingExtra("playwright", "web") from error
