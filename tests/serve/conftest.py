"""A chat server on a free port of this machine, in the loop of the tests, on a model that says what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from agentkit.agents.chat.server import ChatServer, ServerConfig, create_app
from agentkit.agents.chat.server.casts import SharedCast
from agentkit.config import Settings
from agentkit.contracts.result import Usage
from agentkit.models import Capabilities, Chunk, Model, Reply, Request, Scores, VisionCard

from .visitor import WIDE, Visitor


class Talker(Model):
    """Answers with the words of ``says``, one piece each; ``hold`` keeps it before each piece until it is set.

    A turn goes to the web when it has the word "web" in it. ``asked`` is set when it is to write; ``prompts`` are what it was asked.
    """

    capabilities = Capabilities(scoring=True, schema=True, context=8192)
    free = True

    def __init__(self, says: str = "Hello from the model.") -> None:
        self.reference, self.card = "test:talker", VisionCard()
        self.says = says
        self.hold: asyncio.Event | None = None
        self.error: Exception | None = None
        self.prompts: list[Request] = []
        self.inside = self.most = 0
        self.asked = asyncio.Event()

    async def _generate(self, request: Request) -> Reply:
        return Reply(self.says, (), None, "stop", self._usage(request), None, self.reference)

    async def _stream(self, request: Request) -> AsyncIterator[Chunk]:
        self.prompts.append(request)
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.asked.set()
        try:
            for number, word in enumerate(self.says.split(" ")):
                if self.hold is not None:
                    await self.hold.wait()
                if self.error is not None:
                    raise self.error
                await asyncio.sleep(0)
                yield Chunk(word if number == 0 else f" {word}")
            yield Chunk(reply=await self._generate(request))
        finally:
            self.inside -= 1

    async def _score(self, requests: Sequence[Request], options: tuple[str, ...]) -> list[Scores]:
        found = []
        for request in requests:
            web = "web" in request.messages[-1].text
            values = tuple(0.0 if (option == "website") == web else -9.0 for option in options)
            found.append(Scores(options, values, (1,) * len(options), self._usage(request)))
        return found

    def _usage(self, request: Request) -> Usage:
        return Usage(calls=1, input_tokens=len(request.messages), output_tokens=len(self.says.split()))


@dataclass
class Served:
    """A server that runs: its address, a client of it, its model, its folder."""

    url: str
    client: httpx.AsyncClient
    model: Any
    folder: Path
    app: Any
    stop: Callable[[], Any] = field(repr=False)

    async def post(self, path: str, data: dict[str, Any] | None = None, status: int = 0) -> Any:
        answer = await self.client.post(path, json=data or {})
        assert answer.status_code == status or (not status and answer.is_success), answer.text
        return answer.json() if answer.content else None

    async def get(self, path: str, status: int = 200) -> Any:
        answer = await self.client.get(path)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def conversation(self, name: str | None = None) -> str:
        return (await self.post("/api/conversations", {"name": name}))["key"]

    async def begin(self, conversation: str, text: str, **more: Any) -> Any:
        return await self.post(f"/api/conversations/{conversation}/turns", {"text": text, **more})

    async def until(self, key: str, *status: str) -> Any:
        """Wait until a turn is as wanted (default: it no longer runs)."""
        for _ in range(3000):
            turn = await self.get(f"/api/turns/{key}")
            if turn["status"] in status or (not status and turn["status"] != "running"):
                return turn
            await asyncio.sleep(0.01)
        raise AssertionError(f"the turn {key} does not come to {status or 'an end'}")


def settings_in(folder: Path, **more: Any) -> Settings:
    return Settings.load(runs=folder / "runs", **more)


@asynccontextmanager
async def served(
    folder: Path,
    model: Model | None = None,
    *,
    port: int = 0,
    abilities: Any = None,
    **config: Any,
) -> AsyncIterator[Served]:
    """Run a server in a folder, and stop it at the end. What is not named here is the server's configuration."""
    model = model or Talker()
    cast = {name: config.pop(name) for name in ("see",) if name in config}
    settings = config.pop("settings", None) or settings_in(folder)
    made = ServerConfig(settings=settings, memory=folder / "memory", preload=False, **config)
    app = create_app(made, cast=SharedCast(settings, decide=model, **cast), abilities=abilities)
    running = ChatServer(app, "127.0.0.1", port)
    # Signals are the test runner's.
    running.capture_signals = _no_signals  # type: ignore[method-assign]
    task = asyncio.create_task(running.serve())
    while not running.started:
        await asyncio.sleep(0.01)
        assert not task.done(), "the server did not start"
    port = running.servers[0].sockets[0].getsockname()[1]

    async def stop() -> None:
        running.should_exit = True
        await task

    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        try:
            yield Served(url, client, model, folder, app, stop)
        finally:
            await stop()


class _no_signals:  # noqa: N801 - stands for a context manager of uvicorn
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as running:
        yield running


@pytest.fixture
async def serving() -> AsyncIterator[Callable[..., Any]]:
    """Return a function that runs a server until the test ends."""
    async with AsyncExitStack() as stack:

        async def start(*args: Any, **more: Any) -> Served:
            return await stack.enter_async_context(served(*args, **more))

        yield start


@pytest.fixture
async def visit(browser: Any) -> AsyncIterator[Callable[..., Any]]:
    """Return a function that opens the page of a server; nothing on it may complain, or leave the server."""
    contexts, visitors = [], []

    async def go(url: str, *, quiet: bool = True, context: Any = None, **more: Any) -> Visitor:
        if context is None:
            context = await browser.new_context(viewport=more.pop("viewport", WIDE), **more)
            contexts.append(context)
        visitor = Visitor(await context.new_page())
        visitors.append((visitor, url, quiet))
        await visitor.page.goto(url)
        await visitor.page.wait_for_selector(".welcome, article, dialog[open]")
        return visitor

    yield go
    for context in contexts:
        await context.close()
    for visitor, url, quiet in visitors:
        assert visitor.hosts <= {urlsplit(url).netloc, ""}
        assert not (quiet and visitor.complaints), visitor.complaints


async def events(server: Served, key: str, after: int | None = None) -> list[dict[str, Any]]:
    """Return the server-sent events of a turn, to the end: {id, event, data}."""
    headers = {} if after is None else {"last-event-id": str(after)}
    found: list[dict[str, Any]] = []
    async with server.client.stream("GET", f"/api/turns/{key}/events", headers=headers) as answer:
        assert answer.status_code == 200
        current: dict[str, Any] = {}
        async for line in answer.aiter_lines():
            if not line:
                if "event" in current:
                    found.append(current)
                current = {}
            else:
                name, _, value = line.partition(": ")
                current[name] = value
    return found
