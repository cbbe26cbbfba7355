"""The actions at coordinates and those that drag: pixels of the viewport, as a person with a mouse sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentkit.errors import ToolError

from .action import point_of
from .effect import Effect, effect_of
from .session import BrowserSession
from .target import frame_of, handle_of

if TYPE_CHECKING:
    from playwright.async_api import ElementHandle, Page


async def click_at(session: BrowserSession, point: str) -> Effect:
    """Click at ``x,y`` in CSS pixels of the viewport."""
    x, y = _point(point)
    return await effect_of(session, lambda: session.page.mouse.click(x, y))


async def dblclick_at(session: BrowserSession, point: str) -> Effect:
    """Double-click at ``x,y`` in CSS pixels of the viewport."""
    x, y = _point(point)
    return await effect_of(session, lambda: session.page.mouse.dblclick(x, y))


async def hover_at(session: BrowserSession, point: str) -> Effect:
    """Move the mouse to ``x,y`` in CSS pixels of the viewport."""
    x, y = _point(point)
    return await effect_of(session, lambda: session.page.mouse.move(x, y))


async def drag(session: BrowserSession, points: str) -> Effect:
    """Drag with the mouse from x,y to x2,y2: ``"10,10,80,40"``."""
    numbers = point_of(points)
    if len(numbers) != 4:
        raise ToolError("a drag needs x,y,x2,y2")
    x, y, x2, y2 = numbers
    return await effect_of(session, lambda: _drag(session.page, (x, y), (x2, y2)))


async def drag_and_drop(session: BrowserSession, element: str, to: str) -> Effect:
    """Drag one element onto another."""
    source, target = await handle_of(session, element), await handle_of(session, to)

    async def act() -> None:
        await source.scroll_into_view_if_needed()
        end = await _middle(session, to, target)
        # The second may have to be scrolled to; the first is where that left it.
        await _drag(session.page, await _middle(session, element, source), end)

    return await effect_of(session, act, element)


async def _middle(session: BrowserSession, element: str, handle: ElementHandle) -> tuple[float, float]:
    """Return a place that reaches an element in pixels of the tab, else the middle of its box."""
    box = await handle.bounding_box()
    if box is None:
        raise ToolError(f"{element} has no place on the page")
    spot = await session.kit(frame_of(session, element), "kit.point(arg)", handle)
    if "x" in spot:
        return box["x"] + spot["left"] + spot["x"], box["y"] + spot["top"] + spot["y"]
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


async def _drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    await page.mouse.move(*start)
    await page.mouse.down()
    await page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, steps=4)
    await page.mouse.move(*end, steps=4)
    await page.mouse.up()


def _point(text: str) -> tuple[float, float]:
    numbers = point_of(text)
    return numbers[0], numbers[1]
