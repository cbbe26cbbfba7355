"""The proxy behind the gate: what the allow-list lets through goes there instead of to the hosts themselves."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import ssl
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from agentkit.errors import UsageError

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
HEAD_LIMIT = 256 * 1024
# Stands for credentials where a proxy is written down.
HIDDEN = "***@"
# RFC 1928: version, then the commands, addresses and methods that are used here.
SOCKS, CONNECT, NAME, NO_LOGIN, LOGIN = 5, 1, 3, 0, 2
REFUSALS = (
    "",
    "it failed",
    "its rules forbid it",
    "the network",
    "the host",
    "the connection",
    "the time to live",
)


class UpstreamError(OSError):
    """The proxy is not there, or does not let through. Its words never hold credentials."""


@dataclass(frozen=True)
class Upstream:
    """An ``http``, ``https`` or ``socks5`` proxy. Host names are resolved by it, not here."""

    scheme: str
    host: str
    port: int
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, url: str) -> Upstream:
        """Return the proxy of a URL. Raises ``UsageError`` for one that names none, without its credentials."""
        try:
            split = urlsplit(url if "://" in url else f"http://{url}")
            host, port = split.hostname, split.port or PORTS.get(split.scheme)
        except ValueError:
            host = port = None
            split = urlsplit("")
        if not host or port is None or split.scheme not in PORTS:
            raise UsageError(
                "the proxy is no http, https or socks5 address", mend="write it as http://host:port"
            )
        user, password = unquote(split.username or ""), unquote(split.password or "")
        return cls(split.scheme, host, port, user, password)

    @property
    def name(self) -> str:
        """The proxy in words, without credentials."""
        return f"{self.host}:{self.port}"

    @property
    def forwards(self) -> bool:
        """Whether plain http goes to it as a request for a whole URL; else it only makes connections."""
        return self.scheme in ("http", "https")

    @property
    def authorization(self) -> bytes:
        """The header field with the credentials, empty without."""
        if not self.user:
            return b""
        token = base64.b64encode(f"{self.user}:{self.password}".encode())
        return b"Proxy-Authorization: Basic " + token + b"\r\n"

    async def dial(self) -> Streams:
        """Return a connection to the proxy itself. Raises ``UpstreamError``."""
        secure = ssl.create_default_context() if self.scheme == "https" else None
        try:
            return await asyncio.open_connection(self.host, self.port, ssl=secure, limit=HEAD_LIMIT)
        except OSError as error:
            # The system's own words name addresses only.
            raise UpstreamError(
                f"the proxy {self.name} does not answer: {error.strerror or error}"
            ) from error

    async def tunnel(self, host: str, port: int) -> Streams:
        """Return a connection through the proxy to a host. Raises ``UpstreamError``."""
        reader, writer = await self.dial()
        try:
            await (self._connect if self.forwards else self._socks)(reader, writer, host, port)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            writer.close()
            raise UpstreamError(f"the proxy {self.name} broke off") from error
        except BaseException:
            writer.close()
            raise
        return reader, writer

    async def _connect(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int
    ) -> None:
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        head = f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n".encode("latin-1")
        writer.write(head + self.authorization + b"\r\n")
        answer = await reader.readuntil(b"\r\n\r\n")
        status = status_of(answer)
        if status != 200:
            raise UpstreamError(refusal(self.name, status))

    async def _socks(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int
    ) -> None:
        """Ask for a connection (RFC 1928), with a user name and password if there are any (RFC 1929)."""
        writer.write(bytes([SOCKS, 1, LOGIN if self.user else NO_LOGIN]))
        version, method = await reader.readexactly(2)
        if version != SOCKS:
            raise UpstreamError(f"{self.name} is no socks5 proxy")
        if method == LOGIN and self.user:
            user, password = self.user.encode(), self.password.encode()
            writer.write(bytes([1, len(user)]) + user + bytes([len(password)]) + password)
            if (await reader.readexactly(2))[1] != 0:
                raise UpstreamError(refusal(self.name, 407))
        elif method != NO_LOGIN:
            raise UpstreamError(refusal(self.name, 407))
        name = host.encode("idna") if host.isascii() is False else host.encode()
        writer.write(bytes([SOCKS, CONNECT, 0, NAME, len(name)]) + name + port.to_bytes(2, "big"))
        _, code, _, kind = await reader.readexactly(4)
        length = {1: 4, 4: 16}.get(kind) or (await reader.readexactly(1))[0]
        await reader.readexactly(length + 2)
        if code != 0:
            why = REFUSALS[code] if code < len(REFUSALS) else f"error {code}"
            raise UpstreamError(f"the proxy {self.name} made no connection: {why}")


def status_of(head: bytes) -> int:
    """Return the status of an answer, 0 when it has none."""
    parts = head.split(b"\r\n", 1)[0].split(b" ")
    return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0


def refusal(proxy: str, status: int) -> str:
    """Return why a proxy did not let through, in words."""
    if status == 407:
        return f"the proxy {proxy} asks for other credentials"
    return f"the proxy {proxy} did not let it through (status {status})"


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine, which no proxy is asked for."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def without_credentials(url: str) -> str:
    """Return a proxy's URL as it may be written down (see ``HIDDEN``)."""
    scheme, mark, rest = url.partition("://") if "://" in url else ("", "", url)
    who, at, place = rest.rpartition("@")
    return f"{scheme}{mark}{HIDDEN if at and who else ''}{place}"
