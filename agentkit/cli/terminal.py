"""What the terminal shows and asks. Results go to standard output, everything else to standard error."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import sys
from typing import Any

from pydantic import BaseModel
from rich.console import Console
from rich.text import Text

from ..contracts.result import Question, Result

# Page text and replies are printed; what would move the cursor or recolour the terminal is not.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def out() -> Console:
    """Return standard output."""
    return Console(highlight=False, soft_wrap=True)


def err() -> Console:
    """Return standard error."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def plain(text: str, limit: int | None = None) -> str:
    """Return text without control characters; with ``limit`` one line, its indentation kept."""
    text = _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))
    if limit is None:
        return text
    indent = " " * (len(text) - len(text.lstrip(" ")))
    line = indent + " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 step``, ``2 steps``."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def note(text: str, style: str = "") -> None:
    """Print a line on standard error."""
    err().print(Text(plain(text), style=style))


def complain(text: str) -> None:
    """Print an error on standard error."""
    err().print(Text.assemble(("error: ", "bold red"), plain(text)))


def show(*lines: str | Text) -> None:
    """Print lines on standard output."""
    console = out()
    for line in lines:
        console.print(line if isinstance(line, Text) else Text(plain(line)))


def print_json(data: Any) -> None:
    """Print one JSON value, alone on standard output. A result leaves out what is only sometimes there."""
    if isinstance(data, Result):
        data = result_json(data)
    elif isinstance(data, BaseModel):
        data = data.model_dump(mode="json")
    sys.stdout.write(json.dumps(data, ensure_ascii=False, indent=2) + "\n")
    sys.stdout.flush()


def result_json(result: Result) -> dict[str, Any]:
    """Return a result as JSON data, without ``error`` and ``output`` when there are none."""
    data = result.model_dump(mode="json")
    return {key: value for key, value in data.items() if value is not None or key not in ("error", "output")}


def show_question(question: Question) -> None:
    """Print a question with its reason and its choices on standard error."""
    console = err()
    console.print(Text.assemble(("? ", "bold yellow"), (plain(question.text), "bold")))
    if question.why:
        console.print(Text("  " + plain(question.why), style="dim"))
    for number, choice in enumerate(question.choices, start=1):
        console.print(Text(f"  {number}. {plain(choice, 200)}"))


def chosen(question: Question, typed: str) -> str | None:
    """Return what a typed line means: the number of a choice, free text, or None for an empty line."""
    typed = typed.strip()
    if typed.isdecimal() and 1 <= int(typed) <= len(question.choices):
        return question.choices[int(typed) - 1]
    return typed or None


class TerminalAnswerer:
    """Asks the person at the terminal. An empty line or the end of input leaves the question open."""

    name = "terminal"

    async def answer(self, question: Question) -> str | None:
        show_question(question)
        prompt()
        return chosen(question, await read_line())


# What was read of standard input beyond the line that was asked for.
_rest = bytearray()
# Who waits for a line: two at a time would take each other's.
_waiting: list[int] = []


def prompt() -> None:
    """Show that something may be typed."""
    err().print(Text("> ", style="bold yellow"), end="")


def reading() -> bool:
    """Say whether a line is waited for."""
    return bool(_waiting)


async def read_line() -> str:
    """Return the next line of standard input with its end, ``""`` when there is no more; Ctrl-C cancels it."""
    try:
        descriptor = sys.stdin.fileno()
    except io.UnsupportedOperation:
        return sys.stdin.readline()
    while b"\n" not in _rest:
        await _readable(descriptor)
        piece = os.read(descriptor, 65536)
        if not piece:
            break
        _rest.extend(piece)
    end = _rest.find(b"\n") + 1 or len(_rest)
    line = _rest[:end].decode("utf-8", "replace")
    del _rest[:end]
    return line


async def _readable(descriptor: int) -> None:
    """Wait for input. A blocking read in a thread could not be cancelled, and one here would swallow Ctrl-C."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    _waiting.append(descriptor)
    try:
        loop.add_reader(descriptor, lambda: ready.done() or ready.set_result(None))
        await ready
    except PermissionError:
        # A plain file, which is always ready.
        return
    finally:
        _waiting.remove(descriptor)
        loop.remove_reader(descriptor)
