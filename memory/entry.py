"""What every memory keeps: entries, as data, with where each came from and how far it is trusted."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, computed_field

from agentkit.errors import OtherVersion, UsageError

Trust = Literal["trusted", "untrusted"]


class Data(BaseModel):
    """Plain data of a fixed shape: unknown fields are errors, and nothing changes after it was made."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Entry(Data):
    """One thing that a memory keeps.

    ``trust`` marks its text: what came from a page, a document or a model that read one is ``untrusted``, and stays
    so in every prompt. ``run`` is the id of the run that it came from, ``created`` an ISO date and time (UTC).
    A subclass says what makes two entries the same (``identity``), which text is embedded (``key``), and which
    older entry it takes the place of (``lesson``).
    """

    KIND: ClassVar[str] = ""
    VERSION: ClassVar[int] = 1

    trust: Trust = "untrusted"
    run: str = ""
    created: str = ""

    @computed_field
    @property
    def id(self) -> str:
        """A digest of what the entry says: the same thing learned twice is one entry, whenever it happened."""
        return digest(self.identity)

    @property
    def identity(self) -> Any:
        """JSON data of what makes two entries the same."""
        raise NotImplementedError

    @property
    def key(self) -> str:
        """The text that is embedded and looked up."""
        raise NotImplementedError

    @property
    def lesson(self) -> str:
        """A digest that two entries share when the newer one takes the place of the older one."""
        return self.id

    @property
    def summary(self) -> str:
        """The entry in one line, for lists."""
        return self.key

    @property
    def facts(self) -> dict[str, str]:
        """What a search can be narrowed by."""
        return {}

    def to_line(self) -> dict[str, Any]:
        """Return the entry as a line of an export: plain JSON data with its kind and the version of its format."""
        return {"kind": self.KIND, "version": self.VERSION, **self.model_dump(mode="json")}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the entry of ``model_dump`` or ``to_line``; its id is computed anew, never believed.

        A line without kind and version is of the first version. Raises ``OtherVersion`` for a newer version, and
        ``ValueError`` for anything else that is not such an entry.
        """
        version = data.get("version", 1)
        if not isinstance(version, int) or version > cls.VERSION:
            raise OtherVersion(
                f"{cls.KIND} of version {version}; this agentkit reads versions up to {cls.VERSION}",
                mend="use the agentkit that wrote it, or a newer one",
            )
        if data.get("kind", cls.KIND) != cls.KIND:
            raise ValueError(f"it is a {data['kind']}, not a {cls.KIND}")
        known = {name: value for name, value in data.items() if name not in ("id", "kind", "version")}
        return cls.model_validate(known)


E = TypeVar("E", bound=Entry)


@dataclass(frozen=True)
class Match(Generic[E]):
    """A retrieved entry with its similarity to the query (cosine, 1 is equal)."""

    entry: E
    similarity: float


def digest(data: Any) -> str:
    """Return a short digest of JSON data."""
    text = json.dumps(data, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def normal(text: str) -> str:
    """Return a text without what does not change what it says: case, spaces, a full stop."""
    return re.sub(r"\s+", " ", text).strip().rstrip(".").casefold()


def now(at: float | None = None) -> str:
    """Return a time (seconds since the epoch; the present) as an ISO date and time in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def read_line(line: str, where: str, kinds: Mapping[str, type[Entry]]) -> Entry:
    """Return the entry of one line of JSON. Raises ``UsageError`` or ``OtherVersion`` that name the place."""
    try:
        data = json.loads(line)
        if not isinstance(data, dict):
            raise ValueError("it is no JSON object")
        # The first exports held exemplars only, and did not say so.
        kind = data.get("kind", "exemplar")
        if kind not in kinds:
            raise ValueError(f"there is no memory of {kind!r} here, but of {', '.join(kinds)}")
        return kinds[kind].from_json(data)
    except OtherVersion as error:
        raise OtherVersion(f"{where}: {error.message}", mend=error.mend) from error
    except ValueError as error:
        first = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise UsageError(f"{where} is not an entry of a memory: {first}") from error
