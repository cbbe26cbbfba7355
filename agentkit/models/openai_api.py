"""``openai:NAME`` and ``http://host:port/v1#NAME``: any OpenAI-compatible server, through the openai client."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationError

from ..config import ModelSettings, RequestSettings
from ..content import images_of
from ..contracts.result import Usage
from ..errors import ModelError, UsageError
from .base import Capabilities, Chunk, Finish, Model, Reply, Request
from .card import VisionCard
from .prices import Price, price_of
from .retry import RetryPolicy, Transient, read_retry_after, retrying
from .schema import parse_reply
from .wire import WireChoice, WireReply, WireToolCall, WireUsage, join_tool_calls, read_tool_calls, to_body

if TYPE_CHECKING:
    from openai import AsyncOpenAI

FINISH: dict[str, Finish] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool",
    "function_call": "tool",
}


@dataclass(frozen=True)
class Endpoint:
    """Where a model is served: base URL (None: the client's own), its name there, and the key."""

    reference: str
    name: str
    base_url: str | None
    key: SecretStr | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, reference: str, declared: ModelSettings) -> Endpoint:
        """Return the endpoint of a reference; the key comes from the environment only.

        ``OPENAI_API_KEY`` for ``openai:``, ``AGENTKIT_API_KEY`` (optional) for a server, or ``key_env``.
        Raises ``UsageError`` for a reference without a name, one that holds a key, or a key that is not set.
        """
        scheme, _, rest = reference.partition(":")
        own = scheme == "openai"
        variable = declared.key_env or ("OPENAI_API_KEY" if own else "AGENTKIT_API_KEY")
        key = os.environ.get(variable)
        if not key and (own or declared.key_env):
            raise UsageError(f"{reference} needs a key", mend=f"set {variable}")
        secret = SecretStr(key) if key else None
        if own:
            if not rest:
                raise UsageError("openai: needs the name of a model", mend="openai:gpt-4o-mini, say")
            return cls(reference, rest, None, secret)
        url, _, name = reference.partition("#")
        parts = urlsplit(url)
        if parts.username or parts.password:
            raise UsageError("a model's URL must hold no password", mend=f"set {variable} instead")
        if not parts.hostname or not name:
            raise UsageError(
                f"{reference} is not the reference of a served model", mend="http://host:port/v1#NAME"
            )
        return cls(reference, name, url, secret)


class OpenAIModel(Model):
    """A model behind an OpenAI-compatible server, by chat completions.

    Declared by default: images, tools, JSON schema and log-probabilities; settings say what a server lacks, and
    the context length. Likelihoods of given options can't be had exactly over this interface, so ``scoring`` is
    not declared. What the server refuses is a ``ModelError`` that repeats its words; nothing is tried instead.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        declared: ModelSettings | None = None,
        request: RequestSettings | None = None,
        policy: RetryPolicy | None = None,
    ) -> None:
        self.reference = endpoint.reference
        self.card = VisionCard()
        self._endpoint = endpoint
        self._declared = declared or ModelSettings.model_validate({})
        self._times = request or RequestSettings.model_validate({})
        self._policy = policy or RetryPolicy(retries=self._times.retries)
        self._price: Price | None = price_of(self.reference, self._declared)
        self._clients: dict[asyncio.AbstractEventLoop, AsyncOpenAI] = {}
        self.capabilities = _capabilities(self._declared)

    @property
    def fingerprint(self) -> str:
        """Digest of the declared settings that change what the server is sent."""
        sent = self._declared.model_dump(include={"max_side", "omit", "extra"}, mode="json")
        return hashlib.sha256(json.dumps(sent, sort_keys=True).encode()).hexdigest()[:16]

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.close()

    async def _generate(self, request: Request) -> Reply:
        start = monotonic()
        body = self._body(request)

        async def call() -> str:
            raw = await self._client().chat.completions.with_raw_response.create(**body)
            return raw.http_response.text

        async with self._failures(lambda: ""):
            async with asyncio.timeout(self._times.total):
                text = await self._retry(call)
        answer = self._read(text)
        if not answer.choices or answer.choices[0].message is None:
            raise ModelError(f"{self.reference} answered without a choice: {_short(text)}")
        choice = answer.choices[0]
        message = answer.choices[0].message
        if message.refusal:
            raise ModelError(f"{self.reference} refused: {message.refusal}", partial=message.content or "")
        return self._reply(request, _Heard.of(choice, message.tool_calls or [], answer), monotonic() - start)

    async def _generate_each(self, requests: Sequence[Request]) -> list[Reply]:
        gate = asyncio.Semaphore(self._times.parallel)

        async def one(request: Request) -> Reply:
            async with gate:
                return await self._generate(request)

        try:
            # The first failure ends the others: their answers would be paid for and dropped.
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(request)) for request in requests]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        return [task.result() for task in tasks]

    async def _stream(self, request: Request) -> AsyncIterator[Chunk]:
        from openai import BaseModel as Event

        start = monotonic()
        body = self._body(request) | {"stream": True, "stream_options": {"include_usage": True}}
        body = {key: value for key, value in body.items() if key not in self._declared.omit}
        heard = _Heard()
        deadline = asyncio.get_running_loop().time() + self._times.total
        async with self._failures(lambda: heard.text):
            async with asyncio.timeout_at(deadline):
                stream = await self._retry(lambda: self._client().chat.completions.create(**body))
        # The deadline is set around each wait, not around the loop: between two chunks the time is the caller's.
        events = aiter(stream)
        try:
            while True:
                async with self._failures(lambda: heard.text):
                    async with asyncio.timeout_at(deadline):
                        event = await anext(events, None)
                if event is None:
                    break
                data = event.to_dict(warnings=False) if isinstance(event, Event) else event
                piece = heard.add(self._validate(data, heard.text))
                if piece:
                    yield Chunk(piece)
        finally:
            await stream.close()
        if heard.refusal:
            raise ModelError(f"{self.reference} refused: {heard.refusal}", partial=heard.text)
        if heard.finish is None:
            raise ModelError(f"{self.reference} broke off in the middle of its reply", partial=heard.text)
        heard.calls = join_tool_calls(heard.calls)
        yield Chunk(reply=self._reply(request, heard, monotonic() - start))

    def _reply(self, request: Request, heard: _Heard, seconds: float) -> Reply:
        if heard.finish == "content_filter":
            raise ModelError(f"the content filter of {self.reference} cut the reply", partial=heard.text)
        finish = FINISH.get(heard.finish or "stop", "stop")
        try:
            calls = read_tool_calls(heard.calls)
        except ValueError as error:
            raise ModelError(f"{self.reference}: {error}", partial=heard.text) from error
        data = None
        if request.schema is not None and not calls:
            data = parse_reply(heard.text, request.schema, self.reference, finish)
        return Reply(
            heard.text,
            calls,
            data,
            "tool" if calls else finish,
            self._usage(request, heard.usage, seconds),
            tuple(heard.logprobs) if request.logprobs and heard.logprobs else None,
            heard.model or self._endpoint.name,
        )

    def _usage(self, request: Request, used: WireUsage | None, seconds: float) -> Usage:
        cost = None
        if used is not None and self._price is not None:
            cost = self._price.cost(used.prompt_tokens, used.completion_tokens, used.cached_tokens)
        return Usage(
            calls=1,
            input_tokens=used.prompt_tokens if used else 0,
            output_tokens=used.completion_tokens if used else 0,
            images=len(images_of(request.messages)),
            cost=cost,
            seconds=seconds,
        )

    def _body(self, request: Request) -> dict[str, Any]:
        body = to_body(request, self._declared.max_side)
        body["model"] = self._endpoint.name
        # OpenAI itself has renamed the limit; other servers know the older name.
        limit = "max_completion_tokens" if self._endpoint.base_url is None else "max_tokens"
        body[limit] = request.sampling.max_tokens
        body = {key: value for key, value in body.items() if key not in self._declared.omit}
        if self._declared.extra:
            body["extra_body"] = self._declared.extra
        if self._endpoint.key is None:
            import openai

            # The client wants a key or, in each call, to be told that there is none.
            body["extra_headers"] = {"Authorization": openai.Omit()}
        return body

    def _client(self) -> AsyncOpenAI:
        """Return the client of the running event loop: connections do not outlive their loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._clients = {known: c for known, c in self._clients.items() if not known.is_closed()}
            self._clients[loop] = self._connect()
        return self._clients[loop]

    def _connect(self) -> AsyncOpenAI:
        # The openai client takes a second to import.
        import openai

        times = self._times
        key = self._endpoint.key.get_secret_value() if self._endpoint.key else None
        headers: dict[str, Any] = {}
        if self._endpoint.base_url is not None:
            # What identifies the user at OpenAI is nobody else's business.
            headers = {"OpenAI-Organization": openai.Omit(), "OpenAI-Project": openai.Omit()}
        return openai.AsyncOpenAI(
            api_key=key or "none",
            base_url=self._endpoint.base_url,
            timeout=openai.Timeout(times.read, connect=times.connect),
            max_retries=0,
            default_headers=headers,
        )

    async def _retry(self, call: Callable[[], Any]) -> Any:
        import openai

        return await retrying(call, _transient, self._policy, openai.OpenAIError)

    @asynccontextmanager
    async def _failures(self, partial: Callable[[], str]) -> AsyncIterator[None]:
        """Turn what the client raises into a ``ModelError`` with what had arrived."""
        import openai

        try:
            yield
        except TimeoutError as error:
            message = f"{self.reference} took longer than {self._times.total:g} s"
            raise ModelError(message, mend="AGENTKIT_REQUEST__TOTAL", partial=partial()) from error
        except openai.APITimeoutError as error:
            message = f"{self.reference} did not answer in time ({type(error.__cause__).__name__})"
            raise ModelError(
                message, mend="raise AGENTKIT_REQUEST__READ, in seconds", partial=partial()
            ) from error
        except openai.APIConnectionError as error:
            if partial():
                message = f"{self.reference} broke off in the middle of its reply"
            else:
                message = f"{self.reference} can't be reached: {self._scrub(error.__cause__ or error)}"
            raise ModelError(message, mend="is the server up?", partial=partial()) from error
        except openai.APIStatusError as error:
            # The client puts the status in front of the server's words.
            words = self._scrub(error).removeprefix(f"Error code: {error.status_code} - ")
            message = f"{self.reference} answered {error.status_code}: {words}"
            raise ModelError(message, partial=partial()) from error
        except openai.OpenAIError as error:
            message = f"{self.reference} failed: {self._scrub(error)}"
            raise ModelError(message, partial=partial()) from error
        except (ValueError, RecursionError) as error:
            message = f"{self.reference} answered something that is not JSON: {_short(str(error))}"
            raise ModelError(message, partial=partial()) from error

    def _scrub(self, error: BaseException) -> str:
        """Return an error's text without the key: servers like to repeat it."""
        text = str(error)
        if self._endpoint.key:
            text = text.replace(self._endpoint.key.get_secret_value(), "***")
        return _short(text)

    def _read(self, text: str) -> WireReply:
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            message = f"{self.reference} answered something that is not JSON: {_short(text)}"
            raise ModelError(message, mend="does the URL end in /v1?") from error
        return self._validate(data, "")

    def _validate(self, data: Any, partial: str) -> WireReply:
        try:
            answer = WireReply.model_validate(data)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            message = f"{self.reference} answered no chat completion: {where}: {first['msg']}"
            raise ModelError(message, partial=partial) from error
        if answer.error:
            message = f"{self.reference} failed: {_short(json.dumps(answer.error))}"
            raise ModelError(message, partial=partial)
        return answer


@dataclass
class _Heard:
    """What has arrived of a reply."""

    text: str = ""
    refusal: str = ""
    calls: list[WireToolCall] = field(default_factory=list)
    logprobs: list[tuple[str, float]] = field(default_factory=list)
    finish: str | None = None
    usage: WireUsage | None = None
    model: str | None = None

    @classmethod
    def of(cls, choice: WireChoice, calls: list[WireToolCall], answer: WireReply) -> _Heard:
        text = (choice.message and choice.message.content) or ""
        heard = cls(text, "", calls, [], choice.finish_reason, answer.usage, answer.model)
        heard._add_logprobs(choice)
        return heard

    def add(self, event: WireReply) -> str:
        """Take in one event of a stream and return its text."""
        self.usage = event.usage or self.usage
        self.model = event.model or self.model
        if not event.choices:
            return ""
        choice = event.choices[0]
        self.finish = choice.finish_reason or self.finish
        self._add_logprobs(choice)
        if choice.delta is None:
            return ""
        self.calls += choice.delta.tool_calls or []
        self.refusal += choice.delta.refusal or ""
        self.text += choice.delta.content or ""
        return choice.delta.content or ""

    def _add_logprobs(self, choice: WireChoice) -> None:
        if choice.logprobs and choice.logprobs.content:
            self.logprobs += [(token.token, token.logprob) for token in choice.logprobs.content]


def load(reference: str, declared: ModelSettings, request: RequestSettings) -> OpenAIModel:
    """Return the model of a reference, with what settings declare of it."""
    return OpenAIModel(Endpoint.parse(reference, declared), declared, request)


def _capabilities(declared: ModelSettings) -> Capabilities:
    given = {
        "images": declared.images,
        "tools": declared.tools,
        "schema": declared.json_schema,
        "logprobs": declared.logprobs,
    }
    flags = {name: value is not False for name, value in given.items()}
    return Capabilities(**flags, context=declared.context)


def _transient(error: BaseException) -> Transient | None:
    """Return how a failure may pass: 429 and 5xx, and connections that failed before any answer."""
    import httpx2
    import openai

    if isinstance(error, openai.APIStatusError):
        # A spent quota is a 429 that no waiting mends.
        if error.status_code == 429 and error.code != "insufficient_quota":
            return Transient(read_retry_after(error.response.headers.get("retry-after")))
        if error.status_code >= 500:
            return Transient(read_retry_after(error.response.headers.get("retry-after")))
        return None
    # A silent server has likely begun the work: asking again would pay twice and wait twice.
    if isinstance(error, openai.APIConnectionError) and not isinstance(error.__cause__, httpx2.ReadTimeout):
        return Transient()
    return None


def _short(text: str, limit: int = 300) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[:limit] + " ..."
