"""The ways to open a browser: started for the session, on a profile, or attached to while it runs."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from agentkit.errors import UsageError

from . import profile
from .allow import AllowList
from .config import SessionConfig
from .events import EventLog
from .launch import launch, start
from .video import can_record
from .wall import NOBODY

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, Playwright

CDP_SECONDS = 15.0
# A browser that was killed would ask whether to open its tabs again, over the page.
ON_A_PROFILE = ("--hide-crash-restore-bubble",)
# It also asks who is signed in to it: nobody (the wall knows that name as its own).
UNSIGNED = f"--gaia-url=http://{NOBODY}/"
# In a browser that somebody else started, the flag that keeps WebRTC on the proxy can't be set.
NO_WEBRTC = """for (const name of ['RTCPeerConnection', 'webkitRTCPeerConnection', 'RTCDataChannel']) delete globalThis[name]"""


async def open_context(
    stack: AsyncExitStack, config: SessionConfig, browser: Browser | None, gate: str, log: EventLog
) -> BrowserContext:
    """Return a browser context whose proxy is the gate; ``stack`` closes what was opened for it.

    With ``browser`` it opens there. A browser that was attached to stays open. Raises ``UsageError``.
    """
    options = _options(config, gate, log)
    if browser is not None:
        return await _context_in(stack, browser, options)
    from playwright.async_api import async_playwright

    playwright = await stack.enter_async_context(async_playwright())
    if config.profile is not None:
        return await _on_profile(stack, playwright, config, options)
    if config.cdp is not None:
        return await _attached(stack, playwright, config, options)
    browser = await launch(playwright, headed=config.headed)
    stack.push_async_callback(browser.close)
    return await _context_in(stack, browser, options)


def _options(config: SessionConfig, gate: str, log: EventLog) -> dict[str, Any]:
    width, height = config.viewport
    options: dict[str, Any] = {
        "viewport": {"width": width, "height": height},
        "proxy": {"server": gate},
        "accept_downloads": config.downloads is not None,
        "service_workers": "block",
    }
    if config.video is not None and can_record(log):
        options |= {"record_video_dir": config.video, "record_video_size": options["viewport"]}
    return options


async def _context_in(stack: AsyncExitStack, browser: Browser, options: dict[str, Any]) -> BrowserContext:
    context = await browser.new_context(**options)
    stack.push_async_callback(context.close)
    return context


async def _on_profile(
    stack: AsyncExitStack, playwright: Playwright, config: SessionConfig, options: dict[str, Any]
) -> BrowserContext:
    assert config.profile is not None
    folder = profile.prepare(config.profile)
    context = await open_profile(playwright, folder, headed=config.headed, flags=(UNSIGNED,), **options)
    stack.push_async_callback(context.close)
    await profile.give_back_session_cookies(context, folder)
    return context


async def open_profile(
    playwright: Playwright, folder: Any, *, headed: bool, flags: tuple[str, ...] = (), **options: Any
) -> BrowserContext:
    """Start a browser on a profile and return its one context. Raises ``UsageError``, also when it is in use."""
    try:
        return await start(
            playwright.chromium.launch_persistent_context,
            headed=headed,
            user_data_dir=folder,
            flags=(*ON_A_PROFILE, *flags),
            **options,
        )
    except UsageError as error:
        # Another browser may have taken it since it was looked at.
        profile.refuse_locked(folder)
        raise error


async def _attached(
    stack: AsyncExitStack, playwright: Playwright, config: SessionConfig, options: dict[str, Any]
) -> BrowserContext:
    """Return a context of our own in a running browser, with the cookies that the browser has for allowed hosts.

    Not the browser's own context: its proxy can't be set, so nothing would hold the allow-list there, and its tabs are
    somebody's.
    """
    from playwright.async_api import Error

    assert config.cdp is not None
    try:
        browser = await playwright.chromium.connect_over_cdp(
            config.cdp, timeout=CDP_SECONDS * 1000, no_defaults=True
        )
    except Error as error:
        raise UsageError(
            f"no browser answers at {config.cdp}",
            mend="start one with: chromium --remote-debugging-port=9222 --user-data-dir=FOLDER",
        ) from error
    # Closing the connection: the browser and its tabs stay.
    stack.push_async_callback(browser.close)
    context = await _context_in(stack, browser, options)
    await context.add_init_script(script=NO_WEBRTC)
    allow = AllowList.of(config.start, config.allow)
    theirs: list[Any] = [
        cookie for own in browser.contexts if own is not context for cookie in await own.cookies()
    ]
    await context.add_cookies([cookie for cookie in theirs if allow.takes_cookie(cookie["domain"])])
    return context
