"""A page of a real browser that notes whatever it asks for and says."""

from __future__ import annotations

import pytest


@pytest.fixture
async def page(browser):
    page = await browser.new_page(viewport={"width": 1200, "height": 900})
    page.seen = []
    page.on("request", lambda request: page.seen.append(request.url))
    page.on("console", lambda message: page.seen.append(message.text))
    page.on("pageerror", lambda error: page.seen.append(str(error)))
    yield page
    await page.close()
