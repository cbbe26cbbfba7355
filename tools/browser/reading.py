"""A context that only reads: nothing that could change something at a server leaves it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .events import EventLog
from .sends import reads

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Route, WebSocketRoute

SENDING = "send"
# What a page sends while it goes away is not seen by routes: it must not begin. ``pagehide`` reaches this first.
WHILE_LEAVING = """(() => {
  let leaving = false;
  addEventListener('pagehide', () => { leaving = true; }, true);
  const beacon = Navigator.prototype.sendBeacon, ask = window.fetch;
  Navigator.prototype.sendBeacon = function (...args) { return leaving ? false : beacon.apply(this, args); };
  window.fetch = function (...args) { return leaving ? Promise.reject(new TypeError('read only')) : ask.apply(this, args); };
})()"""


async def only_read(context: BrowserContext, log: EventLog) -> None:
    """Refuse, in a context, all requests that do not just read by their method, and websockets.

    What was refused is an event (``blocked``, with ``what="send"``). A GET that changes something is not known from
    one that does not. Call it after other routes were set: they decide on what is left. The gate refuses as well what
    it can see the method of (not what is encrypted).
    """

    def refuse(url: str, what: str) -> None:
        host = urlsplit(url).hostname or ""
        log.add("blocked", f"held back {what} to {host}: this page is only read", host=host, what=SENDING)

    async def on_request(route: Route) -> None:
        request = route.request
        if reads(request):
            return await route.fallback()
        refuse(request.url, f"a {request.method}")
        return await route.abort("aborted" if request.is_navigation_request() else "blockedbyclient")

    async def on_websocket(route: WebSocketRoute) -> None:
        refuse(route.url, "a websocket")
        await route.close()

    await context.add_init_script(script=WHILE_LEAVING)
    await context.route("**/*", on_request)
    await context.route_web_socket("**/*", on_websocket)


def held_back(log: EventLog, mark: int) -> bool:
    """Say whether something was held back since ``mark``, an earlier value of ``log.total``."""
    return any(event.data.get("what") == SENDING for event in log.since(mark))
