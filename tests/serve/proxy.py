"""A wire between the page and the server that can be cut."""

from __future__ import annotations

import asyncio
from types import TracebackType


class Wire:
    """Passes bytes to a server on this machine. ``cut`` breaks every connection; ``down`` refuses new ones."""

    def __init__(self, port: int) -> None:
        self.to = port
        self.down = False
        self.cuts = 0
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Wire:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """Break what is connected, in the middle of whatever is being sent."""
        self.cuts += 1
        for writer in list(self._open):
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.down:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, far_writer}
        self._open |= pair
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        self._open -= pair


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
    except OSError:
        # Cut: the other half ends, too.
        pass
    finally:
        writer.close()
