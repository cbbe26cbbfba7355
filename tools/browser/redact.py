"""Finds values in text, in the open and as pages and addresses encode them, and puts a name in their place."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Mapping
from typing import Any

# Characters of an encoded value that must be there for it to be told from other text.
SURE = 4
# A page may show the beginning of a long name and cut it off; this much of a value gives it away.
CUT = 3
_CUT_MARK = "…"


class Redactor:
    """Replaces values (name to value) by their names.

    A value is found in any case, with each of its characters as it is or escaped for a URL (also several times over),
    JSON or HTML, with any white space for white space; as a whole in hexadecimal; and in base64 at any place of the
    encoded bytes. What stands before a ``…`` is compared with the beginnings of values too.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        # Longer ones first: a value may be a part of another.
        ordered = sorted(values.items(), key=lambda item: -len(item[1]))
        self._values = [(name, value.lower()) for name, value in ordered]
        self._names = [name for name, _ in ordered]
        parts = [f"(?P<v{index}>{_pattern(value)})" for index, (_, value) in enumerate(ordered)]
        self._pattern = re.compile("|".join(parts), re.IGNORECASE) if parts else None

    def redact(self, text: str) -> str:
        """Return a text with the names in place of the values."""
        if self._pattern is None:
            return text
        found = self._pattern.sub(self._name_of, text)
        return self._without_beginnings(found) if _CUT_MARK in found else found

    def redact_data(self, data: Any) -> Any:
        """Return JSON data with its texts (also those that are keys) redacted."""
        if isinstance(data, str):
            return self.redact(data)
        if isinstance(data, Mapping):
            return {self.redact(str(key)): self.redact_data(value) for key, value in data.items()}
        if isinstance(data, (list, tuple)):
            return [self.redact_data(item) for item in data]
        return data

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return where values stand in a text, as (start, end)."""
        return [] if self._pattern is None else [match.span() for match in self._pattern.finditer(text)]

    def _name_of(self, match: re.Match[str]) -> str:
        return self._names[int((match.lastgroup or "v0")[1:])]

    def _without_beginnings(self, text: str) -> str:
        head, *rest = text.split(_CUT_MARK)
        out = []
        for piece in [head, *rest][:-1]:
            out.append(self._without_beginning(piece))
        return _CUT_MARK.join([*out, rest[-1]])

    def _without_beginning(self, text: str) -> str:
        lowered = text.lower()
        for name, value in self._values:
            for length in range(len(value) - 1, CUT - 1, -1):
                if lowered.endswith(value[:length]):
                    return text[:-length] + name
        return text


def _pattern(value: str) -> str:
    whole = [_spelled(value), re.escape(value.encode().hex())]
    return "|".join([*whole, *map(re.escape, _base64(value.encode()))])


def _spelled(value: str) -> str:
    """Return a pattern of a value whose characters may each be escaped in their own way."""
    pieces = [
        r"(?:\s|\+|%(?:25)*20|&nbsp;)+" if piece.isspace() else piece for piece in re.split(r"(\s+)", value)
    ]
    return "".join(p if p.startswith(r"(?:\s") else "".join(map(_character, p)) for p in pieces if p)


def _character(character: str) -> str:
    bytes_ = "".join(f"%(?:25)*{byte:02x}" for byte in character.encode())
    others = {character, html.escape(character), f"&#{ord(character)};", json.dumps(character)[1:-1]}
    others |= {
        json.dumps(character, ensure_ascii=False)[1:-1],
        repr(character)[1:-1],
        f"&#x{ord(character):x};",
    }
    # Some letters are several in capitals ("ß" and "SS"), which no flag of a pattern knows.
    others |= {character.upper(), character.lower(), character.casefold()}
    if character in "'\"":
        others.add("\\" + character)
    if character.isalnum() and character.isascii():
        return f"(?:{character}|{bytes_})"
    longest_first = sorted(others, key=lambda text: (-len(text), text))
    return f"(?:{bytes_}|{'|'.join(map(re.escape, longest_first))})"


def _base64(value: bytes) -> list[str]:
    """Return what is always there when bytes are encoded as base64, at each of the three places they may begin."""
    found: set[str] = set()
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + value).decode().rstrip("=")
        # The first characters mix with the bytes before, the last one with those after.
        start = (before * 8 + 5) // 6
        end = (before + len(value)) * 8 // 6
        core = coded[start:end]
        if len(core) >= SURE:
            found |= {core, core.replace("+", "-").replace("/", "_")}
    return sorted(found)
