"""An endpoint like OpenAI's, so that other front ends can talk to the agents. Nothing of it is remembered."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from agentkit.content import Image, Message, Text
from agentkit.contracts.event import Said
from agentkit.contracts.result import Result
from agentkit.errors import AgentKitError, UsageError
from agentkit.runs.folder import new_id

from ..agent import INSTRUCTIONS, ChatAgent
from .api import talks_of
from .conversations import Talks

MODEL = "agentkit"
router = APIRouter(prefix="/v1")
Mine = Annotated[Talks, Depends(talks_of)]


class ChatMessage(BaseModel):
    """A message in OpenAI's form; pictures are ``image_url`` parts with a ``data:`` address."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[dict[str, Any]]


class ChatRequest(BaseModel):
    """A request in OpenAI's form. How tokens are chosen is the agent's own business: such fields have no effect."""

    model_config = ConfigDict(extra="ignore")

    model: str = MODEL
    messages: list[ChatMessage] = Field(min_length=1, max_length=1000)
    stream: bool = False
    n: int | None = None
    tools: list[Any] | None = None


@router.get("/models", operation_id="listModels")
async def models(mine: Mine) -> dict[str, Any]:
    """The one model there is: the chat agent."""
    return {
        "object": "list",
        "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "agentkit"}],
    }


@router.post("/chat/completions", operation_id="createChatCompletion")
async def complete(mine: Mine, asked: ChatRequest) -> Response:
    """Answers the last message. ``agentkit`` in the answer holds the route, the evidence and the question, if any."""
    try:
        instructions, past, question = _read(asked)
        agent = ChatAgent(
            instructions=instructions,
            memory=mine.person.conversations,
            strategy=mine.config.strategy,
            cast=mine.cast,
            settings=mine.config.settings.model_copy(update={"runs": mine.person.runs}),
        )
        turn = agent.astream(question.text, images=list(question.images), past=past)
    except UsageError as error:
        return JSONResponse(_problem(error, "invalid_request_error"), 400)
    head = {"id": f"chatcmpl-{new_id()}", "created": int(time.time()), "model": MODEL}
    if asked.stream:
        return StreamingResponse(_stream(turn, head), media_type="text/event-stream")
    try:
        result = await _result(turn)
    except UsageError as error:
        return JSONResponse(_problem(error, "invalid_request_error"), 400)
    if result.status == "failed":
        return JSONResponse(_problem(UsageError(result.error or "the turn failed"), "server_error"), 500)
    return JSONResponse(_completion(result, head))


async def _result(turn: AsyncIterator[Any]) -> Result:
    async for item in turn:
        if isinstance(item, Result):
            return item
    raise AssertionError("a run ends with its result")


async def _stream(turn: AsyncIterator[Any], head: dict[str, Any]) -> AsyncIterator[str]:
    def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return f"data: {json.dumps({**head, 'object': 'chat.completion.chunk', 'choices': [choice], **more})}\n\n"

    yield chunk({"role": "assistant", "content": ""})
    said = False
    try:
        async for item in turn:
            if isinstance(item, Said):
                said = True
                yield chunk({"content": item.text})
            elif isinstance(item, Result):
                if not said:
                    yield chunk({"content": _text(item)})
                yield chunk({}, "stop" if item.status != "budget" else "length", agentkit=_more(item))
    except AgentKitError as error:
        yield f"data: {json.dumps(_problem(error, 'server_error'))}\n\n"
    yield "data: [DONE]\n\n"


def _read(asked: ChatRequest) -> tuple[str, list[Message], Message]:
    """Return the instructions, what was said before, and the last message."""
    if asked.tools:
        raise UsageError("this model has tools of its own and takes none")
    if asked.n not in (None, 1):
        raise UsageError("one answer a request: n must be 1")
    if asked.model != MODEL:
        raise UsageError(f"there is no model {asked.model!r}", mend=MODEL)
    if asked.messages[-1].role != "user":
        raise UsageError("the last message must be the user's")
    system = [_message(item).text for item in asked.messages if item.role in ("system", "developer")]
    spoken = [_message(item) for item in asked.messages if item.role in ("user", "assistant")]
    return "\n".join(system) or INSTRUCTIONS, spoken[:-1], spoken[-1]


def _message(given: ChatMessage) -> Message:
    parts: list[Text | Image] = []
    mine = given.role != "assistant"
    for part in (
        [{"type": "text", "text": given.content}] if isinstance(given.content, str) else given.content
    ):
        if part.get("type") == "text":
            parts.append(Text(str(part.get("text", "")), "query" if mine else "reply"))
        elif part.get("type") == "image_url":
            parts.append(_picture(part))
        else:
            raise UsageError(f"a part of type {part.get('type')!r} is not taken", mend="text, image_url")
    return Message.of("user" if mine else "assistant", *parts)


def _picture(part: dict[str, Any]) -> Image:
    address = part.get("image_url")
    url = address.get("url") if isinstance(address, dict) else address
    if not isinstance(url, str) or not url.startswith("data:image/"):
        # Nothing is fetched because a request says so.
        raise UsageError("a picture must be a data: address")
    try:
        return Image.open(url)
    except ValueError as error:
        raise UsageError(f"a data: address can't be read: {error}") from error


def _completion(result: Result, head: dict[str, Any]) -> dict[str, Any]:
    usage = result.usage
    message = {"role": "assistant", "content": _text(result)}
    return {
        **head,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.input_tokens + usage.output_tokens,
        },
        "agentkit": _more(result),
    }


def _text(result: Result) -> str:
    if result.question is not None:
        return result.question.text
    return result.answer or result.error or ""


def _more(result: Result) -> dict[str, Any]:
    output = result.output if isinstance(result.output, dict) else {}
    return {
        "status": result.status,
        "route": output.get("route"),
        "evidence": [item.model_dump(exclude_none=True) for item in result.evidence],
        "question": result.question.model_dump() if result.question else None,
        "error": result.error,
    }


def _problem(error: AgentKitError, kind: str) -> dict[str, Any]:
    return {"error": {"message": str(error), "type": kind, "param": None, "code": None}}
