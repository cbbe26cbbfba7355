"""The response cache: answers to requests that were already asked, in one SQLite file."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import UsageError
from .base import Chunk, Model, Reply, Request, Scores
from .serial import dump_reply, dump_scores, load_reply, load_scores, request_key
from .wrapper import WrapperModel, fingerprint_of

__all__ = ["CachedModel", "ReplyStore", "request_key"]

log = logging.getLogger(__name__)

# A busy file is waited for: several processes share it.
BUSY_SECONDS = 30.0


class ReplyStore:
    """Answers by key (``request_key``) in a SQLite file, safe for several tasks, threads and processes.

    A full disk or a damaged page loses no answer: a warning is logged, and the model is asked. Raises ``UsageError`` when the file
    can't be opened or is not a cache.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                path, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None
            )
            # Readers and a writer do not wait for each other in this mode.
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
        except (OSError, sqlite3.Error) as error:
            raise UsageError(
                f"the response cache {path} can't be used: {error}",
                mend="delete it, or set AGENTKIT_CACHE=off",
            ) from error

    async def get(self, key: str) -> dict[str, Any] | None:
        """Return the answer of a key, None when there is none."""
        return await asyncio.to_thread(self._get, key)

    async def put(self, key: str, value: dict[str, Any]) -> None:
        """Store an answer; the first one of a key stays."""
        await asyncio.to_thread(self._put, key, json.dumps(value))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _get(self, key: str) -> dict[str, Any] | None:
        try:
            with self._lock:
                row = self._db.execute("SELECT value FROM replies WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error as error:
            log.warning("%s can't be read: %s", self.path, error)
            return None
        return None if row is None else json.loads(row[0])

    def _put(self, key: str, value: str) -> None:
        try:
            with self._lock:
                self._db.execute("INSERT OR IGNORE INTO replies VALUES (?, ?)", (key, value))
        except sqlite3.Error as error:
            log.warning("an answer was not stored in %s: %s", self.path, error)


class CachedModel(WrapperModel):
    """Gives the stored answer to a request that was asked before; a hit used no call, no token and no money.

    Only what is repeatable is stored: temperature 0 or a fixed seed, and scores. Errors are not stored.
    """

    def __init__(self, inner: Model, store: ReplyStore) -> None:
        super().__init__(inner)
        self._store = store

    async def call(self, request: Request) -> Reply:
        self.check(request)
        if not is_repeatable(request):
            return await self.inner.call(request)
        key = self._key(request)
        known = await self._store.get(key)
        if known is not None:
            return load_reply(known, cached=True)
        reply = await self.inner.call(request)
        await self._store.put(key, dump_reply(reply))
        return reply

    def call_stream(self, request: Request) -> AsyncIterator[Chunk]:
        self.check(request)
        return self._cached_stream(request) if is_repeatable(request) else self.inner.call_stream(request)

    async def call_each(self, requests: Sequence[Request]) -> list[Reply]:
        if not all(is_repeatable(request) for request in requests):
            return await self.inner.call_each(requests)
        keys = [self._key(request) for request in requests]
        known = [await self._store.get(key) for key in keys]
        missing = [i for i, value in enumerate(known) if value is None]
        fresh = await self.inner.call_each([requests[i] for i in missing]) if missing else []
        for i, reply in zip(missing, fresh, strict=True):
            await self._store.put(keys[i], dump_reply(reply))
        asked = dict(zip(missing, fresh, strict=True))
        return [asked[i] if v is None else load_reply(v, cached=True) for i, v in enumerate(known)]

    async def call_score(self, requests: Sequence[Request], options: tuple[str, ...]) -> list[Scores]:
        keys = [self._key(request, options) for request in requests]
        known = [await self._store.get(key) for key in keys]
        missing = [i for i, value in enumerate(known) if value is None]
        fresh = await self.inner.call_score([requests[i] for i in missing], options) if missing else []
        for i, scores in zip(missing, fresh, strict=True):
            await self._store.put(keys[i], dump_scores(scores))
        asked = dict(zip(missing, fresh, strict=True))
        return [asked[i] if v is None else load_scores(v, cached=True) for i, v in enumerate(known)]

    async def _cached_stream(self, request: Request) -> AsyncIterator[Chunk]:
        key = self._key(request)
        known = await self._store.get(key)
        if known is not None:
            reply = load_reply(known, cached=True)
            if reply.text:
                yield Chunk(reply.text)
            yield Chunk(reply=reply)
            return
        async for chunk in self.inner.call_stream(request):
            if chunk.reply is not None:
                await self._store.put(key, dump_reply(chunk.reply))
            yield chunk

    def _key(self, request: Request, options: Sequence[str] | None = None) -> str:
        return request_key(request, f"{self.reference}@{fingerprint_of(self.inner)}", options)


def is_repeatable(request: Request) -> bool:
    """Whether asking again would give the same answer: greedy, or sampled with a fixed seed."""
    return request.sampling.temperature == 0 or request.sampling.seed is not None
