"""The actions: what an agent can do on a page. Each waits for its own effect and says what it was."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agentkit.errors import ToolError

from .action import Action, Descriptor, point_of
from .session import BrowserSession, first_line
from .snapshot import Element, observe

if TYPE_CHECKING:
    from playwright.async_api import ElementHandle, Frame, Page

MAX_WAIT = 10.0
MAX_TEXT = 10_000
HOVER_SECONDS = 0.8
# Fields whose text the browser itself formats: typing into them key by key goes wrong.
FORMATTED = frozenset({"date", "time", "datetime-local", "month", "week", "color", "range", "file"})


@dataclass(frozen=True)
class Effect:
    """What an action did. ``text`` says it in words; words of the page in it are untrusted."""

    url_before: str
    url_after: str
    changed: bool
    navigated: bool = False
    dialogs: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    downloads: tuple[str, ...] = ()
    new_tabs: int = 0
    text: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return asdict(self)


# ---- on elements ----


async def click(session: BrowserSession, element: str) -> Effect:
    """Click an element. It is scrolled into view first."""
    return await _at_element(session, element, lambda h, o: h.click(**o))


async def dblclick(session: BrowserSession, element: str) -> Effect:
    """Double-click an element."""
    return await _at_element(session, element, lambda h, o: h.dblclick(**o))


async def hover(session: BrowserSession, element: str) -> Effect:
    """Move the mouse over an element."""
    return await _at_element(session, element, lambda h, o: h.hover(**o))


async def focus(session: BrowserSession, element: str) -> Effect:
    """Put the keyboard focus on an element."""
    return await _on_element(session, element, lambda h: h.focus())


async def fill(session: BrowserSession, element: str, value: str) -> Effect:
    """Replace the text of a field. Dates are ``2026-11-23``, times ``14:05``, ranges a number.

    The last character is typed with a real key, so that suggestions open as they do for people.
    """

    async def act(handle: ElementHandle) -> None:
        kind = await handle.evaluate("e => e.tagName === 'INPUT' ? e.type : 'text'")
        if kind in FORMATTED or kind == "number" or not value or "\n" in value[-1:]:
            await handle.fill(value)
            return
        await handle.fill(value[:-1])
        await handle.press("End")
        await handle.type(value[-1])

    return await _on_element(session, element, act)


async def clear(session: BrowserSession, element: str) -> Effect:
    """Empty a field."""
    return await _on_element(session, element, lambda h: h.fill(""))


async def check(session: BrowserSession, element: str) -> Effect:
    """Tick a checkbox or radio button, if it is not ticked."""
    return await _on_element(session, element, lambda h: h.check())


async def uncheck(session: BrowserSession, element: str) -> Effect:
    """Untick a checkbox, if it is ticked."""
    return await _on_element(session, element, lambda h: h.uncheck())


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

    return await _on_element(session, element, act)


_OPTIONS = """e => e.tagName !== 'SELECT' ? null : ({multiple: e.multiple,
  options: [...e.options].map(o => [o.text.replace(/\\s+/g, ' ').trim(), o.value]),
  chosen: [...e.selectedOptions].map(o => o.index)})"""


def _option(options: list[list[str]], wanted: str) -> int:
    for match in (lambda o: wanted in o, lambda o: wanted.strip().lower() == o[0].lower()):
        for index, option in enumerate(options):
            if match(option):
                return index
    raise ToolError(f"there is no option {wanted!r}; there are: " + " | ".join(o[0] for o in options[:50]))


async def drag_and_drop(session: BrowserSession, element: str, to: str) -> Effect:
    """Drag one element onto another."""
    source, target = await _handle(session, element), await _handle(session, to)

    async def act() -> None:
        await source.scroll_into_view_if_needed()
        start, end = await source.bounding_box(), await target.bounding_box()
        if start is None or end is None:
            raise ToolError("an element to drag has no place on the page")
        await _drag(session.page, _middle(start), _middle(end))

    return await effect_of(session, act)


# ---- with the keyboard ----


async def press(session: BrowserSession, key: str, element: str | None = None) -> Effect:
    """Press a key or a combination (``Enter``, ``ArrowDown``, ``Control+a``), on an element or where the focus is."""
    if element is None:
        return await effect_of(session, lambda: session.page.keyboard.press(key))
    return await _on_element(session, element, lambda h: h.press(key))


async def type_text(session: BrowserSession, text: str, element: str | None = None) -> Effect:
    """Type text key by key, into an element (at its end) or where the focus is."""
    if len(text) > MAX_TEXT:
        raise ToolError(f"{len(text)} characters are too many to type; the limit is {MAX_TEXT}")

    async def act(handle: ElementHandle) -> None:
        await handle.focus()
        await handle.evaluate(
            "e => { try { e.setSelectionRange(e.value.length, e.value.length) } catch (_) {} }"
        )
        await session.page.keyboard.type(text)

    if element is None:
        return await effect_of(session, lambda: session.page.keyboard.type(text))
    return await _on_element(session, element, act)


# ---- on the page ----


async def scroll(session: BrowserSession, amount: str = "down", element: str | None = None) -> Effect:
    """Scroll the page, or the scroller around an element: ``up``, ``down`` (nine tenths of a view) or pixels."""
    code = """(e, amount) => {
      let at = e;
      const fits = (n) => n.scrollHeight > n.clientHeight + 1 && /auto|scroll/.test(getComputedStyle(n).overflowY);
      while (at && !fits(at)) at = at.parentElement;
      at = at || document.scrollingElement;
      const step = amount === 'down' ? 0.9 * at.clientHeight : amount === 'up' ? -0.9 * at.clientHeight : Number(amount);
      at.scrollBy({top: step, behavior: 'instant'});
    }"""
    if amount not in ("up", "down") and not amount.lstrip("+-").isdigit():
        raise ToolError(f"scroll by up, down or a number of pixels, not {amount!r}")
    if element is None:
        work = lambda: session.page.evaluate(f"(amount) => ({code})(null, amount)", amount)  # noqa: E731
        return await effect_of(session, work, scrolls=True)
    handle = await _handle(session, element)
    return await effect_of(session, lambda: handle.evaluate(code, amount), element, scrolls=True)


async def click_at(session: BrowserSession, value: str) -> Effect:
    """Click at ``x,y`` in CSS pixels of the viewport."""
    x, y = point_of(value)[:2]
    return await effect_of(session, lambda: session.page.mouse.click(x, y))


async def drag(session: BrowserSession, value: str) -> Effect:
    """Drag with the mouse from x,y to x2,y2: ``"10,10,80,40"``."""
    points = point_of(value)
    if len(points) != 4:
        raise ToolError("a drag needs x,y,x2,y2")
    return await effect_of(
        session, lambda: _drag(session.page, (points[0], points[1]), (points[2], points[3]))
    )


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
    try:
        page = session.page
    except ToolError:
        page = await session.fresh_page()
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


async def switch_tab(session: BrowserSession, index: str) -> Effect:
    """Make another tab the active one; tabs count from 0, oldest first."""
    return await effect_of(session, lambda: session.switch_tab(_number(index)))


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


# ---- performing actions that are data ----


async def perform(session: BrowserSession, action: Action) -> Effect:
    """Do an action on the page it was decided on: elements are found by their ids.

    Raises ``ToolError`` with what went wrong, for the model to see.
    """
    element, value = action.element, action.value
    text = value if isinstance(value, str) else None
    match action.name, element:
        case "click" | "dblclick" | "hover" | "focus" | "clear" | "check" | "uncheck", str():
            return await _PLAIN[action.name](session, element)
        case "fill", str():
            return await fill(session, element, _required(action, text))
        case "type", _:
            return await type_text(session, _required(action, text), element)
        case "press", _:
            return await press(session, _required(action, text), element)
        case "select_option", str():
            return await select_option(
                session, element, value if value is not None else _required(action, None)
            )
        case "drag_and_drop", str():
            return await drag_and_drop(session, element, _required(action, action.to))
        case "scroll", _:
            return await scroll(session, text or "down", element)
        case "back" | "forward" | "reload" | "close_tab", None:
            return await _WHOLE[action.name](session)
        case "goto" | "click_at" | "drag" | "switch_tab", None:
            return await _VALUED[action.name](session, _required(action, text))
        case "wait", None:
            return await wait(session, text or "1")
        case "answer_dialog", None:
            return await answer_dialog(session, text or "accept")
    raise ToolError(f"{action.name} needs an element of the last observation")


_PLAIN: dict[str, Callable[[BrowserSession, str], Awaitable[Effect]]] = {
    f.__name__: f for f in (click, dblclick, hover, focus, clear, check, uncheck)
}
_WHOLE: dict[str, Callable[[BrowserSession], Awaitable[Effect]]] = {
    f.__name__: f for f in (back, forward, reload, close_tab)
}
_VALUED: dict[str, Callable[[BrowserSession, str], Awaitable[Effect]]] = {
    f.__name__: f for f in (goto, click_at, drag, switch_tab)
}


def _required(action: Action, value: str | None) -> str:
    if value is None:
        raise ToolError(f"{action.name} needs a value")
    return value


async def resolve(session: BrowserSession, descriptor: Descriptor) -> Element:
    """Find a described element on the page as it is now. Raises ``ToolError`` when it is not there."""
    return descriptor.find(await observe(session))


async def replay(session: BrowserSession, action: Action) -> Effect:
    """Do a journalled action on a fresh page: elements are found by their descriptions, not their ids."""
    element, to = action.element, action.to
    if action.target is not None:
        element = (await resolve(session, action.target)).id
    elif element is not None:
        raise ToolError(f"{action.describe()} can't be replayed: its element was not described")
    if action.to_target is not None:
        to = (await resolve(session, action.to_target)).id
    return await perform(session, replace(action, element=element, to=to))


# ---- how an action is done ----


async def _handle(session: BrowserSession, element: str) -> ElementHandle:
    frame = _frame(session, element)
    handle = await session.handle(frame, _number(element))
    if handle is None:
        raise ToolError(f"element {element} is no longer on the page", mend="look again")
    return handle


def _number(text: str) -> int:
    digits = text.removeprefix("e")
    if not digits.isdigit():
        raise ToolError(f"{text!r} is not an id such as e12")
    return int(digits)


def _frame(session: BrowserSession, element: str) -> Frame:
    frame = session.frames.get(_number(element))
    if frame is None or frame.page is not session.page:
        raise ToolError(
            f"there is no element {element} on the page", mend="use an id of the last observation"
        )
    if frame.is_detached():
        raise ToolError(f"element {element} is gone with its frame", mend="look again")
    return frame


async def _on_element(
    session: BrowserSession, element: str, act: Callable[[ElementHandle], Awaitable[Any]]
) -> Effect:
    handle = await _handle(session, element)
    return await effect_of(session, lambda: act(handle), element)


async def _at_element(
    session: BrowserSession, element: str, act: Callable[[ElementHandle, dict[str, Any]], Awaitable[Any]]
) -> Effect:
    handle = await _handle(session, element)

    async def at_its_point() -> None:
        await handle.scroll_into_view_if_needed()
        spot = await _spot(session, element, handle)
        await handle.hover(position=spot, no_wait_after=True)
        await act(
            handle, {"position": await _spot_under_the_mouse(session, element, handle), "no_wait_after": True}
        )

    return await effect_of(session, at_its_point, element)


async def _spot(session: BrowserSession, element: str, handle: ElementHandle) -> Any:
    """Return a place in the element that a click reaches: its middle may lie beside the shape or under another."""
    spot = await session.kit(_frame(session, element), "kit.point(arg)", handle)
    if "x" in spot:
        return {"x": spot["x"], "y": spot["y"]}
    why = f"covered by {spot['over']}" if spot["over"] else "it has no visible place"
    raise ToolError(f"{element} can't be reached: {why}")


async def _spot_under_the_mouse(session: BrowserSession, element: str, handle: ElementHandle) -> Any:
    """Return the place again once the page has answered to the mouse being there.

    A page may fetch another picture for what the mouse is over; until it comes, the place is empty and a
    click would go through. People are slower than that.
    """
    end = time.monotonic() + HOVER_SECONDS
    await session.kit(_frame(session, element), "kit.painted()")
    while True:
        try:
            spot = await _spot(session, element, handle)
            if not session.pending() or time.monotonic() > end:
                return spot
        except ToolError:
            if time.monotonic() > end:
                raise
        await asyncio.sleep(0.02)


async def effect_of(
    session: BrowserSession, act: Callable[[], Awaitable[Any]], element: str = "", *, scrolls: bool = False
) -> Effect:
    """Do something to the active tab, wait for its effect, and say what it was.

    The effect has ended when the page is loaded, its DOM was still for a moment and the requests it began
    are answered, or when the time for that (``settle_timeout``) is over.
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
    changes = await _settle(session, page, scrolls)
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


async def _drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    await page.mouse.move(*start)
    await page.mouse.down()
    await page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, steps=4)
    await page.mouse.move(*end, steps=4)
    await page.mouse.up()


def _middle(box: Any) -> tuple[float, float]:
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


async def _settle(session: BrowserSession, page: Page, scrolls: bool) -> int:
    """Wait until the page is loaded and quiet, each within its bound; return how much changed."""
    from playwright.async_api import Error

    config = session.config
    end = time.monotonic() + config.settle_timeout
    count = 0
    while not page.is_closed() and page is session.active:
        with suppress(Error):
            await page.wait_for_load_state("domcontentloaded", timeout=config.load_timeout * 1000)
        left = max(0.05, end - time.monotonic())
        try:
            seen = await session.kit(
                page.main_frame, "kit.settle(arg[0], arg[1])", [config.quiet * 1000, left * 1000]
            )
        except ToolError:
            # The document went away while it was watched: its successor is waited for.
            seen = {"count": 1, "scrolls": 0, "quiet": False}
        count += seen["count"] + (seen["scrolls"] if scrolls else 0)
        if time.monotonic() >= end or (seen["quiet"] and not session.pending()):
            break
        await asyncio.sleep(0.01)
    await session.leave_blocked_page()
    return count


def _effect(session: BrowserSession, before: str, mark: int, tabs: int, changes: int) -> Effect:
    events = session.events.since(mark)
    of_kind = {
        kind: tuple(e.text for e in events if e.kind == kind) for kind in ("dialog", "blocked", "download")
    }
    after, navigated = session.url, session.navigated
    new_tabs = max(0, len(session.tabs) - tabs)
    words = (
        [f"now at {after}"]
        if navigated
        else ["the page changed"]
        if changes
        else ["nothing changed on the page"]
    )
    words += [
        e.text for e in events if e.kind in ("dialog", "blocked", "download", "tab", "crash", "navigation")
    ]
    return Effect(
        url_before=before,
        url_after=after,
        changed=bool(changes or navigated or new_tabs),
        navigated=navigated,
        dialogs=of_kind["dialog"],
        blocked=of_kind["blocked"],
        downloads=of_kind["download"],
        new_tabs=new_tabs,
        text="; ".join(words),
    )
