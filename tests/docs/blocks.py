"""Reads the fenced blocks of a page, with what the comment before each says to do with it.

``<!-- run -->``: a test runs it. ``<!-- not run: why -->``: it can't be run in a test. ``<!-- file: NAME -->``: the
blocks after it find it under that name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(
    r"(?:^<!-- *(?P<mark>[^>]*?) *-->\n+)?^```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^```", re.M | re.S
)
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Block:
    page: str
    line: int
    language: str
    mark: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Command:
    """A command of a console block, what it should print, and its exit code (None: any)."""

    line: str
    output: str
    code: int | None


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    text = page.read_text("utf-8")
    name = str(page.relative_to(ROOT))
    return [
        Block(name, text.count("\n", 0, m.start()) + 1, m["language"], m["mark"] or "", m["text"])
        for m in BLOCK.finditer(text)
    ]


def commands(text: str) -> list[Command]:
    """Return the commands of a console block."""
    found: list[Command] = []
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        line, _, rest = part.partition("\n")
        while line.endswith("\\"):
            more, _, rest = rest.partition("\n")
            line = line[:-1] + more
        code: int | None = 0
        if exit_line := re.search(r"^\[exit (\d+|any)\]\n?", rest, re.M):
            code = None if exit_line[1] == "any" else int(exit_line[1])
            rest = rest.replace(exit_line[0], "")
        found.append(Command(line, rest.strip(), code))
    return found


def fits(expected: str, actual: str) -> bool:
    """Return whether an output is as a page says; ``...`` stands for anything, also inside a line."""
    if not expected:
        return True
    pattern = re.escape(expected).replace(re.escape("..."), ".*")
    return re.fullmatch(pattern, actual.strip(), re.S) is not None
