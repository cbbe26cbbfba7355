"""The wall at the network layer: a proxy on loopback that connects to allowed hosts only.

Everything a browser context sends goes through its proxy: documents, frames, scripts, redirects,
websockets, workers, downloads, favicons. Playwright's own request interception does not see redirects,
websockets or workers, so the allow-list is held here. What it lets through may go to a further proxy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import urlsplit

from .upstream import HEAD_LIMIT, Streams, Upstream, UpstreamError, is_loopback, refusal, status_of

CONNECT_SECONDS = 20.0
CHUNK = 64 * 1024


class Gate:
    """An HTTP proxy that asks ``allows(host, port, method)`` for every connection.

    The method is ``CONNECT`` for https and websockets, whose content the gate does not see.

    ``on_blocked(host, port)`` is called for every refusal, ``on_failed(host, port, why)`` for every host that does
    not answer. ``upstream`` is the proxy to go through, except to this machine itself.
    """

    def __init__(
        self,
        allows: Callable[[str, int, str], bool],
        on_blocked: Callable[[str, int], None],
        on_failed: Callable[[str, int, str], None],
        upstream: Upstream | None = None,
    ) -> None:
        self._allows = allows
        self._on_blocked = on_blocked
        self._on_failed = on_failed
        self._upstream = upstream
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        assert self._server is not None, "the gate is not open"
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=HEAD_LIMIT)
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            # A connection that breaks off is the browser's or the server's affair; the page sees it.
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        line, _, fields = head.partition(b"\r\n")
        method, target, *_ = line.decode("latin-1").split(" ")
        split = urlsplit(f"//{target}" if method == "CONNECT" else target)
        try:
            host, port = split.hostname or "", split.port or 80
        except ValueError:
            return await _refuse(writer, "400 Bad Request")
        if not self._allows(host, port, method):
            self._on_blocked(host, port)
            return await _refuse(writer, "403 Forbidden", fields)
        proxy = None if is_loopback(host) else self._upstream
        tunnel = method == "CONNECT"
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                above_reader, above = await _dial(proxy, host, port, tunnel=tunnel)
        except (OSError, TimeoutError) as error:
            self._on_failed(host, port, str(error) if isinstance(error, UpstreamError) else "")
            return await _refuse(writer, "502 Bad Gateway", fields)
        try:
            if tunnel:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await _both(reader, writer, above_reader, above)
            else:
                path = (split.path or "/") + (f"?{split.query}" if split.query else "")
                forwarded = proxy is not None and proxy.forwards
                whole = f"http://{split.netloc.rpartition('@')[2]}{path}" if forwarded else path
                above.write(f"{method} {whole} HTTP/1.1\r\n".encode("latin-1"))
                if proxy is not None and forwarded:
                    above.write(proxy.authorization)
                above.write(_single_use(fields))
                await _exchange(fields, reader, writer, above_reader, above, proxy if forwarded else None)
        except UpstreamError as error:
            self._on_failed(host, port, str(error))
            await _refuse(writer, "502 Bad Gateway", fields)
        finally:
            above.close()
        return None


async def _dial(proxy: Upstream | None, host: str, port: int, *, tunnel: bool) -> Streams:
    """Return a connection to a host; or to a proxy that is then asked for a whole URL."""
    if proxy is None:
        return await asyncio.open_connection(host, port, limit=HEAD_LIMIT)
    return await (proxy.tunnel(host, port) if tunnel or not proxy.forwards else proxy.dial())


def _single_use(fields: bytes) -> bytes:
    """Return header fields that ask for one exchange per connection: the next may be for another host."""
    kept = [
        field
        for field in fields.split(b"\r\n")
        if field and not field.lower().startswith((b"connection:", b"proxy-", b"keep-alive:"))
    ]
    return b"\r\n".join([*kept, b"Connection: close", b"", b""])


async def _exchange(
    fields: bytes,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    above_reader: asyncio.StreamReader,
    above: asyncio.StreamWriter,
    proxy: Upstream | None,
) -> None:
    lengths = [f.split(b":", 1)[1] for f in fields.split(b"\r\n") if f.lower().startswith(b"content-length:")]
    left = int(lengths[0]) if lengths else 0
    while left > 0 and (chunk := await reader.read(min(CHUNK, left))):
        above.write(chunk)
        await above.drain()
        left -= len(chunk)
    answering = asyncio.ensure_future(_answer(above_reader, writer, proxy))
    # A page that goes away closes its side; the server then must not be kept waiting.
    gone = asyncio.ensure_future(reader.read(1))
    try:
        await asyncio.wait({answering, gone}, return_when=asyncio.FIRST_COMPLETED)
        if answering.done():
            answering.result()
    finally:
        await _cancel(answering, gone)


async def _answer(
    above_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, proxy: Upstream | None
) -> None:
    head = await above_reader.readuntil(b"\r\n\r\n")
    if proxy is not None and status_of(head) == 407:
        # The browser would take it for the gate's own question.
        raise UpstreamError(refusal(proxy.name, 407))
    line, _, fields = head.partition(b"\r\n")
    writer.write(line + b"\r\n" + _single_use(fields))
    await _pump(above_reader, writer)


async def _both(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    above_reader: asyncio.StreamReader,
    above: asyncio.StreamWriter,
) -> None:
    up, down = (
        asyncio.ensure_future(_pump(reader, above)),
        asyncio.ensure_future(_pump(above_reader, writer)),
    )
    try:
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _cancel(up, down)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while chunk := await source.read(CHUNK):
        sink.write(chunk)
        await sink.drain()


async def _cancel(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _refuse(writer: asyncio.StreamWriter, status: str, fields: bytes = b"") -> None:
    # "No content" leaves the page where it is; a refused document would put an empty one in its place.
    if b"upgrade-insecure-requests: 1" in fields.lower():
        status = "204 No Content"
    writer.write(f"HTTP/1.1 {status}\r\nConnection: close\r\n\r\n".encode())
    await writer.drain()
