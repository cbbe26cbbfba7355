"""Taking documents apart in other processes: a PDF that hangs or crashes its parser costs one document."""

from __future__ import annotations

import asyncio
import json
import sys

from agentkit.errors import MissingExtra, ToolError

from .document import Document
from .extract import extract, kind_of

# Kinds whose parsers are large and written in other languages, or slow on hostile input.
APART = frozenset({"pdf", "html"})
SECONDS = 60.0
# Bytes of address space of a worker.
MEMORY = 6_000_000_000


class Workers:
    """Extracts documents, at most ``count`` at a time; a worker that takes longer than ``seconds`` is killed.

    Workers are started when they are first needed and kept until ``aclose``.
    """

    def __init__(self, count: int = 2, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._free: asyncio.LifoQueue[_Worker] = asyncio.LifoQueue()
        for _ in range(count):
            self._free.put_nowait(_Worker())
        self._all = list(self._free._queue)  # type: ignore[attr-defined]

    async def __aenter__(self) -> Workers:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        for worker in self._all:
            await worker.stop()

    async def extract(self, address: str, data: bytes, media_type: str = "") -> Document:
        """Return the document of some bytes. Raises ``ToolError`` when they are broken or take too long."""
        kind = kind_of(address, data, media_type)
        if kind not in APART or not data.strip():
            return await asyncio.to_thread(extract, address, data, kind)
        worker = await self._free.get()
        try:
            async with asyncio.timeout(self._seconds):
                return await worker.extract(address, data, kind)
        except TimeoutError as error:
            raise ToolError(f"{address} took longer than {self._seconds:g} s to take apart") from error
        finally:
            self._free.put_nowait(worker)


class _Worker:
    """One process, which answers one request at a time over its standard input and output."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def extract(self, address: str, data: bytes, kind: str) -> Document:
        process = await self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        whole = False
        try:
            head = json.dumps({"address": address, "kind": kind, "size": len(data)}).encode() + b"\n"
            process.stdin.write(head + data)
            await process.stdin.drain()
            size = int(await process.stdout.readline())
            answer = await process.stdout.readexactly(size)
            whole = True
        except (ValueError, OSError, asyncio.IncompleteReadError) as error:
            raise ToolError(f"{address} crashed its parser") from error
        finally:
            if not whole:
                # Cut off in the middle (a timeout, Ctrl-C, a crash): what it says next would answer the wrong question.
                await self.stop()
        if answer[:1] == b"!":
            raise ToolError(answer[1:].decode())
        if answer[:1] == b"?":
            raise MissingExtra(*json.loads(answer[1:]))
        return Document.model_validate_json(answer)

    async def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
        if process is not None:
            await process.wait()

    async def _started(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                __name__,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                # Ctrl-C is for the parent, which stops its workers.
                start_new_session=True,
            )
        return self._process


def serve() -> None:
    """Answer requests of standard input until it ends: the worker's side."""
    _limit_memory()
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while head := source.readline():
        asked = json.loads(head)
        data = source.read(asked["size"])
        try:
            answer = extract(asked["address"], data, asked["kind"]).model_dump_json().encode()
        except MissingExtra as error:
            answer = b"?" + json.dumps([error.library, error.extra]).encode()
        except ToolError as error:
            answer = b"!" + str(error).encode()
        except (
            ValueError,
            RecursionError,
            MemoryError,
            KeyError,
            TypeError,
            AttributeError,
            OSError,
        ) as error:
            # Parsers meet hostile input with all kinds of errors; each is said, and none ends the worker.
            answer = (
                b"!" + f"{asked['address']} can't be taken apart: {type(error).__name__}: {error}".encode()
            )
        sink.write(b"%d\n" % len(answer) + answer)
        sink.flush()


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:
        # Only Unix has it.
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


if __name__ == "__main__":
    serve()
