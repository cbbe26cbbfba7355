"""Log in by hand: a browser on a profile, without an agent and without an allow-list, until the person is done."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentkit.errors import UsageError

from . import profile
from .gone import is_gone
from .launch import require_display, require_playwright
from .opening import open_profile
from .upstream import Upstream

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext

# Seconds between two looks at the cookies that a browser forgets: when its window is closed it is too late.
LOOK = 1.0
MEND = "use --port to log in from another machine, or run it where DISPLAY is set"


async def log_in(
    url: str, folder: Path, done: asyncio.Event, *, proxy: str | None = None, port: int | None = None
) -> list[str]:
    """Open a page in a window on a profile, and wait until the window is closed or ``done`` is set.

    With ``port`` there is no window: a Chrome on another machine is used to look at the page (chrome://inspect),
    through a tunnel to this port of loopback. Returns the hosts that have cookies in the profile. Raises
    ``UsageError``.
    """
    require_playwright()
    from playwright.async_api import async_playwright

    if port is None:
        require_display(MEND)
    folder = await asyncio.to_thread(profile.prepare, folder)
    flags = () if port is None else (f"--remote-debugging-port={port}",)
    options: dict[str, Any] = {"no_viewport": True, "proxy": _proxy(proxy)}
    async with async_playwright() as playwright:
        context = await open_profile(playwright, folder, headed=port is None, flags=flags, **options)
        context.on("close", lambda _: done.set())
        await profile.give_back_session_cookies(context, folder)
        await _open(context, url)
        hosts = await _kept_until(done, context, folder)
        await context.close()
    return hosts


async def _open(context: BrowserContext, url: str) -> None:
    from playwright.async_api import Error

    page = context.pages[0] if context.pages else await context.new_page()
    try:
        await page.goto(url, wait_until="commit")
    except Error as error:
        await context.close()
        first = str(error).splitlines()[0]
        raise UsageError(f"{url} did not open: {first}", mend="is the address right?") from error


async def _kept_until(done: asyncio.Event, context: BrowserContext, folder: Path) -> list[str]:
    """Keep the cookies again and again, until it is done; return the hosts that have some."""
    from playwright.async_api import Error

    hosts: set[str] = set()
    over = False
    while not over:
        try:
            async with asyncio.timeout(LOOK):
                await done.wait()
        except TimeoutError:
            # Some systems leave a browser without a window running.
            over = not context.pages
        else:
            over = True
        try:
            await profile.keep_session_cookies(context, folder)
            hosts = {cookie.get("domain", "").lstrip(".") for cookie in await context.cookies()}
        except Error as error:
            if not is_gone(error):
                raise
            over = True
    return sorted(hosts)


def _proxy(url: str | None) -> dict[str, str] | None:
    """Return a proxy as Playwright takes it. A browser gives no credentials to a socks proxy."""
    if url is None:
        return None
    found = Upstream.of(url)
    if found.user and not found.forwards:
        raise UsageError(
            "a log-in by hand can't use a socks5 proxy with credentials", mend="an http proxy can have them"
        )
    server = (
        f"{found.scheme.rstrip('h')}://{found.name}"
        if not found.forwards
        else f"{found.scheme}://{found.name}"
    )
    return (
        {"server": server, "username": found.user, "password": found.password}
        if found.user
        else {"server": server}
    )
