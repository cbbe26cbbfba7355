"""The allow-list as a session applies it: at the gate for everything, and before that with better manners."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from .allow import AllowList
from .events import EventLog
from .gate import Gate
from .sends import READS
from .upstream import Upstream

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Route, WebSocketRoute

# Asked by the browser itself, not by a page: refused like everything else, but no news.
_SERVICES = ("content-autofill", "optimizationguide-pa", "update", "safebrowsing")
NOBODY = "nobody.invalid"
_BROWSERS_OWN = frozenset([NOBODY, *(f"{name}.googleapis.com" for name in _SERVICES)])


class Wall:
    """Decides for one session what may be reached, and records what may not.

    The gate is what holds. Requests to hosts off the list are intercepted before it as well, because there
    a navigation can be cancelled so that the page stays as it was, and the method is known of https too.
    """

    def __init__(
        self,
        allow: AllowList,
        events: EventLog,
        *,
        any_assets: bool,
        read_only: bool = False,
        upstream: Upstream | None = None,
    ) -> None:
        self.allow = allow
        self.gate = Gate(self._may_connect, self._on_refused, self._on_failed, upstream)
        self._events = events
        self._any_assets = any_assets
        self._read_only = read_only
        self._assets: set[tuple[str, int, str]] = set()
        self._named: set[str] = set()

    async def guard(self, context: BrowserContext) -> None:
        """Intercept what needs a decision in a context (that has the gate as its proxy)."""
        await context.route(self._elsewhere(), self._on_request)
        if self._any_assets:
            # A tunnel to an asset's host would carry a secure websocket as well.
            await context.route_web_socket(lambda url: not self.allow.allows_url(url), self._on_websocket)

    @property
    def refused(self) -> list[str]:
        """The hosts off the list that were asked for, each once."""
        return sorted(self._named)

    def blocked(self, host: str, what: str) -> None:
        """Record a refusal: every navigation, but a host's sub-resources once."""
        if what != "navigation" and host in self._named:
            return
        self._named.add(host)
        self._events.add("blocked", f"blocked {what} to {host}: not on the allow-list", host=host, what=what)

    def _elsewhere(self) -> re.Pattern[str]:
        """Return a pattern of the URLs to intercept; the others go to the gate directly.

        It may match too much or too little: it is not what holds.
        """
        sites = [rf"(?:[a-z0-9-]+\.)*{re.escape(site)}(?::\d+)?" for site in sorted(self.allow.sites)]
        places = [
            rf"{re.escape(host)}:{port}" if port not in (80, 443) else rf"{re.escape(host)}(?::{port})?"
            for host, port in sorted(self.allow.places)
        ]
        known = "|".join(sites + places) or "(?!)"
        return re.compile(rf"^(?!https?://(?:{known})(?:[/?#]|$))", re.IGNORECASE)

    async def _on_request(self, route: Route) -> None:
        request = route.request
        split = urlsplit(request.url)
        if split.scheme in ("data", "blob", "about") or self.allow.allows_url(request.url):
            return await route.continue_()
        navigation = request.is_navigation_request()
        asset = self._any_assets and not navigation and request.method in ("GET", "HEAD")
        if asset and split.hostname:
            secure = split.scheme == "https"
            port = split.port or (443 if secure else 80)
            self._assets.add((split.hostname, port, "CONNECT" if secure else "GET"))
            return await route.continue_()
        self.blocked(_place(split), "navigation" if navigation else request.resource_type)
        # "aborted" cancels a navigation and leaves the page; any other reason would show an error page.
        return await route.abort("aborted" if navigation else "blockedbyclient")

    async def _on_websocket(self, route: WebSocketRoute) -> None:
        self.blocked(_place(urlsplit(route.url)), "websocket")
        await route.close()

    def _may_connect(self, host: str, port: int, method: str) -> bool:
        if self._read_only and method not in READS and method != "CONNECT":
            return False
        asked = (host, port, "GET" if method == "HEAD" else method)
        return self.allow.allows(host, port) or asked in self._assets

    def _on_refused(self, host: str, port: int) -> None:
        if host not in _BROWSERS_OWN:
            self.blocked(host if port in (80, 443) else f"{host}:{port}", "connection")

    def _on_failed(self, host: str, port: int, why: str) -> None:
        because = f": {why}" if why else ""
        self._events.add("navigation", f"no connection to {host}:{port}{because}", host=host)


def _place(split: SplitResult) -> str:
    """Return what a refused address is called: its host, with a port that is not the usual one."""
    try:
        port = split.port
    except ValueError:
        port = None
    host = split.hostname or split.scheme
    return host if port in (None, 80, 443) else f"{host}:{port}"
