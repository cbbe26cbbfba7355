"""A browser session: one context behind its own wall, its tabs, and what happens in them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from agentkit.content import Box, Image
from agentkit.errors import ToolError

from .allow import AllowList
from .config import SessionConfig
from .cover import covered
from .downloads import save
from .events import BrowserEvent, EventLog
from .gone import is_gone
from .ids import Ids
from .launch import require_playwright
from .opening import open_context
from .profile import keep_session_cookies
from .reading import only_read
from .script import PageScript
from .secrets import Secrets
from .sends import Sends, frame_of, reads
from .upstream import Upstream
from .video import name_videos
from .wall import Wall

if TYPE_CHECKING:
    from playwright.async_api import (
        Browser,
        BrowserContext,
        Dialog,
        Download,
        Frame,
        Page,
        Request,
        Response,
        Video,
    )

# Dialogs that one action may open, before its page counts as a trap.
MOST_DIALOGS = 50


class BrowserSession:
    """An isolated browser context with one active tab. Use it as an async context manager.

    With ``browser`` given, the context opens in that browser; otherwise the session opens one as the configuration
    says.
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
        self.secrets = Secrets(self.config.secrets)
        self.events = EventLog(on_event, redact=self.secrets.redact_data if self.secrets else None)
        self.allow = AllowList.of(self.config.start, self.config.allow)
        self.script = PageScript(self.config.respond_timeout)
        self.ids = Ids()
        self.next_dialog: str | None = None
        self._dialogs = 0
        self.navigated = False
        upstream = Upstream.of(self.config.proxy) if self.config.proxy else None
        self._wall = Wall(
            self.allow,
            self.events,
            any_assets=self.config.assets == "any",
            read_only=self.config.read_only,
            upstream=upstream,
        )
        self._browser = browser
        self._context: BrowserContext | None = None
        self._page: Page | None = None
        self._videos: list[Video] = []
        self._crashed: set[Page] = set()
        self._inflight: set[Any] = set()
        self._begun: set[Any] = set()
        # Documents that were asked for and have not come, with the status of the answer (0: none yet).
        self._documents: dict[Request, int] = {}
        self._sends = Sends()
        self.asked = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._saving: set[asyncio.Task[None]] = set()
        self._stack = AsyncExitStack()
        self._left = False

    async def __aenter__(self) -> Self:
        require_playwright()
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._name_videos)
            gate = await stack.enter_async_context(self._wall.gate)
            self._context = await open_context(stack, self.config, self._browser, gate.url, self.events)
            await self._furnish(self._context)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        from playwright.async_api import Error

        self._left = True
        await self.saved(self.config.load_timeout)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for last in (self.keep_cookies, self._stack.aclose):
            try:
                await last()
            except Error as error:
                # A browser that died is closed; anything else is not ours to hide.
                if not is_gone(error):
                    raise

    async def _furnish(self, context: BrowserContext) -> None:
        """Put script, wall and listeners into a fresh context, and open its tab."""
        context.set_default_timeout(self.config.action_timeout * 1000)
        await context.add_init_script(script=self.script.source)
        await self._wall.guard(context)
        if self.config.read_only:
            await only_read(context, self.events)
        context.on("page", self._adopt)
        context.on("dialog", self._on_dialog)
        context.on("request", self._on_request)
        context.on("response", self._on_response)
        context.on("requestfinished", self._on_request_over)
        context.on("requestfailed", self._on_request_failed)
        # A profile opens with tabs of its own, which were there before all this.
        before = list(context.pages)
        await context.new_page()
        for page in before:
            await page.close()

    async def keep_cookies(self) -> None:
        """Keep what a profile would forget when its browser closes; nothing to do without a profile."""
        if self.config.profile is not None and self._context is not None:
            await keep_session_cookies(self._context, self.config.profile.expanduser())

    async def _name_videos(self) -> None:
        paths = [Path(await video.path()) for video in self._videos]
        await asyncio.to_thread(name_videos, paths)

    def blocked(self, host: str, what: str) -> None:
        """Record that something off the allow-list was asked for."""
        self._wall.blocked(host, what)

    @property
    def refused(self) -> list[str]:
        """The hosts off the allow-list that were asked for, each once."""
        return self._wall.refused

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
    def alive(self) -> Page | None:
        """The active tab; None when there is none or it crashed."""
        page = self._page
        return None if page is None or page.is_closed() or page in self._crashed else page

    @property
    def context(self) -> BrowserContext:
        assert self._context is not None, "the session is not open"
        return self._context

    @property
    def is_open(self) -> bool:
        """Whether the session has not been closed yet."""
        return self._context is not None and not self._left

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
        self._page = await self._new_page()
        for page in old:
            await self.close_tab(page)
        return self._page

    async def new_tab(self) -> Page:
        """Open a tab and make it the active one."""
        self._page = await self._new_page()
        return self._page

    async def _new_page(self) -> Page:
        from playwright.async_api import Error

        try:
            return await self.context.new_page()
        except Error as error:
            if not is_gone(error):
                raise
            # Somebody closed its window, or it died.
            raise ToolError("the browser was closed", mend="agentkit resume opens it again") from error

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
        if page.video is not None and self.config.video is not None:
            self._videos.append(page.video)
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
        # Without an answer it was a change of the address within the document, not the document asked for.
        for request, status in list(self._documents.items()):
            if status and frame_of(request) is frame:
                del self._documents[request]
                self._sends.close(frame)
        if frame.parent_frame is None and frame.page is self._page:
            self.navigated = True

    def _on_request(self, request: Request) -> None:
        self._inflight.add(request)
        self._sends.add(request)
        if request.is_navigation_request():
            self.asked = True
            if request.redirected_from is not None:
                self._documents.pop(request.redirected_from, None)
            frame = frame_of(request)
            if frame is None or frame.parent_frame is None or request.method != "GET":
                self._documents[request] = 0

    def _on_request_over(self, request: Request) -> None:
        self._inflight.discard(request)
        self._sends.discard(request)
        # A redirect is over when the request that follows it is.
        if not 300 <= self._documents.get(request, 0) < 400:
            self._documents.pop(request, None)

    def _on_request_failed(self, request: Request) -> None:
        self._inflight.discard(request)
        self._sends.discard(request)
        self._documents.pop(request, None)

    def _on_response(self, response: Response) -> None:
        request = response.request
        if request in self._documents:
            self._documents[request] = response.status
        if response.status >= 400 and request.is_navigation_request() and request.frame.parent_frame is None:
            self.events.add("navigation", f"HTTP {response.status}", status=response.status)

    def _on_crash(self, page: Page) -> None:
        self._crashed.add(page)
        self.events.add("crash", f"the tab at {page.url} crashed", url=page.url)

    def _on_console(self, kind: str, text: str) -> None:
        if kind == "error":
            self.events.add("console", self.secrets.redact(text)[:500])

    # ---- what belongs to one action ----

    def begin(self) -> None:
        """Mark the start of an action: requests from now on, and navigations, are its effect."""
        self.navigated = self.asked = False
        self._dialogs = 0
        self._begun = set(self._inflight)
        self._sends.begin(self._inflight)
        self._documents.clear()

    def pending(self) -> bool:
        """Say whether requests of the current action are still under way."""
        return bool(self._inflight - self._begun)

    def awaited(self) -> bool:
        """Say whether a document that the current action asked for (a page, a sent form) has not come yet."""
        return bool(self._documents)

    def sending(self) -> bool:
        """Say whether something that the current action sent (a form, or what a script sends) has no answer yet."""
        return self._sends.waiting() or any(not reads(request) for request in self._documents)

    @property
    def sent(self) -> bool:
        """Whether the current action sent something by a script."""
        return self._sends.sent

    async def stop_loading(self) -> None:
        """Give up a navigation that does not come, so that the page from before can be used again."""
        page = self.alive
        if page is None:
            return
        cdp = await self.context.new_cdp_session(page)
        await self.script.bounded(cdp.send("Page.stopLoading"))
        await cdp.detach()

    async def leave_blocked_page(self) -> None:
        """Go back when the active tab ended on an error page or, by a redirect, outside the allow-list."""
        from playwright.async_api import Error

        page = self.alive
        if page is None:
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

        self._dialogs += 1
        if self._dialogs > MOST_DIALOGS:
            return await self._end_dialogs(dialog)
        answer = self._dialog_answer(dialog.type)
        accept = answer is not None
        message = self.secrets.redact(dialog.message)
        self.events.add(
            "dialog",
            f"{dialog.type} dialog: {message[:500]!r} ({'accepted' if accept else 'dismissed'})",
            type=dialog.type,
            message=message,
            accepted=accept,
        )
        try:
            await (dialog.accept(answer or "") if accept else dialog.dismiss())
        except Error:
            # The page went away with its dialog.
            return None

    async def _end_dialogs(self, dialog: Dialog) -> None:
        """Close a tab that opens dialogs without end; the last one is left unanswered, so that its script stands still."""
        if self._dialogs > MOST_DIALOGS + 1:
            return
        self.events.add("dialog", f"more than {MOST_DIALOGS} dialogs in a row: the tab was closed")
        if dialog.page is not None:
            self._crashed.add(dialog.page)
            self._spawn(self.close_tab(dialog.page))

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
        name = self.secrets.redact(download.suggested_filename)
        self._saving.add(self._spawn(save(download, name, self.config.downloads, self.events)))

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def saved(self, seconds: float) -> None:
        """Wait some time for downloads that are under way."""
        self._saving = {task for task in self._saving if not task.done()}
        if self._saving:
            await asyncio.wait(self._saving, timeout=seconds)

    # ---- looking ----

    async def kit(self, frame: Frame, expression: str, argument: Any = None) -> Any:
        """Evaluate an expression of the page script in a frame (see ``PageScript.run``)."""
        return await self.script.run(frame, expression, argument)

    async def responds(self, seconds: float = 2.0) -> bool:
        """Say whether the active tab answers within some time: not when it crashed, was closed, or hangs."""
        from playwright.async_api import Error

        try:
            async with asyncio.timeout(seconds):
                await self.page.evaluate("1")
        except (TimeoutError, ToolError, Error):
            return False
        return True

    async def screenshot(self, *, full_page: bool = False, box: Box | None = None) -> Image:
        """Return a picture of the active tab in CSS pixels; ``box`` cuts out a part of the viewport.

        What shows a secret is painted over.
        """
        clip: Any = None
        if box is not None:
            clip = {"x": box.left, "y": box.top, "width": box.width, "height": box.height}
        shot = self.page.screenshot(
            full_page=full_page, clip=clip, scale="css", animations="disabled", caret="hide"
        )
        origin = None if full_page else box or Box(0, 0, *self.config.viewport)
        return await covered(self, self.script.bounded(shot), origin)
