"""The page of a web task as it is now, for whoever watches; and the hands of a person on it."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from agentkit.contracts.result import Contract
from agentkit.errors import ToolError, UsageError

if TYPE_CHECKING:
    from playwright.async_api import Page

    from ....tools.browser import BrowserSession

# Pictures of a page: JPEG, at most so wide, and one in so many seconds.
QUALITY, WIDEST, REST = 60, 1280, 0.12
# With secrets on the page every picture is searched for them, which takes longer.
SLOW = 0.7
# A page that stands still sends nothing; so often it is looked whether it is still the active tab.
PATIENCE = 1.0
LONGEST_TEXT = 2000


class Frame(Contract):
    """A picture of the page: ``jpeg`` in base64, the size of the view in CSS pixels, where it is."""

    jpeg: str
    width: float
    height: float
    url: str


class Hand(Contract):
    """What a person does with mouse or keyboard; ``x`` and ``y`` in CSS pixels of the view.

    ``press`` takes Playwright's names of keys (``Enter``, ``Control+a``), ``type`` any text.
    """

    kind: Literal["move", "down", "up", "wheel", "press", "type"]
    x: float = Field(default=0, ge=0, le=100_000)
    y: float = Field(default=0, ge=0, le=100_000)
    button: Literal["left", "middle", "right"] = "left"
    count: int = Field(default=1, ge=1, le=3)
    by: tuple[float, float] = (0, 0)
    text: str = Field(default="", max_length=LONGEST_TEXT, repr=False)


class Hands(Contract):
    """Some of it, in order. It goes to the page and is kept nowhere."""

    done: list[Hand] = Field(max_length=200)


async def frames(session: BrowserSession, wanted: Callable[[], bool]) -> AsyncGenerator[Frame]:
    """Yield pictures of the active tab as it changes, until the session is closed or they are not wanted any more."""
    while session.is_open and wanted():
        page = session.alive
        if page is None:
            await asyncio.sleep(PATIENCE)
        elif session.secrets:
            # Nobody but the page sees a secret: pictures are covered one by one.
            yield await _covered(session)
            await asyncio.sleep(SLOW)
        else:
            async for frame in _cast(session, page, wanted):
                yield frame


async def _cast(session: BrowserSession, page: Page, wanted: Callable[[], bool]) -> AsyncGenerator[Frame]:
    """Yield the screencast of a tab for as long as it is the active one."""
    newest: asyncio.Queue[dict[str, Any]] = asyncio.Queue(1)

    def keep(event: dict[str, Any]) -> None:
        # The next one comes when this one is acknowledged, so there is never another in the queue.
        if newest.full():
            newest.get_nowait()
        newest.put_nowait(event)

    async with _protocol(session, page) as cdp:
        cdp.on("Page.screencastFrame", keep)
        size = {"maxWidth": WIDEST, "maxHeight": WIDEST}
        await cdp.send("Page.startScreencast", {"format": "jpeg", "quality": QUALITY, **size})
        while session.is_open and session.alive is page and wanted():
            try:
                async with asyncio.timeout(PATIENCE):
                    event = await newest.get()
            except TimeoutError:
                continue
            about = event["metadata"]
            yield Frame(
                jpeg=event["data"], width=about["deviceWidth"], height=about["deviceHeight"], url=page.url
            )
            await asyncio.sleep(REST)
            await cdp.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})


@asynccontextmanager
async def _protocol(session: BrowserSession, page: Page) -> AsyncIterator[Any]:
    """Open a line to a tab by the protocol of its browser; that the tab goes away only ends it."""
    from playwright.async_api import Error

    from ....tools.browser.gone import is_gone

    try:
        cdp = await session.context.new_cdp_session(page)
        try:
            yield cdp
        finally:
            await cdp.detach()
    except Error as error:
        # A tab that closes takes the session of the line with it.
        if not is_gone(error):
            raise


async def _covered(session: BrowserSession) -> Frame:
    image = await session.screenshot()
    buffer = io.BytesIO()
    await asyncio.to_thread(image.pixels.convert("RGB").save, buffer, "JPEG", quality=QUALITY)
    width, height = image.size
    url = session.secrets.redact(session.url)
    return Frame(jpeg=base64.b64encode(buffer.getvalue()).decode(), width=width, height=height, url=url)


async def use(session: BrowserSession, hands: Hands) -> None:
    """Do with the active tab what a person did. Raises ``ToolError`` when there is none, ``UsageError`` for no key."""
    from playwright.async_api import Error

    for hand in hands.done:
        page = session.page
        try:
            await _do(page, hand)
        except Error as error:
            if "Unknown key" in str(error):
                raise UsageError("there is no such key") from error
            raise ToolError("the page does not take it", mend="give the mouse back") from error


async def _do(page: Page, hand: Hand) -> None:
    mouse = page.mouse
    if hand.kind == "type":
        await page.keyboard.insert_text(hand.text)
    elif hand.kind == "press":
        await page.keyboard.press(hand.text)
    else:
        await mouse.move(hand.x, hand.y)
        if hand.kind == "wheel":
            await mouse.wheel(*hand.by)
        elif hand.kind != "move":
            step = mouse.down if hand.kind == "down" else mouse.up
            await step(button=hand.button, click_count=hand.count)
