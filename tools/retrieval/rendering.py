"""A page that scripts fill, as a browser shows it: the browser's every request is made by the guarded fetcher."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agentkit.errors import ToolError

from ..browser.launch import launch, require_playwright
from .fetch import Fetcher, FetchPolicy

if TYPE_CHECKING:
    from playwright.async_api import Route

# Nobody listens there, and nothing goes around it: the browser itself has no way out.
_NOWHERE = {"server": "http://127.0.0.1:9", "bypass": "<-loopback>"}
# What the text of a page does not need.
_UNNEEDED = frozenset({"image", "media", "font"})
SETTLE_MS = 5000
MOST_REQUESTS = 100


async def render(url: str, policy: FetchPolicy, seconds: float = 30.0) -> bytes:
    """Return the HTML of a page after its scripts have run.

    Only GET requests are made, at most 100, under the policy (of any media type, and without its delay). Raises ``MissingExtra`` without playwright,
    ``ToolError`` when the page does not load.
    """
    require_playwright()
    from playwright.async_api import Error, async_playwright

    refused: list[str] = []
    made = 0

    async def answer(route: Route) -> None:
        nonlocal made
        request = route.request
        made += 1
        if request.method != "GET" or request.resource_type in _UNNEEDED or made > MOST_REQUESTS:
            return await route.abort()
        try:
            found = await fetcher.get(request.url)
        except ToolError as error:
            refused.append(str(error))
            return await route.abort()
        # A page may ask its own services on other hosts; what it gets is public either way.
        headers = {"content-type": found.media_type or "text/html", "access-control-allow-origin": "*"}
        return await route.fulfill(body=found.data, headers=headers)

    loose = replace(policy, types=("",), delay=0.0)
    async with Fetcher(loose) as fetcher, async_playwright() as playwright:
        browser = await launch(playwright)
        try:
            context = await browser.new_context(
                proxy={"server": _NOWHERE["server"], "bypass": _NOWHERE["bypass"]},
                accept_downloads=False,
                service_workers="block",
            )
            await context.route("**/*", answer)
            page = await context.new_page()
            try:
                await page.goto(url, timeout=seconds * 1000, wait_until="load")
                await page.wait_for_load_state("networkidle", timeout=SETTLE_MS)
            except Error as error:
                # A page that never falls silent is read as it is.
                if page.url == "about:blank" or "Timeout" not in str(error):
                    why = refused[0] if refused else str(error).partition("\n")[0]
                    raise ToolError(f"{url} does not load in a browser: {why}") from error
            return (await page.content()).encode()
        finally:
            await browser.close()
