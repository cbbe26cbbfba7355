"""Secrets: values that a model names and never sees, typed on their own domain only, and redacted everywhere else."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from agentkit.errors import ToolError, UsageError

from .allow import AllowList, is_local, site_of
from .redact import Redactor

if TYPE_CHECKING:
    from playwright.async_api import ElementHandle

SHORTEST = 4
_ENTRY = re.compile(r"(?P<name>[^@=]*)@(?P<domain>[^=]*)=(?P<source>.*)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_PLACEHOLDER = re.compile(r"<secret:([A-Za-z][A-Za-z0-9_-]*)>")
FORM = "write name@domain=env:VARIABLE, or name@domain=file:PATH"


def placeholder(name: str) -> str:
    """Return how a secret is named wherever its value must not stand."""
    return f"<secret:{name}>"


@dataclass(frozen=True)
class Secret:
    """A value for one domain. ``domain``: ``example.com`` (and all below it), ``host:port``, or with a scheme.

    ``source`` says where the value is read from when it is needed: ``env:VARIABLE`` or ``file:PATH``; in Python ``value``
    may give it instead (it is kept nowhere). Over plain http it is typed on this machine only, unless the domain is
    written with ``http://``. Raises ``UsageError`` for a name or domain that can't be.
    """

    name: str
    domain: str
    source: str = ""
    value: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise UsageError("the name of a secret is a letter, then letters, digits, - and _", mend=FORM)
        host = urlsplit(self.domain if "://" in self.domain else f"//{self.domain}").hostname or ""
        self.allow  # noqa: B018 - raises for what is no host
        if not re.fullmatch(r"[\w.:-]+", host) or (not is_local(host) and _suffix(host)):
            raise UsageError(f"{self.domain!r} is not one site", mend="write example.com or host:port")
        if self.source and not self.source.startswith(("env:", "file:")):
            # What stands there may be the value itself: it is not repeated.
            raise UsageError(
                f"the value of the secret {self.name!r} is not given in the open",
                mend=f"put it into a variable: {self.name}@{self.domain}=env:VARIABLE, or a file: =file:PATH",
            )

    @classmethod
    def parse(cls, entry: str) -> Secret:
        """Return the secret of ``name@domain=env:VARIABLE`` or ``name@domain=file:PATH``. Raises ``UsageError``."""
        match = _ENTRY.fullmatch(entry)
        if match is None or not match["source"]:
            raise UsageError("this is not a secret", mend=FORM)
        return cls(match["name"], match["domain"], match["source"])

    def to_json(self) -> dict[str, str]:
        """Return the secret without its value, as arguments of ``Secret``."""
        return {"name": self.name, "domain": self.domain, "source": self.source}

    @property
    def allow(self) -> AllowList:
        return AllowList.of(None, [self.domain])

    def allows(self, url: str) -> bool:
        """Say whether the secret may be typed into a document at this URL."""
        split = urlsplit(url)
        if split.scheme not in ("http", "https") or not self.allow.allows_url(url):
            return False
        scheme = self.domain.partition("://")[0] if "://" in self.domain else ""
        if scheme:
            return split.scheme == scheme
        return split.scheme == "https" or is_local(split.hostname or "")

    def read(self) -> str:
        """Return the value. Raises ``UsageError`` when its variable or file is not there, or it is too short."""
        kind, _, place = self.source.partition(":")
        found = self.value
        if found is None and kind == "env":
            found = os.environ.get(place)
            if not found:
                raise UsageError(
                    f"the secret {self.name!r} needs the variable {place}, which is not set",
                    mend=f"export {place}=... and start again",
                )
        elif found is None and kind == "":
            raise UsageError(
                f"the secret {self.name!r} was given in Python, and a run does not keep it",
                mend="go on in Python, with the secret given again",
            )
        elif found is None:
            try:
                found = Path(place).expanduser().read_text("utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                raise UsageError(f"the secret {self.name!r} can't be read from {place}: {error}") from error
        assert found is not None, "a secret has a value or a source"
        if len(found) < SHORTEST:
            raise UsageError(
                f"the secret {self.name!r} is too short to be told from other words",
                mend=f"{SHORTEST} characters or more",
            )
        return found


def _suffix(host: str) -> bool:
    """Say whether anybody can register below a host."""
    return "." not in host or len(site_of(f"x.{host}")) > len(host)


class Secrets:
    """The secrets of a session: what may be typed where, and the redaction of all of them.

    ``held`` says which secret was typed into which element (its document and number there). Raises ``UsageError``
    for two of one name.
    """

    def __init__(self, items: Iterable[Secret] = ()) -> None:
        self.items = {secret.name: secret for secret in items}
        values = {name: secret.read() for name, secret in self.items.items()}
        self._values = values
        self._redactor = Redactor({placeholder(name): value for name, value in values.items()})
        self.held: dict[tuple[str, int], str] = {}

    def __bool__(self) -> bool:
        return bool(self.items)

    def redact(self, text: str) -> str:
        """Return a text with every secret in it, in the open or encoded, replaced by its placeholder."""
        return self._redactor.redact(text)

    def redact_data(self, data: Any) -> Any:
        """Return JSON data with all of its texts redacted."""
        return self._redactor.redact_data(data)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return where secrets stand in a text, as (start, end)."""
        return self._redactor.spans(text)

    def named(self, text: str) -> Secret | None:
        """Return the secret that a text names, None for a text that names none.

        Raises ``ToolError`` for a name that is not known, and for a name with something beside it.
        """
        match = _PLACEHOLDER.search(text)
        if match is None or not self.items:
            return None
        if match.group(0) != text.strip():
            raise ToolError("a secret is typed alone, without other text", mend=f"type {match.group(0)}")
        if match.group(1) not in self.items:
            raise ToolError(f"there is no secret {match.group(1)!r}; there are: {', '.join(self.items)}")
        return self.items[match.group(1)]

    async def value_for(self, secret: Secret, handle: ElementHandle) -> str:
        """Return a secret's value for an element. Raises ``ToolError`` when its document is not of the secret's domain."""
        # ``window`` and ``location`` can't be replaced by a page's script.
        url = await handle.evaluate("() => window.location.href")
        if not secret.allows(url):
            host = urlsplit(url).netloc or "a frame without an address"
            raise ToolError(
                f"the secret {secret.name!r} is for {secret.domain}; it is not typed on {self.redact(host)}"
            )
        return self._values[secret.name]

    def expand_url(self, url: str) -> str:
        """Return a redacted URL of the session as it was, where it belongs to the domain of its secrets."""

        def value(match: re.Match[str]) -> str:
            secret = self.items.get(match.group(1))
            known = secret is not None and secret.allows(_PLACEHOLDER.sub("x", url))
            return quote(self._values[match.group(1)], safe="") if known else match.group(0)

        return _PLACEHOLDER.sub(value, url)
