"""The actions: what an agent can do on a page. Each waits for its own effect and says what it was."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agentkit.errors import ToolError

from .effect import Effect, effect_of
from .files import extract, screenshot, upload_file
from .mouse import click_at, dblclick_at, drag, drag_and_drop, hover_at
from .script import first_line
from .session import BrowserSession
from .target import at_element, handle_of, number_of, on_element, place_of

if TYPE_CHECKING:
    from playwright.async_api import ElementHandle, Page

__all__ = [
    "answer_dialog",
    "back",
    "check",
    "clear",
    "click",
    "click_at",
    "close_tab",
    "dblclick",
    "dblclick_at",
    "drag",
    "drag_and_drop",
    "extract",
    "fill",
    "focus",
    "forward",
    "goto",
    "hover",
    "hover_at",
    "new_tab",
    "press",
    "reload",
    "screenshot",
    "scroll",
    "select_option",
    "switch_tab",
    "type_text",
    "uncheck",
    "upload_file",
    "wait",
]

MAX_WAIT = 10.0
MAX_TEXT = 10_000
_HELD = frozenset({"Alt", "Control", "Meta", "Shift"})
# Fields whose text the browser itself formats: typing into them key by key goes wrong.
FORMATTED = frozenset({"date", "time", "datetime-local", "month", "week", "color", "range", "file"})


# ---- on elements ----


async def click(session: BrowserSession, element: str, how: str = "left") -> Effect:
    """Click an element. It is scrolled into view first.

    ``how``: the button and keys that are held down, such as ``right``, ``middle`` or ``Control+left``.
    """
    *keys, button = how.split("+")
    if button not in ("left", "right", "middle") or not set(keys) <= _HELD:
        raise ToolError(
            f"a click is left, right or middle, with {', '.join(sorted(_HELD))}+ before it, not {how!r}"
        )
    held: Any = {"button": button, "modifiers": keys}
    return await at_element(session, element, lambda h, o: h.click(**o, **held))


async def dblclick(session: BrowserSession, element: str) -> Effect:
    """Double-click an element."""
    return await at_element(session, element, lambda h, o: h.dblclick(**o))


async def hover(session: BrowserSession, element: str) -> Effect:
    """Move the mouse over an element."""
    return await at_element(session, element, lambda h, o: h.hover(**o))


async def focus(session: BrowserSession, element: str) -> Effect:
    """Put the keyboard focus on an element."""
    return await on_element(session, element, lambda h: h.focus())


async def fill(session: BrowserSession, element: str, value: str) -> Effect:
    """Replace the text of a field. Dates are ``2026-11-23``, times ``14:05``, ranges a number, secrets their name.

    The last character is typed with a real key, so that suggestions open as they do for people. ``<secret:name>``
    stands for the session's secret of that name, on its own domain.
    """
    secret = session.secrets.named(value)

    async def act(handle: ElementHandle) -> None:
        if secret is not None:
            await handle.fill(await session.secrets.value_for(secret, handle))
            place = place_of(session, element)
            session.secrets.held[place.document, place.local] = secret.name
            return
        kind = await handle.evaluate("e => e.tagName === 'INPUT' ? e.type : 'text'")
        if kind in FORMATTED or kind == "number" or not value or "\n" in value[-1:]:
            await handle.fill(value)
            return
        await handle.fill(value[:-1])
        await handle.press("End")
        await handle.type(value[-1])

    return await on_element(session, element, act)


async def clear(session: BrowserSession, element: str) -> Effect:
    """Empty a field."""
    return await on_element(session, element, lambda h: h.fill(""))


async def check(session: BrowserSession, element: str) -> Effect:
    """Tick a checkbox or radio button, if it is not ticked."""
    return await on_element(session, element, lambda h: h.check())


async def uncheck(session: BrowserSession, element: str) -> Effect:
    """Untick a checkbox, if it is ticked."""
    return await on_element(session, element, lambda h: h.uncheck())


async def select_option(session: BrowserSession, element: str, value: str | tuple[str, ...]) -> Effect:
    """Choose options of a native select by their text or value.

    In a list that takes several, one text adds to what is chosen; a tuple replaces it.
    """

    async def act(handle: ElementHandle) -> None:
        known = await handle.evaluate(_OPTIONS)
        if known is None:
            raise ToolError("this is not a native select", mend="click it, then click the option")
        wanted = [_option(known["options"], text) for text in ((value,) if isinstance(value, str) else value)]
        if known["multiple"] and isinstance(value, str):
            wanted = sorted({*known["chosen"], *wanted})
        await handle.select_option(index=wanted)

    return await on_element(session, element, act)


_OPTIONS = """e => e.tagName !== 'SELECT' ? null : ({multiple: e.multiple,
  options: [...e.options].map(o => [o.text.replace(/\\s+/g, ' ').trim(), o.value]),
  chosen: [...e.selectedOptions].map(o => o.index)})"""


def _option(options: list[list[str]], wanted: str) -> int:
    for match in (lambda o: wanted in o, lambda o: wanted.strip().lower() == o[0].lower()):
        for index, option in enumerate(options):
            if match(option):
                return index
    raise ToolError(f"there is no option {wanted!r}; there are: " + " | ".join(o[0] for o in options[:50]))


# ---- with the keyboard ----


async def press(session: BrowserSession, key: str, element: str | None = None) -> Effect:
    """Press a key or a combination (``Enter``, ``ArrowDown``, ``Control+a``), on an element or where the focus is."""
    if element is None:
        return await effect_of(session, lambda: session.page.keyboard.press(key))
    return await on_element(session, element, lambda h: h.press(key))


async def type_text(session: BrowserSession, text: str, element: str | None = None) -> Effect:
    """Type text key by key, into an element (at its end) or where the focus is."""
    if len(text) > MAX_TEXT:
        raise ToolError(f"{len(text)} characters are too many to type; the limit is {MAX_TEXT}")
    if session.secrets.named(text) is not None:
        raise ToolError("a secret is put into a field as a whole", mend="use fill")

    async def act(handle: ElementHandle) -> None:
        await handle.focus()
        await handle.evaluate(
            "e => { try { e.setSelectionRange(e.value.length, e.value.length) } catch (_) {} }"
        )
        await session.page.keyboard.type(text)

    if element is None:
        return await effect_of(session, lambda: session.page.keyboard.type(text))
    return await on_element(session, element, act)


# ---- on the page ----


async def scroll(session: BrowserSession, amount: str = "down", element: str | None = None) -> Effect:
    """Scroll the page, or the scroller around an element.

    ``amount``: ``up``, ``down``, ``left``, ``right`` (nine tenths of a view), ``top``, ``bottom``, or pixels down.
    """
    if amount not in _SCROLLS and not amount.lstrip("+-").isdigit():
        raise ToolError(f"scroll by {', '.join(_SCROLLS)} or a number of pixels, not {amount!r}")
    if element is None:
        work = lambda: session.page.evaluate(f"(amount) => ({_SCROLL})(null, amount)", amount)  # noqa: E731
        return await effect_of(session, work, scrolls=True)
    handle = await handle_of(session, element)
    return await effect_of(session, lambda: handle.evaluate(_SCROLL, amount), element, scrolls=True)


_SCROLLS = ("up", "down", "left", "right", "top", "bottom")
_SCROLL = """(e, amount) => {
  const across = amount === 'left' || amount === 'right';
  const fits = (n) => {
    const style = getComputedStyle(n);
    return across ? n.scrollWidth > n.clientWidth + 1 && /auto|scroll/.test(style.overflowX)
                  : n.scrollHeight > n.clientHeight + 1 && /auto|scroll/.test(style.overflowY);
  };
  let at = e;
  while (at && !fits(at)) at = at.assignedSlot || at.parentElement || at.getRootNode().host;
  at = at || document.scrollingElement;
  const view = across ? at.clientWidth : at.clientHeight;
  const steps = {up: -0.9 * view, left: -0.9 * view, down: 0.9 * view, right: 0.9 * view, top: -at.scrollHeight, bottom: at.scrollHeight};
  at.scrollBy({[across ? 'left' : 'top']: steps[amount] ?? Number(amount), behavior: 'instant'});
}"""


async def goto(session: BrowserSession, url: str) -> Effect:
    """Open a URL in the active tab (in a fresh one when the tab is dead).

    Only ``http``, ``https`` and ``about:blank``; only hosts on the allow-list.
    """
    url = url.strip()
    if url != "about:blank":
        if urlsplit(url).scheme not in ("http", "https"):
            raise ToolError(f"{url!r} can't be opened: only http and https URLs")
        if not session.allow.allows_url(url):
            session.blocked(urlsplit(url).hostname or url, "navigation")
            raise ToolError(f"{urlsplit(url).hostname} is not on the allow-list")
    page = session.page if await session.responds() else await session.fresh_page()
    return await effect_of(session, lambda: _open(session, page, url))


async def back(session: BrowserSession) -> Effect:
    """Go back in the tab's history."""
    return await effect_of(session, lambda: session.page.go_back(wait_until="commit"))


async def forward(session: BrowserSession) -> Effect:
    """Go forward in the tab's history."""
    return await effect_of(session, lambda: session.page.go_forward(wait_until="commit"))


async def reload(session: BrowserSession) -> Effect:
    """Load the page again."""
    return await effect_of(session, lambda: session.page.reload(wait_until="commit"))


async def wait(session: BrowserSession, seconds: str = "1") -> Effect:
    """Wait up to some seconds (at most 10), less when the page changes before."""
    try:
        limit = min(max(float(seconds), 0.0), MAX_WAIT)
    except ValueError:
        raise ToolError(f"wait takes a number of seconds, not {seconds!r}") from None

    async def act() -> None:
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if await session.kit(session.page.main_frame, "kit.count()"):
                return
            await asyncio.sleep(min(0.1, max(0.0, end - time.monotonic())))

    return await effect_of(session, act)


async def new_tab(session: BrowserSession, url: str = "about:blank") -> Effect:
    """Open a tab and make it the active one; ``goto`` then opens a page in it."""
    if len(session.tabs) >= session.config.max_tabs:
        raise ToolError(
            f"there are {len(session.tabs)} tabs, no more are allowed", mend="close one with close_tab"
        )
    await session.new_tab()
    return await goto(session, url)


async def switch_tab(session: BrowserSession, index: str) -> Effect:
    """Make another tab the active one; tabs count from 0, oldest first."""
    return await effect_of(session, lambda: session.switch_tab(number_of(index)))


async def close_tab(session: BrowserSession) -> Effect:
    """Close the active tab; the last one that is left becomes active."""
    before, page = session.url, session.page
    if len(session.tabs) == 1:
        raise ToolError("the only tab stays open")
    await session.close_tab(page)
    return Effect(before, session.url, changed=True, navigated=True, text="closed the tab")


async def answer_dialog(session: BrowserSession, value: str = "accept") -> Effect:
    """Choose the answer to the next dialog: ``accept``, ``dismiss``, or the text for a prompt.

    Dialogs that ask are dismissed otherwise. Call it before the action that opens the dialog.
    """
    session.next_dialog = None if value == "dismiss" else "" if value == "accept" else value
    return Effect(session.url, session.url, changed=False, text=f"the next dialog will be answered: {value}")


async def _open(session: BrowserSession, page: Page, url: str) -> None:
    from playwright.async_api import Error

    mark = session.events.total
    try:
        await page.goto(url, wait_until="commit", timeout=session.config.load_timeout * 1000)
    except Error as error:
        await session.stop_loading()
        await session.leave_blocked_page()
        reasons = [
            e.text for e in session.events.since(mark) if e.kind in ("blocked", "navigation", "download")
        ]
        if any(e.kind == "download" for e in session.events.since(mark)):
            return
        raise ToolError(f"{url} did not open: {'; '.join(reasons) or first_line(error)}") from error
