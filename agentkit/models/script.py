"""``script:FILE``: replies from a file, for tests and scripted runs."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from ..content import ToolCall, images_of
from ..contracts.result import Usage
from ..contracts.script import ScriptLine
from ..errors import ModelError, UsageError
from .base import Capabilities, Chunk, Model, Reply, Request, Scores
from .card import VisionCard
from .schema import parse_reply


class ScriptModel(Model):
    """Gives the replies of a script in order, one a call, whoever calls.

    It declares every capability, so that any agent runs on it; edits have no effect. Tokens are counted as words
    of the messages and replies; calls cost nothing. Running out raises ``ModelError``.
    """

    capabilities = Capabilities(
        images=True, tools=True, schema=True, logprobs=True, scoring=True, attention=True, gradients=True
    )
    free = True
    # The same request twice is two replies: never behind a cache.
    in_order = True

    def __init__(self, lines: Sequence[ScriptLine], reference: str, numbers: Sequence[int] = ()) -> None:
        self.reference = reference
        self.card = VisionCard()
        self._lines = tuple(lines)
        self._numbers = tuple(numbers) or tuple(range(1, len(self._lines) + 1))
        self._next = 0
        self._lock = threading.Lock()

    @classmethod
    def load(cls, path: Path) -> ScriptModel:
        """Return the model of a JSONL file. Raises ``UsageError`` that names file and line."""
        if not path.is_file():
            raise UsageError(f"there is no script at {path}")
        lines, numbers = [], []
        for number, line in enumerate(_text(path).splitlines(), start=1):
            if line.strip():
                lines.append(_parse(line, f"{path}:{number}"))
                numbers.append(number)
        return cls(lines, f"script:{path}", numbers)

    @property
    def left(self) -> int:
        """How many replies have not been given yet."""
        return len(self._lines) - self._next

    def resume_at(self, calls: int) -> None:
        """Pass over the replies that an earlier attempt of a run was given."""
        with self._lock:
            self._next = max(self._next, min(calls, len(self._lines)))

    def _take(self, kind: str) -> tuple[int, ScriptLine]:
        """Return the next line and its number in the file; ``kind`` is what the caller needs of it."""
        with self._lock:
            index = self._next
            if index >= len(self._lines):
                last = self._numbers[-1] if self._numbers else 0
                raise ModelError(
                    f"{self.reference} has run out: a reply was asked for after line {last}, its last",
                    mend="add a line to the script",
                )
            self._next += 1
        number, line = self._numbers[index], self._lines[index]
        if line.error is not None:
            raise ModelError(f"{self.reference}:{number}: {line.error}")
        if (line.scores is not None) != (kind == "scores"):
            holds = "scores" if line.scores is not None else "a reply"
            raise ModelError(f"{self.reference}:{number} holds {holds}, but {kind} was asked for")
        return number, line

    async def _generate(self, request: Request) -> Reply:
        number, line = self._take("a reply")
        text = line.text or ""
        calls = tuple(
            ToolCall(f"call-{number}-{i}", call.name, call.arguments)
            for i, call in enumerate(line.tool_calls, start=1)
        )
        data = None
        if request.schema is not None and not calls:
            data = parse_reply(text, request.schema, f"{self.reference}:{number}")
        logprobs = None
        if request.logprobs:
            logprobs = tuple(line.logprobs) if line.logprobs is not None else ((text, 0.0),)
        return Reply(
            text,
            calls,
            data,
            "tool" if calls else "stop",
            _usage(request, text),
            logprobs,
            self.reference,
        )

    async def _generate_each(self, requests: Sequence[Request]) -> list[Reply]:
        # One after the other: replies belong to prompts by their order.
        return [await self._generate(request) for request in requests]

    async def _stream(self, request: Request) -> AsyncIterator[Chunk]:
        reply = await self._generate(request)
        for i, word in enumerate(reply.text.split(" ") if reply.text else ()):
            yield Chunk(word if i == 0 else f" {word}")
        yield Chunk(reply=reply)

    async def _score(self, requests: Sequence[Request], options: tuple[str, ...]) -> list[Scores]:
        results = []
        for request in requests:
            number, line = self._take("scores")
            scores = line.scores or []
            if len(scores) != len(options):
                raise ModelError(
                    f"{self.reference}:{number} holds {len(scores)} scores for {len(options)} options"
                )
            words = tuple(max(len(option.split()), 1) for option in options)
            results.append(Scores(options, tuple(scores), words, _usage(request, "")))
        return results


def _usage(request: Request, reply: str) -> Usage:
    words = sum(len(message.text.split()) for message in request.messages)
    return Usage(
        calls=1,
        input_tokens=words,
        output_tokens=len(reply.split()),
        images=len(images_of(request.messages)),
    )


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the script {path} can't be read: {error}") from error


def _parse(line: str, where: str) -> ScriptLine:
    try:
        return ScriptLine.model_validate(json.loads(line))
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(map(str, first["loc"]))
        raise UsageError(f"{where}: {f'{at}: ' if at else ''}{first['msg']}") from error
    except ValueError as error:
        raise UsageError(f"{where} is not JSON: {error}") from error
