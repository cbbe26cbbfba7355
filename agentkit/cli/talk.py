"""Talking in the terminal, line by line: turns, pictures by path, answers to questions, slash commands."""

from __future__ import annotations

import asyncio
import shlex
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..contracts.event import EventBase, RunStarted, Said
from ..contracts.result import Question, Result
from ..errors import AgentKitError
from .flags import Flags
from .progress import progress
from .running import resume_command, show_result
from .terminal import (
    chosen,
    complain,
    counted,
    err,
    note,
    out,
    plain,
    print_json,
    read_line,
    show,
    show_question,
)

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
HELP = """Type to talk. A picture is shown by its path, a web page is named by its address.
/image PATH    show a picture with the next message
/name NAME     go to another conversation       /list          list them
/search TEXT   find what was said               /rename NAME   rename this one
/delete NAME   delete one for good              /quit          leave (or Ctrl-D)"""


class Writer:
    """Prints an answer piece by piece while it is written, and the other events as lines.

    ``said`` tells whether an answer was printed. ``quiet`` leaves the pieces out.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.said, self._quiet, self._inside = False, quiet, False
        self._progress = progress()

    def listen(self, event: EventBase) -> None:
        """Take an event."""
        if isinstance(event, Said):
            if not self._quiet:
                sys.stdout.write(plain(event.text))
                sys.stdout.flush()
                self.said = self._inside = True
            return
        if not isinstance(event, RunStarted):
            self.end_line()
            self._progress(event)

    def end_line(self) -> None:
        """End the line of an answer that is done."""
        if self._inside:
            sys.stdout.write("\n")
            sys.stdout.flush()
            self._inside = False


class Talk:
    """A talk with a chat agent. Ctrl-C ends a turn; at the prompt it ends the talk."""

    def __init__(self, agent: Any, name: str, images: list[str]) -> None:
        self.agent, self.name, self.images = agent, name, images
        self.open: Result | None = None

    async def go(self) -> None:
        """Read lines and do what they say until there are no more."""
        known = {item.name: item.turns for item in self.agent.conversations.list()}
        note(
            f"conversation {self.name!r}, {counted(known.get(self.name, 0), 'turn')} so far; /help says what can be typed",
            "dim",
        )
        try:
            while (line := await self._prompt()) is not None:
                try:
                    if is_command(line):
                        if not self._command(line):
                            return
                    elif line or self.open is not None:
                        await self._turn(line)
                except AgentKitError as error:
                    complain(str(error))
        finally:
            await self.agent.aclose()

    async def _prompt(self) -> str | None:
        if sys.stdin.isatty():
            err().print("answer> " if self.open else "> ", end="", style="bold")
        line = await read_line()
        return line.strip() if line else None

    async def _turn(self, line: str) -> None:
        if self.open is not None and self.open.question is not None:
            paused, self.open = self.open, None
            answer = chosen(self.open_question(paused), line)
            if answer is None:
                note(f"left open; go on with: {resume_command(paused.run or '', 'TEXT')}", "dim")
                return
            await self._run(lambda: self.agent.aresume(paused, answer))
            return
        text, pictures = with_pictures(line)
        images = [*self.images, *pictures]
        self.images = []
        await self._run(lambda: self.agent.arun(text, images=images, conversation=self.name))

    @staticmethod
    def open_question(paused: Result) -> Question:
        """Return the question of a paused turn."""
        assert paused.question is not None
        return paused.question

    async def _run(self, start: Callable[[], Awaitable[Result]]) -> None:
        """Do a turn with its progress; Ctrl-C cancels it alone."""
        writer = Writer()
        self.agent.listeners.append(writer.listen)
        turn = asyncio.ensure_future(start())
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, turn.cancel)
        try:
            result = await turn
        except asyncio.CancelledError:
            writer.end_line()
            note(f"interrupted; go on with: {resume_command(str(self.agent.last_run))}", "yellow")
            return
        finally:
            loop.remove_signal_handler(signal.SIGINT)
            self.agent.listeners.remove(writer.listen)
        writer.end_line()
        self._show(result, writer)

    def _show(self, result: Result, writer: Writer) -> None:
        if result.status == "failed":
            complain(result.error or "this turn failed")
        if result.question is not None:
            show_question(result.question)
            self.open = result
        show_result(result.model_copy(update={"answer": None}) if writer.said else result)

    def _command(self, line: str) -> bool:
        """Do a slash command; returns whether the talk goes on."""
        command, _, rest = line.partition(" ")
        rest = rest.strip()
        memory = self.agent.conversations
        if command in ("/quit", "/exit"):
            return False
        if command == "/image" and rest:
            if not Path(rest).is_file():
                complain(f"there is no picture at {rest}")
            else:
                self.images.append(rest)
        elif command == "/name" and rest:
            self.name = rest
        elif command == "/list":
            show(*(conversation_line(item) for item in memory.list()))
        elif command == "/search" and rest:
            show(*(f"{hit.name} #{hit.number}: {plain(hit.text, 160)}" for hit in memory.search(rest)))
        elif command == "/rename" and rest:
            memory.rename(self.name, rest)
            self.name = rest
        elif command == "/delete" and rest:
            memory.delete(rest)
        else:
            out().print(HELP, markup=False)
        return True


def is_command(line: str) -> bool:
    """Return whether a line is a slash command, and not a path."""
    return line.startswith("/") and not Path(line.split()[0]).is_file()


def with_pictures(line: str) -> tuple[str, list[str]]:
    """Return a message without the paths of pictures in it, and these paths.

    A word counts as a picture when it ends like one and is a file; quotes hold a path with spaces together.
    """
    try:
        words = shlex.split(line, posix=True)
    except ValueError:
        words = line.split()
    paths = [word for word in words if word.lower().endswith(PICTURES) and Path(word).expanduser().is_file()]
    text = line
    for path in paths:
        for written in (f'"{path}"', f"'{path}'", path, path.replace(" ", "\\ ")):
            text = text.replace(written, "")
    text = " ".join(text.split()) if paths else line
    return text or "What is in this picture?", [str(Path(path).expanduser()) for path in paths]


def list_conversations(agent: Any, flags: Flags) -> None:
    """Print the conversations, the one used last first."""
    found = agent.conversations.list()
    if flags.json:
        print_json({"conversations": [asdict(item) for item in found]})
    elif found:
        show(*(conversation_line(item) for item in found))
    else:
        note("there are no conversations yet")


def conversation_line(item: Any) -> str:
    """Return one line about a conversation."""
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(item.updated))
    return f"{when}  {plain(item.name)}  ({counted(item.turns, 'turn')})"
