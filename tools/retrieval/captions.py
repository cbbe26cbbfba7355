"""Captions by a model, for pictures that nobody described."""

from __future__ import annotations

from typing import Protocol

from agentkit.content import Image, Message
from agentkit.errors import UsageError
from agentkit.models import Model
from agentkit.models.base import Sampling

PROMPT = "Describe this picture in one sentence: what it shows, names, numbers and words in it."
MOST_TOKENS = 80


class Captioner(Protocol):
    """Says what a picture shows. ``name`` is kept with the index: another captioner captions anew."""

    @property
    def name(self) -> str: ...

    async def caption(self, image: Image) -> str: ...


class ModelCaptioner:
    """Captions by a model that sees. Raises ``UsageError`` for one that can't be asked for sentences about pictures."""

    def __init__(self, model: Model) -> None:
        if not model.capabilities.images:
            raise UsageError(f"{model.reference} does not see pictures", mend="name one that does with --see")
        self._model = model

    @property
    def name(self) -> str:
        return self._model.reference

    async def caption(self, image: Image) -> str:
        """Return a sentence. Raises ``ModelError`` after the model's own retries."""
        request = Message.user(image, PROMPT)
        reply = await self._model.generate([request], sampling=Sampling(max_tokens=MOST_TOKENS))
        return " ".join(reply.text.split())
