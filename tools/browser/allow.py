"""Which hosts a session may talk to: the start URL's site and what the user added."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from agentkit.errors import UsageError

# Second-level labels under which anybody can register ("example.co.uk").
_SECOND_LEVEL = "ac co com edu gob gov gouv ltd me mil net nom nhs or org plc sch"
# Hosts that give every customer a subdomain: two customers are two sites.
_SHARED = (
    "github.io gitlab.io herokuapp.com vercel.app netlify.app pages.dev workers.dev web.app firebaseapp.com "
    "blogspot.com azurewebsites.net cloudfront.net amazonaws.com appspot.com onrender.com fly.dev "
    "surge.sh glitch.me wordpress.com wixsite.com myshopify.com ngrok.io ngrok-free.app repl.co"
)
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def is_local(host: str) -> bool:
    """Say whether a host is an address or a name of one label: such a host is its own site."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return "." not in host or host.endswith(".localhost")
    return True


def site_of(host: str) -> str:
    """Return the registrable domain of a host name.

    A short rule in place of the whole Public Suffix List: two labels, or three under a country's second
    level (``example.co.uk``) and under well-known shared hosting (``name.github.io``). Where the rule
    does not know a suffix, name the hosts with ``allow``.
    """
    host = host.lower().rstrip(".")
    if is_local(host):
        return host
    labels = host.split(".")
    shared = any(host.endswith("." + suffix) for suffix in _SHARED.split())
    country = len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL.split()
    return ".".join(labels[-3:] if shared or country else labels[-2:])


@dataclass(frozen=True)
class AllowList:
    """The sites a session may reach.

    ``sites`` match themselves and their subdomains. ``places`` are (host, port) pairs that match exactly:
    an address or a one-label name is allowed with its port only, so that a page served on loopback does
    not open every other service of the machine.
    """

    sites: frozenset[str] = frozenset()
    places: frozenset[tuple[str, int]] = frozenset()

    @classmethod
    def of(cls, start: str | None = None, allow: Iterable[str] = ()) -> AllowList:
        """Return the list for a start URL and further entries: ``example.com``, ``host:port`` or a URL.

        Raises ``UsageError`` for an entry without a host.
        """
        sites, places = set(), set()
        for entry in ([start] if start else []) + list(allow):
            split = urlsplit(entry if "://" in entry else f"//{entry}")
            try:
                host, port = (split.hostname or "").rstrip("."), split.port
            except ValueError as error:
                raise UsageError(f"{entry!r} is not a host: {error}") from error
            if not host:
                if entry.startswith("about:"):
                    continue
                raise UsageError(f"{entry!r} names no host", mend="write example.com or http://host:port/")
            if is_local(host):
                ports = [port] if port else [_PORTS[split.scheme]] if split.scheme in _PORTS else [80, 443]
                places.update((host, number) for number in ports)
            else:
                sites.add(site_of(host) if entry == start else host)
        return cls(frozenset(sites), frozenset(places))

    def allows(self, host: str, port: int) -> bool:
        """Say whether a host (and port) may be reached."""
        host = host.lower().rstrip(".").strip("[]")
        if (host, port) in self.places:
            return True
        return any(host == site or host.endswith("." + site) for site in self.sites)

    def takes_cookie(self, domain: str) -> bool:
        """Say whether a browser would send a cookie of this domain (``.example.com`` with subdomains) to a host."""
        hosts = {*self.sites, *(host for host, _ in self.places)}
        name = domain.lstrip(".").lower()
        # A cookie of ``.com`` is none: no browser takes one for a whole suffix.
        below = domain.startswith(".") and any(site.endswith("." + name) for site in self.sites)
        return below or name in hosts or any(name.endswith("." + site) for site in self.sites)

    def allows_url(self, url: str) -> bool:
        """Say whether an http, https, ws or wss URL may be reached. Anything else may not."""
        try:
            split = urlsplit(url)
            host, port = split.hostname, split.port or _PORTS.get(split.scheme)
        except ValueError:
            return False
        return bool(host) and port is not None and split.scheme in _PORTS and self.allows(host or "", port)
