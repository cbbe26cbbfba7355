"""Fetching over HTTP without being led astray: checked addresses, limits, manners, retries."""

from __future__ import annotations

import asyncio
import email.utils
import ipaddress
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpcore
import httpx

from agentkit.errors import ToolError
from agentkit.version import VERSION

READABLE = (
    "text/",
    "application/pdf",
    "application/xhtml+xml",
    "application/json",
    "application/xml",
    "image/",
)
_AGAIN = frozenset({429, 500, 502, 503, 504})
_MOVED = frozenset({301, 302, 303, 307, 308})
# NAT64: an IPv4 address within an IPv6 one.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True)
class FetchPolicy:
    """What may be fetched, and how.

    ``allow``: hosts (``name`` or ``name:port``) that may be private, loopback or link-local addresses; all others
    must be public. ``max_bytes`` of a body after decompression, ``seconds`` of a whole fetch with its redirects and
    retries. ``types``: how the media type may begin. ``delay``: seconds between two requests to one host.
    ``patience``: the longest ``Retry-After`` that is waited for.
    """

    allow: frozenset[str] = frozenset()
    max_bytes: int = 20_000_000
    seconds: float = 60.0
    types: tuple[str, ...] = READABLE
    redirects: int = 5
    retries: int = 2
    delay: float = 0.5
    patience: float = 20.0
    agent: str = f"agentkit/{VERSION}"


@dataclass(frozen=True)
class Fetched:
    """What a server gave: the URL after redirects, the body, its media type, when it was last changed (ISO 8601)."""

    url: str
    data: bytes
    media_type: str
    changed: str | None = None


@dataclass
class Manners:
    """When each host may be asked again; shared by fetchers that ask the same hosts."""

    next: dict[str, float] = field(default_factory=dict)

    async def wait(self, host: str, delay: float) -> None:
        """Wait for one's turn, and let the next wait ``delay`` seconds after it."""
        now = time.monotonic()
        turn = max(self.next.get(host, now), now)
        self.next[host] = turn + delay
        await asyncio.sleep(turn - now)


@dataclass
class Fetcher:
    """Fetches under a policy. Proxies of the environment are not used: they would resolve names unchecked.

    Every failure is one ``ToolError``: a refused address, no connection, a status, a timeout, a size, a type.
    """

    policy: FetchPolicy = field(default_factory=FetchPolicy)
    manners: Manners = field(default_factory=Manners)

    def __post_init__(self) -> None:
        transport = httpx.AsyncHTTPTransport(trust_env=False)
        # httpx has no setting for who connects; its pool has.
        transport._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False), network_backend=_Guard(self.policy.allow)
        )
        self._client = httpx.AsyncClient(
            transport=transport,
            follow_redirects=False,
            trust_env=False,
            headers={"User-Agent": self.policy.agent},
            timeout=httpx.Timeout(self.policy.seconds),
        )

    async def __aenter__(self) -> Fetcher:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._client.aclose()

    async def get(
        self, url: str, *, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Fetched:
        """Return what is at a URL, after redirects."""
        return await self._whole("GET", url, params=params, headers=headers)

    async def post(self, url: str, *, json: Any, headers: Mapping[str, str] | None = None) -> Fetched:
        """Return the answer to a JSON body."""
        return await self._whole("POST", url, json=json, headers=headers)

    async def _whole(self, method: str, url: str, **given: Any) -> Fetched:
        try:
            async with asyncio.timeout(self.policy.seconds):
                return await self._with_retries(method, url, given)
        except TimeoutError as error:
            raise ToolError(f"{_name(url)} took longer than {self.policy.seconds:g} s") from error

    async def _with_retries(self, method: str, url: str, given: dict[str, Any]) -> Fetched:
        for attempt in range(self.policy.retries + 1):
            last = attempt == self.policy.retries
            try:
                found = await self._redirected(method, url, given)
            except (httpx.TransportError, httpcore.NetworkError, OSError) as error:
                if last:
                    raise ToolError(
                        f"no connection to {_name(url)}: {error or type(error).__name__}"
                    ) from error
                wait = 0.5 * 2**attempt
            else:
                if isinstance(found, Fetched):
                    return found
                wait = found.retry_after if found.retry_after is not None else 0.5 * 2**attempt
                if last or found.status not in _AGAIN or wait > self.policy.patience:
                    raise ToolError(found.text(_name(url)))
            await asyncio.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    async def _redirected(self, method: str, url: str, given: dict[str, Any]) -> Fetched | _Refusal:
        for _ in range(self.policy.redirects + 1):
            _check_url(url)
            await self.manners.wait(urlsplit(url).netloc, self.policy.delay)
            async with self._client.stream(method, url, **given) as response:
                if response.status_code in _MOVED and "location" in response.headers:
                    url = urljoin(str(response.url), response.headers["location"])
                    # What was asked for the first address is no business of the next.
                    given = {}
                    if response.status_code not in (307, 308):
                        method = "GET"
                    elif method != "GET":
                        raise ToolError(f"{_name(url)} wants a request with a body sent elsewhere")
                    continue
                if response.status_code >= 400:
                    return _Refusal.of(response)
                return await self._body(response)
        raise ToolError(f"{_name(url)} redirects more than {self.policy.redirects} times")

    async def _body(self, response: httpx.Response) -> Fetched:
        url = str(response.url)
        media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type and not media_type.startswith(self.policy.types):
            raise ToolError(f"{url} is {media_type}, which is not read")
        declared = response.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > self.policy.max_bytes:
            raise self._too_large(url)
        parts, size = [], 0
        async for part in response.aiter_bytes():
            size += len(part)
            if size > self.policy.max_bytes:
                raise self._too_large(url)
            parts.append(part)
        return Fetched(url, b"".join(parts), media_type, _date(response.headers.get("last-modified")))

    def _too_large(self, url: str) -> ToolError:
        return ToolError(f"{url} is larger than {self.policy.max_bytes / 1e6:g} MB")


@dataclass(frozen=True)
class _Refusal:
    status: int
    retry_after: float | None

    @classmethod
    def of(cls, response: httpx.Response) -> _Refusal:
        return cls(response.status_code, _seconds(response.headers.get("retry-after")))

    def text(self, name: str) -> str:
        said = {401: "wants a key", 402: "wants to be paid", 403: "refuses", 404: "has no such page"}
        said |= {429: "limits the rate of requests"}
        words = said.get(self.status, "fails" if self.status >= 500 else "refuses the request")
        later = f"; try again in {self.retry_after:g} s" if self.retry_after is not None else ""
        return f"{name} {words} (HTTP {self.status}{later})"


class _Guard(httpcore.AsyncNetworkBackend):
    """Resolves a name, checks every address, and connects to one that was checked: no second look-up can differ."""

    def __init__(self, allow: Iterable[str]) -> None:
        self._allow = frozenset(name.lower() for name in allow)
        # Typed as optional by httpcore; anyio comes with httpx.
        self._backend: Any = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface of httpcore
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.AsyncNetworkStream:
        name = host.lower().rstrip(".")
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} has no address") from error
        addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
        if name not in self._allow and f"{name}:{port}" not in self._allow:
            for address in addresses:
                if not is_public(address):
                    raise ToolError(
                        f"{host} is at {address}, which is no public address",
                        mend=f"allow {name}:{port} by name, if it is meant",
                    )
        for index, address in enumerate(addresses):
            try:
                return await self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if index == len(addresses) - 1:
                    raise
        raise httpcore.ConnectError(f"{host} has no address")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface of httpcore
        socket_options: Any = None,
    ) -> httpcore.AsyncNetworkStream:
        raise ToolError("a fetch goes to no socket file")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def is_public(address: str) -> bool:
    """Say whether an IP address is one of the public internet, also when it wraps an IPv4 address."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        wrapped = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if wrapped is None and ip in _NAT64:
            wrapped = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if wrapped is not None:
            return is_public(str(wrapped))
    return ip.is_global and not ip.is_multicast


def _check_url(url: str) -> None:
    try:
        split = urlsplit(url)
        _ = split.port
    except ValueError as error:
        raise ToolError(f"{url!r} is no URL: {error}") from error
    if split.scheme not in ("http", "https") or not split.hostname:
        raise ToolError(f"{url!r} is no http or https URL")


def _name(url: str) -> str:
    # Queries may hold keys.
    split = urlsplit(url)
    return f"{split.scheme}://{split.netloc.rpartition('@')[2]}{split.path}"


def _seconds(value: str | None) -> float | None:
    """Return a Retry-After header in seconds: a number, or a date."""
    if value is None:
        return None
    try:
        return max(float(value), 0.0)
    except ValueError:
        pass
    try:
        return max(email.utils.parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (TypeError, ValueError):
        return None


def _date(value: str | None) -> str | None:
    try:
        return email.utils.parsedate_to_datetime(value).date().isoformat() if value else None
    except (TypeError, ValueError):
        return None
