"""Requests as keys, replies as plain data: what the response cache and recorded runs share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ..content import ToolCall, dump
from ..contracts.result import Usage
from .base import Reply, Request, Scores


def request_key(request: Request, reference: str, options: Sequence[str] | None = None) -> str:
    """Return the sha256 (hexadecimal) of everything that decides the answer to a request.

    That is the model's ``reference``, the messages (with labels, trust marks and image digests), tools, schema,
    sampling, ``logprobs``, the attention edits, and ``options`` when they are to be scored.
    """
    data = {
        "model": reference,
        "messages": dump(request.messages),
        "tools": [
            {"name": t.name, "description": t.description, "parameters": t.parameters} for t in request.tools
        ],
        "schema": request.schema,
        "sampling": asdict(request.sampling),
        "logprobs": request.logprobs,
        "edits": [edit.describe() for edit in request.edits],
        "options": None if options is None else list(options),
    }
    # Keys keep their order: a schema's order of properties decides the order of the reply.
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def dump_reply(reply: Reply) -> dict[str, Any]:
    """Return a reply as plain JSON data."""
    data = asdict(reply)
    data["usage"] = reply.usage.model_dump()
    del data["cached"]
    return data


def load_reply(data: Mapping[str, Any], *, cached: bool = False) -> Reply:
    """Return the reply of ``dump_reply``; a ``cached`` one used nothing."""
    calls = tuple(ToolCall(c["id"], c["name"], c["arguments"]) for c in data["tool_calls"])
    logprobs = data["logprobs"]
    return Reply(
        data["text"],
        calls,
        data["data"],
        data["finish"],
        Usage() if cached else Usage(**data["usage"]),
        None if logprobs is None else tuple((token, value) for token, value in logprobs),
        data["model"],
        cached,
    )


def dump_scores(scores: Scores) -> dict[str, Any]:
    """Return scores as plain JSON data."""
    return {
        "options": list(scores.options),
        "logprobs": list(scores.logprobs),
        "tokens": list(scores.tokens),
        "usage": scores.usage.model_dump(),
    }


def load_scores(data: Mapping[str, Any], *, cached: bool = False) -> Scores:
    """Return the scores of ``dump_scores``; ``cached`` ones used nothing."""
    return Scores(
        tuple(data["options"]),
        tuple(data["logprobs"]),
        tuple(data["tokens"]),
        Usage() if cached else Usage(**data["usage"]),
        cached,
    )
