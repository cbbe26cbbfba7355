"""What every request must pass, and what every answer carries."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .config import MEGABYTE

# Scripts and styles are files of ours, nothing is loaded from elsewhere, and no script may turn text into HTML.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(self), microphone=(), geolocation=(), payment=()",
}
LARGEST_BODY = 2 * MEGABYTE
LARGEST_DRAINED = 128 * MEGABYTE
LOOPBACK = ("127.0.0.1", "localhost", "::1")
UPLOAD = "/api/pictures"
SAFE = ("GET", "HEAD", "OPTIONS")


class Guard:
    """Refuses requests of other sites and bodies that are too large; sets the headers of answers.

    Without tokens the server must be addressed as this machine (else a foreign name could be pointed at it).
    """

    def __init__(self, app: ASGIApp, *, guarded: bool, max_picture: int) -> None:
        self.app, self.guarded, self.max_picture = app, guarded, max_picture

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        limit = self.max_picture if scope["path"] == UPLOAD else LARGEST_BODY
        if problem := self._problem(scope, headers, limit):
            await _drain(receive)
            await _refuse(send, *problem)
            return
        await self.app(scope, _limited(receive, limit), _with_headers(send))

    def _problem(self, scope: Scope, headers: Headers, limit: int) -> tuple[int, str] | None:
        host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
        if not self.guarded and host not in LOOPBACK:
            return 421, "this server answers to 127.0.0.1 and localhost only"
        if not _same_origin(scope, headers):
            return 403, "requests of other sites are refused"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > limit:
            return 413, f"this is more than {limit // MEGABYTE} MB"
        return None


class TooLarge(Exception):  # noqa: N818 - control flow
    """A body without a length went over the limit."""


def _same_origin(scope: Scope, headers: Headers) -> bool:
    """Return whether a request comes from our page, or from no page at all."""
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    if scope["method"] in SAFE and scope["path"] == "/":
        # A link to the page may stand anywhere.
        return True
    if site is not None and site not in ("same-origin", "none"):
        return False
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def _limited(receive: Receive, limit: int) -> Receive:
    seen = 0

    async def receive_some() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise TooLarge(f"this is more than {limit // MEGABYTE} MB")
        return message

    return receive_some


def _with_headers(send: Send) -> Send:
    async def send_more(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            # A report has a policy of its own.
            headers.setdefault("content-security-policy", POLICY)
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return send_more


async def _drain(receive: Receive) -> None:
    """Take in the body of a refused request, within reason: who is cut off while sending never hears why."""
    left = LARGEST_DRAINED
    while left > 0:
        message = await receive()
        left -= len(message.get("body", b""))
        if not message.get("more_body", False):
            return


async def _refuse(send: Send, status: int, error: str) -> None:
    body = json.dumps({"error": error, "mend": None}).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
