"""The model protocol: what every backend takes, gives and declares."""

from __future__ import annotations

import abc
import asyncio
import math
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..content import Message, ToolCall
from ..contracts.result import Usage
from ..errors import UnsupportedCapability

if TYPE_CHECKING:
    import numpy as np

    from ..attention.edits import Edit
    from ..attention.regions import Region
    from ..content import Image
    from .card import VisionCard

Finish: TypeAlias = Literal["stop", "length", "tool"]
Capability: TypeAlias = Literal["images", "tools", "schema", "logprobs", "scoring", "attention", "gradients"]


@dataclass(frozen=True)
class Capabilities:
    """What a model can do. ``context`` is its length in tokens, None when unknown."""

    images: bool = False
    tools: bool = False
    schema: bool = False
    logprobs: bool = False
    scoring: bool = False
    attention: bool = False
    gradients: bool = False
    context: int | None = None


@dataclass(frozen=True)
class ToolSpec:
    """A tool as a model sees it: a name, what it does, and the JSON Schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Sampling:
    """How tokens are chosen. Temperature 0 is greedy and is the default everywhere in agentkit."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 512
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Request:
    """One call of a model, whole: the key of the cache and the recording is made from it.

    ``schema`` is a JSON Schema that the reply's text must follow. ``logprobs`` asks for the log-probabilities
    of the tokens of the reply. ``edits`` reallocate attention (local models only).
    """

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    schema: Mapping[str, Any] | None = None
    sampling: Sampling = Sampling()
    logprobs: bool = False
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True)
class Reading:
    """What to read of the attention under a request: how much ``query`` rows attend to ``keys``.

    ``query``: a label, or ``last`` (the row that predicts the reply). ``keys``: a label, an image or a region of one.
    ``layers``, ``heads``: indices, None for all.
    """

    request: Request
    query: str
    keys: Image | Region | str
    layers: tuple[int, ...] | None = None
    heads: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Reply:
    """What a model answered. ``data`` is the parsed JSON when a schema was asked for.

    ``logprobs`` holds (token text, natural log-probability) of each reply token, when asked for and offered.
    """

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    data: Any = None
    finish: Finish = "stop"
    usage: Usage = field(default_factory=Usage)
    logprobs: tuple[tuple[str, float], ...] | None = None
    model: str = ""
    cached: bool = False

    @property
    def message(self) -> Message:
        """The reply as an assistant message."""
        return Message.assistant(*([self.text] if self.text else []), tool_calls=self.tool_calls)


@dataclass(frozen=True)
class Chunk:
    """A piece of a streamed reply. The last chunk carries the whole reply."""

    text: str = ""
    reply: Reply | None = None


@dataclass(frozen=True)
class Scores:
    """Likelihoods of given continuations: per option the summed natural log-probability and the token count."""

    options: tuple[str, ...]
    logprobs: tuple[float, ...]
    tokens: tuple[int, ...]
    usage: Usage = field(default_factory=Usage)
    cached: bool = False

    def values(self, by: Literal["mean", "sum"] = "mean") -> tuple[float, ...]:
        """Return one score an option: per token (length-normalised, as in V*) or in sum."""
        if by == "sum":
            return self.logprobs
        return tuple(lp / max(n, 1) for lp, n in zip(self.logprobs, self.tokens, strict=True))

    def probabilities(self, by: Literal["mean", "sum"] = "mean") -> tuple[float, ...]:
        """Return the scores as probabilities over the options (softmax)."""
        values = self.values(by)
        top = max(values)
        weights = [math.exp(v - top) for v in values]
        return tuple(w / sum(weights) for w in weights)

    def best(self, by: Literal["mean", "sum"] = "mean") -> int:
        """Return the index of the likeliest option (the first of equals)."""
        values = self.values(by)
        return max(range(len(values)), key=values.__getitem__)


@dataclass(frozen=True)
class Heat:
    """Attention of some query rows on some keys, averaged over the chosen heads and layers.

    ``weights`` has shape (rows, keys); for an image the keys are its grid, row by row: ``grid`` = (height, width).
    ``by_head``: (layers, heads), the share of attention that all keys together get, averaged over the rows.
    ``view``: the box of the image (left, top, right, bottom in its pixels) that the grid covers.
    """

    weights: np.ndarray
    grid: tuple[int, int] | None
    tokens: tuple[str, ...] = ()
    by_head: np.ndarray | None = None
    view: tuple[float, float, float, float] | None = None


_EDITS: ContextVar[tuple[Edit, ...]] = ContextVar("agentkit_edits", default=())


class Model(abc.ABC):
    """A model behind one interface; backends implement ``_generate`` and what they declare.

    ``reference`` is the string that names it (``openai:...``, ``smollm2``). ``card`` says how to ask it about
    pictures. All methods raise ``ModelError`` after their retries, and ``UnsupportedCapability`` before any
    token when the request needs what ``capabilities`` does not declare.
    """

    reference: str
    capabilities: Capabilities
    card: VisionCard

    async def generate(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[ToolSpec] = (),
        schema: Mapping[str, Any] | None = None,
        sampling: Sampling | None = None,
        logprobs: bool = False,
        edits: Sequence[Edit] = (),
    ) -> Reply:
        """Return the reply to ``messages``."""
        return await self.call(
            Request(
                tuple(messages),
                tuple(tools),
                schema,
                sampling or Sampling(),
                logprobs,
                self._with_scope(edits),
            )
        )

    async def call(self, request: Request) -> Reply:
        """Return the reply to a whole request (what wrappers override)."""
        self.check(request)
        return await self._generate(request)

    def stream(
        self, messages: Sequence[Message], *, sampling: Sampling | None = None, edits: Sequence[Edit] = ()
    ) -> AsyncIterator[Chunk]:
        """Yield the reply piece by piece; the last chunk carries the whole reply."""
        return self.call_stream(
            Request(tuple(messages), sampling=sampling or Sampling(), edits=self._with_scope(edits))
        )

    def call_stream(self, request: Request) -> AsyncIterator[Chunk]:
        """Stream the reply to a whole request (what wrappers override)."""
        self.check(request)
        return self._stream(request)

    async def score(
        self, messages: Sequence[Message], options: Sequence[str], *, edits: Sequence[Edit] = ()
    ) -> Scores:
        """Return the likelihood of each option as the assistant's reply (prompt encoded once, options batched)."""
        (scores,) = await self.score_each([messages], options, edits=edits)
        return scores

    async def score_each(
        self, prompts: Sequence[Sequence[Message]], options: Sequence[str], *, edits: Sequence[Edit] = ()
    ) -> list[Scores]:
        """Return the scores of the same options after several prompts; local models batch the prompts."""
        requests = [Request(tuple(messages), edits=self._with_scope(edits)) for messages in prompts]
        return await self.call_score(requests, tuple(options))

    async def call_score(self, requests: Sequence[Request], options: tuple[str, ...]) -> list[Scores]:
        """Score whole requests (what wrappers override)."""
        for request in requests:
            self.check(request, "scoring")
        return await self._score(requests, options)

    async def generate_each(
        self,
        prompts: Sequence[Sequence[Message]],
        *,
        sampling: Sampling | None = None,
        logprobs: bool = False,
        edits: Sequence[Edit] = (),
    ) -> list[Reply]:
        """Return the replies to several prompts; local models batch them."""
        requests = [
            Request(
                tuple(m), sampling=sampling or Sampling(), logprobs=logprobs, edits=self._with_scope(edits)
            )
            for m in prompts
        ]
        return await self.call_each(requests)

    async def call_each(self, requests: Sequence[Request]) -> list[Reply]:
        """Answer several whole requests (what wrappers override)."""
        for request in requests:
            self.check(request)
        return await self._generate_each(requests)

    async def attend(
        self,
        messages: Sequence[Message],
        *,
        query: str = "last",
        keys: Image | Region | str,
        edits: Sequence[Edit] = (),
        layers: Sequence[int] | None = None,
        heads: Sequence[int] | None = None,
    ) -> Heat:
        """Return how much ``query`` rows attend to ``keys`` (see ``Reading``). Local models only."""
        request = Request(tuple(messages), edits=self._with_scope(edits))
        self.check(request, "attention")
        return await self._attend(Reading(request, query, keys, _indices(layers), _indices(heads)))

    @contextmanager
    def edit(self, *edits: Edit) -> Iterator[None]:
        """Apply edits to every call made inside the block, by this task only."""
        token = _EDITS.set(_EDITS.get() + edits)
        try:
            yield
        finally:
            _EDITS.reset(token)

    def check(self, request: Request, *needs: Capability) -> None:
        """Raise ``UnsupportedCapability`` when the request needs what this model does not declare."""
        wanted = list(needs)
        if any(message.images for message in request.messages):
            wanted.append("images")
        if request.tools:
            wanted.append("tools")
        if request.schema is not None:
            wanted.append("schema")
        if request.logprobs:
            wanted.append("logprobs")
        wanted += [need for edit in request.edits for need in edit.needs]
        for capability in wanted:
            if not getattr(self.capabilities, capability):
                raise UnsupportedCapability(
                    f"{self.reference} can't do {capability!r}", mend=INSTEAD[capability]
                )

    async def aclose(self) -> None:  # noqa: B027 - most models have nothing to release
        """Release connections and memory."""

    def resume_at(self, calls: int) -> None:  # noqa: B027 - most models answer by what they are asked
        """Go on after ``calls`` calls that an earlier attempt of a run made (scripts answer in order)."""

    @abc.abstractmethod
    async def _generate(self, request: Request) -> Reply: ...

    async def _generate_each(self, requests: Sequence[Request]) -> list[Reply]:
        return list(await asyncio.gather(*(self._generate(request) for request in requests)))

    async def _stream(self, request: Request) -> AsyncIterator[Chunk]:
        reply = await self._generate(request)
        yield Chunk(reply.text)
        yield Chunk(reply=reply)

    async def _score(self, requests: Sequence[Request], options: tuple[str, ...]) -> list[Scores]:
        raise UnsupportedCapability(f"{self.reference} can't do 'scoring'", mend=INSTEAD["scoring"])

    async def _attend(self, reading: Reading) -> Heat:
        raise UnsupportedCapability(f"{self.reference} can't do 'attention'", mend=INSTEAD["attention"])

    def _with_scope(self, edits: Sequence[Edit]) -> tuple[Edit, ...]:
        return (*_EDITS.get(), *edits)


def _indices(chosen: Sequence[int] | None) -> tuple[int, ...] | None:
    return None if chosen is None else tuple(chosen)


# What to use instead, by capability: each names a reference that has it.
INSTEAD: Mapping[str, str] = {
    "images": "models that see: mini, hf: vision-language models, openai: vision models",
    "tools": "models with tool calls: openai: and http:// models; smollm2 follows a JSON schema",
    "schema": "models that follow a schema: smollm2, hf: models, openai: and http:// models",
    "logprobs": "models with log-probabilities: mini, smollm2, hf: models, most openai: and http:// models",
    "scoring": "models that score options: mini, smollm2, hf: models",
    "attention": "models whose attention can be edited and read: mini, smollm2, hf: models",
    "gradients": "models with gradients: mini, smollm2, hf: models",
}
