"""A model around a model: the base of every policy (cache, fallback, budget, recording)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from .base import Chunk, Heat, Model, Reading, Reply, Request, Scores

if TYPE_CHECKING:
    pass


class WrapperModel(Model):
    """Passes every call to ``inner``; a policy overrides the calls that it is about.

    Requests arrive whole: the edits of an ``edit`` block are already in them.
    """

    def __init__(self, inner: Model) -> None:
        self.inner = inner
        self.reference = inner.reference
        self.capabilities = inner.capabilities
        self.card = inner.card

    @property
    def fingerprint(self) -> str:
        """What, besides the reference, decides the model's answers (the digest of local weights)."""
        return fingerprint_of(self.inner)

    @property
    def free(self) -> bool:
        """Whether calls cost nothing."""
        return bool(getattr(self.inner, "free", False))

    @property
    def in_order(self) -> bool:
        """Whether replies come in an order of their own, whatever is asked (a script's do)."""
        return bool(getattr(self.inner, "in_order", False))

    async def call(self, request: Request) -> Reply:
        return await self.inner.call(request)

    def call_stream(self, request: Request) -> AsyncIterator[Chunk]:
        return self.inner.call_stream(request)

    async def call_score(self, requests: Sequence[Request], options: tuple[str, ...]) -> list[Scores]:
        return await self.inner.call_score(requests, options)

    async def call_each(self, requests: Sequence[Request]) -> list[Reply]:
        return await self.inner.call_each(requests)

    async def aclose(self) -> None:
        await self.inner.aclose()

    def resume_at(self, calls: int) -> None:
        self.inner.resume_at(calls)

    async def _generate(self, request: Request) -> Reply:
        return await self.call(request)

    async def _attend(self, reading: Reading) -> Heat:
        return await self.inner._attend(reading)


def fingerprint_of(model: Model) -> str:
    """Return a model's ``fingerprint``, empty for a model that has none."""
    return str(getattr(model, "fingerprint", ""))
