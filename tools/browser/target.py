"""From an id to its element, and to a place in it that a click reaches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from agentkit.errors import ToolError

from .effect import Effect, effect_of
from .ids import Place
from .session import BrowserSession

if TYPE_CHECKING:
    from playwright.async_api import ElementHandle, Frame

HOVER_SECONDS = 0.8


async def handle_of(session: BrowserSession, element: str) -> ElementHandle:
    handle = await session.script.handle(place_of(session, element))
    if handle is None:
        raise ToolError(f"element {element} is no longer on the page", mend="look again")
    return handle


def number_of(text: str) -> int:
    digits = text.removeprefix("e")
    if not digits.isdigit():
        raise ToolError(f"{text!r} is not an id such as e12")
    return int(digits)


def place_of(session: BrowserSession, element: str) -> Place:
    place = session.ids.place(number_of(element))
    if place is None or place.frame.page is not session.page:
        raise ToolError(
            f"there is no element {element} on the page", mend="use an id of the last observation"
        )
    if place.frame.is_detached():
        raise ToolError(f"element {element} is gone with its frame", mend="look again")
    return place


def frame_of(session: BrowserSession, element: str) -> Frame:
    return place_of(session, element).frame


async def on_element(
    session: BrowserSession, element: str, act: Callable[[ElementHandle], Awaitable[Any]]
) -> Effect:
    handle = await handle_of(session, element)
    return await effect_of(session, lambda: act(handle), element)


async def at_element(
    session: BrowserSession, element: str, act: Callable[[ElementHandle, dict[str, Any]], Awaitable[Any]]
) -> Effect:
    handle = await handle_of(session, element)

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
    spot = await session.kit(frame_of(session, element), "kit.point(arg)", handle)
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
    await session.kit(frame_of(session, element), "kit.painted()")
    while True:
        try:
            spot = await _spot(session, element, handle)
            if not session.pending() or time.monotonic() > end:
                return spot
        except ToolError:
            if time.monotonic() > end:
                raise
        await asyncio.sleep(0.02)
