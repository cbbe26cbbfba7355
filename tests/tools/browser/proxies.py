"""Proxies to go through, http and socks5, that know names which nobody else resolves, and remember who was asked for."""

from __future__ import annotations

import asyncio
import base64
from typing import Self
from urllib.parse import urlsplit


class Proxy:
    """A proxy on loopback. ``names`` leads host names to ports of this machine; ``seen`` holds (what, host, port).

    With ``login`` ("user:password") it serves nobody else.
    """

    def __init__(self, names: dict[str, int], *, socks: bool = False, login: str = "") -> None:
        self.names, self.socks, self.login = names, socks, login
        self.seen: list[tuple[str, str, int]] = []
        self.place = ""
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._socks if self.socks else self._http, "127.0.0.1", 0)
        self.place = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        line, _, fields = head.partition(b"\r\n")
        method, target, _ = line.decode().split(" ")
        token = base64.b64encode(self.login.encode()).decode()
        if self.login and f"Proxy-Authorization: Basic {token}".encode() not in fields:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return writer.close()
        split = urlsplit(f"//{target}" if method == "CONNECT" else target)
        if split.hostname not in self.names:
            self.seen.append((method, split.hostname or "", split.port or 80))
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return writer.close()
        above = await self._above(method, split.hostname, split.port or 80)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = split.path + (f"?{split.query}" if split.query else "")
            above[1].write(f"{method} {path} HTTP/1.1\r\n".encode() + fields)
        return await _join((reader, writer), above)

    async def _socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, count = await reader.readexactly(2)
        offered = await reader.readexactly(count)
        wanted = 2 if self.login else 0
        writer.write(bytes([5, wanted if wanted in offered else 255]))
        if self.login:
            if wanted not in offered:
                return writer.close()
            user = await reader.readexactly((await reader.readexactly(2))[1])
            password = await reader.readexactly((await reader.readexactly(1))[0])
            right = f"{user.decode()}:{password.decode()}" == self.login
            writer.write(bytes([1, 0 if right else 1]))
            if not right:
                return writer.close()
        await reader.readexactly(4)
        host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        port = int.from_bytes(await reader.readexactly(2), "big")
        if host not in self.names:
            self.seen.append(("SOCKS", host, port))
            writer.write(bytes([5, 4, 0, 1, 0, 0, 0, 0, 0, 0]))
            return writer.close()
        above = await self._above("SOCKS", host, port)
        writer.write(bytes([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]))
        return await _join((reader, writer), above)

    async def _above(
        self, what: str, host: str, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self.seen.append((what, host, port))
        return await asyncio.open_connection("127.0.0.1", self.names[host])


async def _join(
    one: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    other: tuple[asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while chunk := await source.read(65536):
            sink.write(chunk)
            await sink.drain()

    ways = [asyncio.ensure_future(pump(one[0], other[1])), asyncio.ensure_future(pump(other[0], one[1]))]
    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    for way in ways:
        way.cancel()
    await asyncio.gather(*ways, return_exceptions=True)
    for _, writer in (one, other):
        writer.close()
