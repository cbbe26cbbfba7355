"""A person at a browser, on the page of a chat server."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import expect

WIDE, PHONE = {"width": 1200, "height": 800}, {"width": 390, "height": 780}
# Seconds that anything on the page may take: only a machine that stands still takes longer.
PATIENCE = 60.0
expect.set_options(timeout=PATIENCE * 1000)


class Visitor:
    """A person at a browser: their page, and what it asked for and complained about."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.hosts: set[str] = set()
        self.complaints: list[str] = []
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        page.on("console", lambda line: self.complaints.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.set_default_timeout(PATIENCE * 1000)

    async def say(self, text: str) -> None:
        await self.page.fill("#message", text)
        await self.page.keyboard.press("Enter")

    async def until(self, expression: str) -> None:
        """Wait until an expression of the page is true (the page's policy forbids Playwright's own way)."""
        end = time.monotonic() + PATIENCE
        while not await self.page.evaluate(expression):
            assert time.monotonic() < end, f"never true: {expression}"
            await asyncio.sleep(0.02)

    async def turn(self, *status: str, number: int = -1) -> Any:
        """Return the element of a turn (the last) when it is as wanted."""
        turn = self.page.locator("article.turn").nth(number)
        end = time.monotonic() + PATIENCE
        while not (await turn.count() and await turn.get_attribute("data-status") in status):
            assert time.monotonic() < end, f"no turn is {status}: {await self.page.inner_text('#turns')}"
            await asyncio.sleep(0.02)
        return turn
