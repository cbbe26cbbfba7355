"""A second model that answers when the first one fails."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import fields, replace

from ..contracts.result import Usage
from ..errors import ModelError, UsageError
from .base import Capabilities, Chunk, Model, Reply, Request, Scores
from .wrapper import WrapperModel, fingerprint_of

log = logging.getLogger(__name__)


class FallbackModel(WrapperModel):
    """Asks ``primary``; on its ``ModelError`` (after its retries) ``fallback`` answers, and ``warn`` is told.

    It can do what both can. ``Reply.model`` says who answered; the usage counts the failed call too (its cost is
    unknown when a part of the reply had arrived). A stream that has already given text is not begun again: the
    error is raised. Raises ``UsageError`` when the two are asked about pictures in different ways.
    """

    def __init__(self, primary: Model, fallback: Model, warn: Callable[[str], None] = log.warning) -> None:
        super().__init__(primary)
        if primary.card != fallback.card:
            raise UsageError(
                f"{fallback.reference} can't stand in for {primary.reference}: "
                f"they are asked about pictures in different ways"
            )
        self.fallback = fallback
        self.capabilities = shared(primary.capabilities, fallback.capabilities)
        self._warn = warn

    @property
    def fingerprint(self) -> str:
        return "+".join((fingerprint_of(self.inner), self.fallback.reference, fingerprint_of(self.fallback)))

    @property
    def free(self) -> bool:
        return bool(getattr(self.inner, "free", False) and getattr(self.fallback, "free", False))

    async def call(self, request: Request) -> Reply:
        self.check(request)
        try:
            return await self.inner.call(request)
        except ModelError as error:
            failed = self._tell(error)
        reply = await self.fallback.call(request)
        return replace(reply, usage=failed + reply.usage)

    async def call_each(self, requests: Sequence[Request]) -> list[Reply]:
        for request in requests:
            self.check(request)
        try:
            return await self.inner.call_each(requests)
        except ModelError as error:
            failed = self._tell(error)
        first, *rest = await self.fallback.call_each(requests)
        return [replace(first, usage=failed + first.usage), *rest]

    async def call_score(self, requests: Sequence[Request], options: tuple[str, ...]) -> list[Scores]:
        for request in requests:
            self.check(request, "scoring")
        try:
            return await self.inner.call_score(requests, options)
        except ModelError as error:
            failed = self._tell(error)
        first, *rest = await self.fallback.call_score(requests, options)
        return [replace(first, usage=failed + first.usage), *rest]

    def call_stream(self, request: Request) -> AsyncIterator[Chunk]:
        self.check(request)
        return self._either(request)

    async def _either(self, request: Request) -> AsyncIterator[Chunk]:
        begun = False
        try:
            async for chunk in self.inner.call_stream(request):
                begun = True
                yield chunk
            return
        except ModelError as error:
            if begun:
                raise
            failed = self._tell(error)
        async for chunk in self.fallback.call_stream(request):
            if chunk.reply is None:
                yield chunk
            else:
                yield Chunk(chunk.text, replace(chunk.reply, usage=failed + chunk.reply.usage))

    async def aclose(self) -> None:
        await self.inner.aclose()
        await self.fallback.aclose()

    def _tell(self, error: ModelError) -> Usage:
        self._warn(f"{self.reference} failed, {self.fallback.reference} answers: {error}")
        return Usage(calls=1, cost=None if error.partial else 0.0)


def shared(one: Capabilities, other: Capabilities) -> Capabilities:
    """Return what both can do; the context is the shorter of the known ones."""
    flags = {
        f.name: getattr(one, f.name) and getattr(other, f.name)
        for f in fields(Capabilities)
        if f.name != "context"
    }
    known = [c.context for c in (one, other) if c.context is not None]
    return Capabilities(**flags, context=min(known, default=None))
