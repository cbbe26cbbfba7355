"""Reads a function's docstring: what it does, and what each argument is."""

from __future__ import annotations

import inspect
import re
import textwrap

HEADING = re.compile(r"^(Args|Arguments|Parameters|Returns|Return|Yields|Raises|Examples?|Notes?):?\s*$")
ARGUMENTS = ("Args", "Arguments", "Parameters")
GOOGLE = re.compile(r"^\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)$")
NUMPY = re.compile(r"^(\w+)(?:\s*:.*)?$()")
SPHINX = re.compile(r"^:param\s+(?:[^:]*\s)?(\w+)\s*:\s*(.*)$")


def read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """Return the description and the argument descriptions of a Google, NumPy or Sphinx docstring."""
    described: list[str] = []
    listed: list[str] = []
    fields: list[str] = []
    target: list[str] | None = described
    for line in inspect.cleandoc(text).splitlines():
        heading = HEADING.match(line)
        if heading:
            target = listed if heading[1] in ARGUMENTS else None
        elif line.startswith(":"):
            target = fields
            target.append(line)
        elif target is not None:
            target.append(line)
    paragraphs = re.split(r"\n\s*\n", "\n".join(described).strip())
    numpy = bool(listed) and listed[0].startswith("---")
    lines = textwrap.dedent("\n".join(listed[1:] if numpy else listed)).splitlines()
    arguments = _read_items(lines, NUMPY if numpy else GOOGLE) | _read_items(fields, SPHINX)
    return "\n".join(" ".join(paragraph.split()) for paragraph in paragraphs), arguments


def _read_items(lines: list[str], pattern: re.Pattern[str]) -> dict[str, str]:
    """Return the items of a section: each starts at the margin, deeper lines go on with it."""
    items: dict[str, str] = {}
    current = None
    for line in lines:
        found = pattern.match(line)
        if found:
            current = found[1]
            items[current] = found[2]
        elif not line.startswith((" ", "\t")) and line:
            current = None
        elif current is not None:
            items[current] += " " + line
    return {name: " ".join(words.split()) for name, words in items.items()}
