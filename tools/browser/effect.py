"""What an action did: done within bounds, waited for without sleeping, and told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from agentkit.errors import OutcomeUnknown, ToolError

from .script import first_line
from .session import BrowserSession

if TYPE_CHECKING:
    from playwright.async_api import Frame, Page

# What is told of an action beside its effect on the page.
_TOLD = ("dialog", "blocked", "download", "tab", "crash", "navigation")
_MOST_FRAMES = 20


@dataclass(frozen=True)
class Effect:
    """What an action did. ``text`` says it in words; words of the page in it are untrusted.

    ``sent``: a script of the page sent something to a server (not by GET): repeating the action sends it again.
    """

    url_before: str
    url_after: str
    changed: bool
    navigated: bool = False
    sent: bool = False
    dialogs: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    downloads: tuple[str, ...] = ()
    new_tabs: int = 0
    text: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return asdict(self)


async def effect_of(
    session: BrowserSession, act: Callable[[], Awaitable[Any]], element: str = "", *, scrolls: bool = False
) -> Effect:
    """Do something to the active tab, wait for its effect, and say what it was.

    The effect has ended when the page is loaded, its DOM was still for a moment and the requests it began
    are answered, or when the time for that (``settle_timeout``) is over. A page that was asked for, or a form
    that was sent, is waited for up to ``load_timeout``, the answer to what a script sent up to ``send_timeout``.
    Raises ``OutcomeUnknown`` when something was sent and no answer has come by then: what the server did is not
    known; ``ToolError`` when a page has not come.
    """
    from playwright.async_api import Error

    page, before, mark = session.page, session.url, session.events.total
    tabs, limit = len(session.tabs), session.config.action_timeout + session.config.load_timeout
    await _watch(session, page)
    session.begin()
    try:
        async with asyncio.timeout(limit):
            await act()
    except TimeoutError:
        raise ToolError(f"the page did not respond within {limit:g} s") from None
    except Error as error:
        raise ToolError(_why(error, element)) from error
    changes = await _settle(session, scrolls)
    if session.awaited() or session.sending():
        waited = session.config.load_timeout if session.awaited() else session.config.send_timeout
        kind = OutcomeUnknown if session.sending() else ToolError
        raise kind(f"the server has not answered within {waited:g} s")
    return _effect(session, before, mark, tabs, changes)


def _why(error: BaseException, element: str) -> str:
    lines = [line.strip(" -") for line in str(error).splitlines()]
    reasons = [
        line for line in lines if "intercepts pointer events" in line or line.startswith("element is not")
    ]
    what = element or "the page"
    if "not attached" in str(error) or "is detached" in str(error):
        return f"{what} is no longer on the page"
    if any("performing" in line for line in lines):
        return f"{what}: the page was busy and did not say whether the action was done"
    return f"{what}: {reasons[-1] if reasons else first_line(error)}"[:300]


async def _watch(session: BrowserSession, page: Page) -> None:
    for frame in page.frames:
        # A frame that can't be watched only means less to report.
        with suppress(ToolError):
            await session.kit(frame, "kit.watch()")


async def _settle(session: BrowserSession, scrolls: bool) -> int:
    """Wait until the active tab is loaded and quiet, each within its bound; return how much changed."""

    config, count = session.config, 0
    start = time.monotonic()
    end, last = start + config.settle_timeout, start + config.load_timeout
    while (page := session.alive) is not None:
        await _loaded(session, page)
        left = max(0.05, end - time.monotonic())
        frames = page.frames[:_MOST_FRAMES]
        seen = await asyncio.gather(*(_stillness(session, frame, left) for frame in frames))
        count += sum(s["count"] + (s["scrolls"] if scrolls else 0) for s in seen)
        # A document that is being left has asked for its successor, though the request may not be seen yet.
        leaving = any(s["leaving"] for s in seen) and not (session.asked or session.navigated)
        now, awaited = time.monotonic(), session.awaited()
        if awaited or session.sending():
            end = min(now + config.settle_timeout, last if awaited else start + config.send_timeout)
        still = all(s["quiet"] for s in seen) and page is session.alive
        if now >= end or (still and not (awaited or leaving or session.pending())):
            break
        await asyncio.sleep(0.01)
    await session.leave_blocked_page()
    return count


async def _loaded(session: BrowserSession, page: Page) -> None:
    """Wait until a page's document is there, at most as long as a page may take.

    The document is asked, too: where a page began to leave for a place that is refused, it says that it is there and
    the browser's driver goes on waiting for it.
    """
    from playwright.async_api import Error
    from playwright.async_api import TimeoutError as NotYet

    end = time.monotonic() + session.config.load_timeout
    while (left := end - time.monotonic()) > 0:
        try:
            return await page.wait_for_load_state("domcontentloaded", timeout=min(left, 0.5) * 1000)
        except NotYet:
            with suppress(ToolError):
                if await session.script.bounded(page.evaluate("document.readyState")) != "loading":
                    return None
        except Error:
            return None
    return None


async def _stillness(session: BrowserSession, frame: Frame, seconds: float) -> dict[str, Any]:
    """Wait for a frame to be quiet; return its changes, its scrolls, whether it was, and whether it is being left."""
    limits = [session.config.quiet * 1000, seconds * 1000]
    try:
        return await session.kit(frame, "kit.settle(arg[0], arg[1])", limits)
    except ToolError:
        # The document went away while it was watched: its successor is waited for.
        return {"count": 1, "scrolls": 0, "quiet": frame.is_detached(), "leaving": False}


def _effect(session: BrowserSession, before: str, mark: int, tabs: int, changes: int) -> Effect:
    events = session.events.since(mark)
    of_kind = {
        kind: tuple(e.text for e in events if e.kind == kind) for kind in ("dialog", "blocked", "download")
    }
    after, navigated = session.url, session.navigated
    new_tabs = max(0, len(session.tabs) - tabs)
    page = (
        f"now at {after}" if navigated else "the page changed" if changes else "nothing changed on the page"
    )
    words = [page, *(event.text for event in events if event.kind in _TOLD)]
    return Effect(
        url_before=before,
        url_after=after,
        changed=bool(changes or navigated or new_tabs),
        navigated=navigated,
        sent=session.sent,
        dialogs=of_kind["dialog"],
        blocked=of_kind["blocked"],
        downloads=of_kind["download"],
        new_tabs=new_tabs,
        text="; ".join(words),
    )
