"""A browser session: one context behind its own wall, its tabs, and what happens in them."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import urlsplit

from agentkit.content import Box, Image
from agentkit.errors import ToolError

from .allow import AllowList
from .events import BrowserEvent, EventLog
from .gate import Gate
from .launch import launch, require_playwright

if TYPE_CHECKING:
    from playwright.async_api import (
        Browser,
        BrowserContext,
        Dialog,
        Download,
        Frame,
        Page,
        Response,
        Route,
        WebSocketRoute,
    )

# Asked by the browser itself, not by a page: refused like everything else, but no news.
_BROWSERS_OWN = frozenset(
    f"{name}.googleapis.com"
    for name in ("content-autofill", "optimizationguide-pa", "update", "safebrowsing")
)
_MISSING = "agentkit: no page script"


@dataclass(frozen=True)
class SessionConfig:
    """How a session behaves. Times are in seconds.

    ``start`` and ``allow`` make the allow-list (see ``AllowList.of``). ``assets="any"`` lets allowed pages
    load sub-resources from elsewhere, by GET only. ``downloads`` is the folder for downloads (None: they
    are refused). ``sandbox`` declares that nothing on the allowed hosts is real, so that no action counts
    as irreversible. ``root`` and ``ignore`` are CSS selectors of what observations read and leave out.
    """

    start: str | None = None
    allow: tuple[str, ...] = ()
    assets: Literal["same", "any"] = "same"
    viewport: tuple[int, int] = (1280, 720)
    downloads: Path | None = None
    max_tabs: int = 5
    load_timeout: float = 15.0
    action_timeout: float = 3.0
    settle_timeout: float = 3.0
    respond_timeout: float = 10.0
    quiet: float = 0.06
    headed: bool = False
    sandbox: bool = False
    root: str | None = None
    ignore: str | None = None


class BrowserSession:
    """An isolated browser context with one active tab. Use it as an async context manager.

    With ``browser`` given, the context opens in that browser; otherwise the session starts one of its own.
    What the page does beside the actions is in ``events``; its words are untrusted.
    """

    def __init__(
        self,
        config: SessionConfig | None = None,
        *,
        browser: Browser | None = None,
        on_event: Callable[[BrowserEvent], None] | None = None,
    ) -> None:
        self.config = config or SessionConfig()
        self.events = EventLog(on_event)
        self.allow = AllowList.of(self.config.start, self.config.allow)
        self.frames: dict[int, Frame] = {}
        self._inflight: set[Any] = set()
        self.last_id = 0
        self.next_dialog: str | None = None
        self.navigated = False
        self._begun: set[Any] = set()
        self._key = "__" + secrets.token_hex(8)
        self._browser = browser
        self._page: Page | None = None
        self._context: BrowserContext | None = None
        self._crashed: set[Page] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._assets: set[tuple[str, int, str]] = set()
        self._blocked: set[str] = set()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        require_playwright()
        from playwright.async_api import async_playwright

        async with AsyncExitStack() as stack:
            if self._browser is None:
                playwright = await stack.enter_async_context(async_playwright())
                self._browser = await launch(playwright, headed=self.config.headed)
                stack.push_async_callback(self._browser.close)
            gate = await stack.enter_async_context(Gate(self._may_connect, self._on_refused, self._on_failed))
            self._context = await self._open_context(self._browser, gate)
            stack.push_async_callback(self._context.close)
            await self._context.new_page()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        from playwright.async_api import Error

        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self._stack.aclose()
        except Error as error:
            # A browser that died is closed; anything else is not ours to hide.
            if "closed" not in str(error):
                raise

    # ---- the context and its wall ----

    async def _open_context(self, browser: Browser, gate: Gate) -> BrowserContext:
        width, height = self.config.viewport
        context = await browser.new_context(
            viewport={"width": width, "height": height},
            proxy={"server": gate.url},
            accept_downloads=self.config.downloads is not None,
            service_workers="block",
        )
        context.set_default_timeout(self.config.action_timeout * 1000)
        await context.add_init_script(script=self._page_script())
        await context.route(self._elsewhere(), self._on_request_elsewhere)
        if self.config.assets == "any":
            # A tunnel to an asset's host would carry a secure websocket as well.
            await context.route_web_socket(
                lambda url: not self.allow.allows_url(url), self._on_websocket_elsewhere
            )
        context.on("page", self._adopt)
        context.on("dialog", self._on_dialog)
        context.on("request", lambda request: self._inflight.add(request))
        context.on("response", self._on_response)
        context.on("requestfinished", lambda request: self._inflight.discard(request))
        context.on("requestfailed", lambda request: self._inflight.discard(request))
        return context

    def _page_script(self) -> str:
        key = json.dumps(self._key)
        look = f"window[{key}].snapshot = (options) => ({_script('snapshot.js')})(window[{key}], options)"
        return f"(() => {{ if (!window[{key}]) {{ ({_script('page.js')})({key}); {look}; }} }})()"

    def _elsewhere(self) -> re.Pattern[str]:
        """Return a pattern of the URLs that need a decision; the others are not intercepted at all.

        It may match too much, never too little: the gate is the wall, this only gives better manners
        (a refused navigation leaves the page as it is).
        """
        sites = [rf"(?:[a-z0-9-]+\.)*{re.escape(site)}(?::\d+)?" for site in sorted(self.allow.sites)]
        places = [
            rf"{re.escape(host)}:{port}" if port not in (80, 443) else rf"{re.escape(host)}(?::{port})?"
            for host, port in sorted(self.allow.places)
        ]
        known = "|".join(sites + places) or "(?!)"
        return re.compile(rf"^(?!https?://(?:{known})(?:[/?#]|$))", re.IGNORECASE)

    async def _on_request_elsewhere(self, route: Route) -> None:
        request = route.request
        split = urlsplit(request.url)
        if split.scheme in ("data", "blob", "about") or self.allow.allows_url(request.url):
            return await route.continue_()
        navigation = request.is_navigation_request()
        if (
            self.config.assets == "any"
            and not navigation
            and request.method in ("GET", "HEAD")
            and split.hostname
        ):
            method = "CONNECT" if split.scheme == "https" else "GET"
            self._assets.add((split.hostname, split.port or (443 if split.scheme == "https" else 80), method))
            return await route.continue_()
        self.blocked(split.hostname or split.scheme, "navigation" if navigation else request.resource_type)
        # "aborted" cancels a navigation and leaves the page; any other reason would show an error page.
        return await route.abort("aborted" if navigation else "blockedbyclient")

    def _may_connect(self, host: str, port: int, method: str) -> bool:
        return (
            self.allow.allows(host, port)
            or (host, port, "GET" if method == "HEAD" else method) in self._assets
        )

    async def _on_websocket_elsewhere(self, route: WebSocketRoute) -> None:
        self.blocked(urlsplit(route.url).hostname or "", "websocket")
        await route.close()

    def _on_refused(self, host: str, port: int) -> None:
        if host in _BROWSERS_OWN:
            return
        self.blocked(host if port in (80, 443) else f"{host}:{port}", "connection")

    def _on_failed(self, host: str, port: int) -> None:
        self.events.add("navigation", f"no connection to {host}:{port}", host=host)

    def blocked(self, host: str, what: str) -> None:
        """Record a refused request; a host's sub-resources once, every refused navigation."""
        if what != "navigation" and host in self._blocked:
            return
        self._blocked.add(host)
        self.events.add("blocked", f"blocked {what} to {host}: not on the allow-list", host=host, what=what)

    # ---- tabs ----

    @property
    def page(self) -> Page:
        """The active tab. Raises ``ToolError`` when it crashed or was closed."""
        if self._page is None or self._page.is_closed():
            raise ToolError("the tab is closed", mend="open a page with goto")
        if self._page in self._crashed:
            raise ToolError("the tab crashed", mend="open a page with goto")
        return self._page

    @property
    def active(self) -> Page | None:
        """The active tab, in whatever state it is; None when there is none."""
        return self._page

    @property
    def context(self) -> BrowserContext:
        assert self._context is not None, "the session is not open"
        return self._context

    @property
    def tabs(self) -> list[Page]:
        """The open tabs, oldest first."""
        return self.context.pages

    @property
    def url(self) -> str:
        """The URL of the active tab; empty when there is none."""
        page = self._page
        return "" if page is None or page.is_closed() else page.url

    async def fresh_page(self) -> Page:
        """Open a new tab, make it the active one and close the others: the way out of a dead page."""
        old = list(self.tabs)
        self._page = await self.context.new_page()
        for page in old:
            await self.close_tab(page)
        return self._page

    async def close_tab(self, page: Page) -> None:
        """Close a tab, also one that does not respond."""
        from playwright.async_api import Error

        try:
            async with asyncio.timeout(self.config.action_timeout):
                await page.close()
        except (TimeoutError, Error) as error:
            self.events.add("tab", f"a tab did not close: {type(error).__name__}")
        self._on_close(page)

    async def switch_tab(self, index: int) -> None:
        """Make the tab of this index the active one. Raises ``ToolError`` when there is none."""
        if not 0 <= index < len(self.tabs):
            raise ToolError(f"there is no tab {index}; there are {len(self.tabs)}")
        self._page = self.tabs[index]
        await self._page.bring_to_front()

    def _adopt(self, page: Page) -> None:
        first = self._page is None
        if len(self.tabs) > self.config.max_tabs:
            self.events.add("tab", f"a new tab was closed: more than {self.config.max_tabs}")
            self._spawn(self.close_tab(page))
            return
        page.on("crash", self._on_crash)
        page.on("framenavigated", self._on_navigated)
        page.on("close", self._on_close)
        page.on("download", self._on_download)
        page.on("console", lambda message: self._on_console(message.type, message.text))
        page.on("pageerror", lambda error: self._on_console("error", str(error)))
        self._page = page
        if not first:
            self.events.add("tab", "a new tab opened and is now active", index=len(self.tabs) - 1)

    def _on_close(self, page: Page) -> None:
        self._crashed.discard(page)
        if page is self._page:
            left = [tab for tab in self.tabs if tab is not page and tab not in self._crashed]
            self._page = left[-1] if left else None

    def _on_navigated(self, frame: Frame) -> None:
        if frame.parent_frame is None and frame.page is self._page:
            self.navigated = True

    def _on_response(self, response: Response) -> None:
        request = response.request
        if response.status >= 400 and request.is_navigation_request() and request.frame.parent_frame is None:
            self.events.add("navigation", f"HTTP {response.status}", status=response.status)

    def _on_crash(self, page: Page) -> None:
        self._crashed.add(page)
        self.events.add("crash", f"the tab at {page.url} crashed", url=page.url)

    def _on_console(self, kind: str, text: str) -> None:
        if kind == "error":
            self.events.add("console", text[:500])

    # ---- what belongs to one action ----

    def begin(self) -> None:
        """Mark the start of an action: requests from now on, and navigations, are its effect."""
        self.navigated = False
        self._begun = set(self._inflight)

    def pending(self) -> bool:
        """Say whether requests of the current action are still under way."""
        return bool(self._inflight - self._begun)

    async def stop_loading(self) -> None:
        """Give up a navigation that does not come, so that the page from before can be used again."""
        page = self.active
        if page is None or page.is_closed() or page in self._crashed:
            return
        cdp = await self.context.new_cdp_session(page)
        await self._bounded(cdp.send("Page.stopLoading"))
        await cdp.detach()

    async def leave_blocked_page(self) -> None:
        """Go back when the active tab ended on an error page or, by a redirect, outside the allow-list."""
        from playwright.async_api import Error

        page = self.active
        if page is None or page.is_closed() or page in self._crashed:
            return
        url = page.main_frame.url
        outside = url.startswith(("http:", "https:")) and not self.allow.allows_url(url)
        if not outside and not url.startswith("chrome-error:"):
            return
        self.events.add(
            "navigation", "the page could not be opened" if not outside else f"left {url}: not allowed"
        )
        try:
            await page.go_back(wait_until="domcontentloaded", timeout=self.config.action_timeout * 1000)
        except Error:
            await page.goto("about:blank")

    # ---- dialogs and downloads ----

    async def _on_dialog(self, dialog: Dialog) -> None:
        from playwright.async_api import Error

        answer = self._dialog_answer(dialog.type)
        accept = answer is not None
        self.events.add(
            "dialog",
            f"{dialog.type} dialog: {dialog.message[:500]!r} ({'accepted' if accept else 'dismissed'})",
            type=dialog.type,
            message=dialog.message,
            accepted=accept,
        )
        try:
            await (dialog.accept(answer or "") if accept else dialog.dismiss())
        except Error:
            # The page went away with its dialog.
            return

    def _dialog_answer(self, kind: str) -> str | None:
        """Return the text to accept a dialog with, or None to dismiss it.

        An alert has one way out. Anything that asks is dismissed, unless the agent chose the answer
        beforehand (``next_dialog``), which holds for one dialog.
        """
        if kind == "alert":
            return ""
        answer, self.next_dialog = self.next_dialog, None
        return answer

    def _on_download(self, download: Download) -> None:
        self._spawn(self._save(download))

    async def _save(self, download: Download) -> None:
        from playwright.async_api import Error

        folder, name = self.config.downloads, _file_name(download.suggested_filename)
        if folder is None:
            self.events.add("download", f"the download of {name} was refused: no folder for downloads")
            return
        folder.mkdir(parents=True, exist_ok=True)
        path = _unused(folder / name)
        try:
            await download.save_as(path)
        except (Error, OSError) as error:
            self.events.add("download", f"the download of {name} failed: {str(error).splitlines()[0]}")
            return
        self.events.add("download", f"downloaded {path.name}, {path.stat().st_size} bytes", path=str(path))

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ---- talking to pages ----

    async def kit(self, frame: Frame, expression: str, argument: Any = None) -> Any:
        """Evaluate a JavaScript expression of ``kit`` (what ``page.js`` keeps) and ``arg`` in a frame.

        Raises ``ToolError`` when the page does not respond or went away.
        """
        code = f"(arg) => {{ const kit = window[{json.dumps(self._key)}]; return kit ? {expression} : {_MISSING!r}; }}"
        value = await self._bounded(frame.evaluate(code, argument))
        if value == _MISSING:
            # A document that was there before the session (an attached browser, a frame written by a script).
            await self._bounded(frame.evaluate(self._page_script()))
            value = await self._bounded(frame.evaluate(code, argument))
        return value

    async def handle(self, frame: Frame, number: int) -> Any:
        """Return the element handle of an id, or None when the element left the page."""
        code = f"(id) => window[{json.dumps(self._key)}]?.get(id)"
        found = await self._bounded(frame.evaluate_handle(code, number))
        return found.as_element()

    async def _bounded(self, work: Any) -> Any:
        from playwright.async_api import Error

        limit = self.config.respond_timeout
        try:
            async with asyncio.timeout(limit):
                return await work
        except TimeoutError:
            raise ToolError(
                f"the page did not respond within {limit:g} s", mend="wait, or open another page"
            ) from None
        except Error as error:
            raise ToolError(f"the page can't be read: {first_line(error)}") from error

    async def screenshot(self, *, full_page: bool = False, box: Box | None = None) -> Image:
        """Return a picture of the active tab in CSS pixels; ``box`` cuts out a part of the viewport."""
        clip = None
        if box is not None:
            clip = {"x": box.left, "y": box.top, "width": box.width, "height": box.height}
        data = await self._bounded(
            self.page.screenshot(
                full_page=full_page, clip=clip, scale="css", animations="disabled", caret="hide"
            )  # type: ignore[arg-type]
        )
        return Image.open(data)


def first_line(error: BaseException) -> str:
    """Return the first line of an error, without Playwright's call name."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return re.sub(r"^\w+\.\w+: ", "", line)


def _script(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8").strip().rstrip(";")


def _file_name(suggested: str) -> str:
    name = Path(suggested.replace("\\", "/")).name.lstrip("._")
    return re.sub(r"[^\w .()-]", "_", name)[:120] or "download"


def _unused(path: Path) -> Path:
    number = 1
    while path.exists():
        number += 1
        path = path.with_stem(f"{path.stem.removesuffix(f'-{number - 1}')}-{number}")
    return path
