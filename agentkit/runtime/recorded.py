"""A model inside a run: every call is budgeted, recorded and reported; in a replay it comes from the recording."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from typing import Any, Literal

from ..attention.edits import plain
from ..content import Image, dump
from ..contracts.event import HeatMap, ModelCalled
from ..contracts.result import Usage
from ..contracts.run import ModelInfo
from ..errors import ReplayError
from ..models.base import Capabilities, Chunk, Heat, Model, Reading, Reply, Request, Scores
from ..models.card import VisionCard
from ..models.serial import dump_reply, load_reply, load_scores, request_key
from .budget import Budget
from .run import Run
from .scope import current_scope

Kind = Literal["generate", "stream", "score", "attend"]


class RecordedModel(Model):
    """Wraps the model of a role for the length of a run. ``inner`` is None in a replay."""

    def __init__(self, run: Run, role: str, budget: Budget, inner: Model | None, info: ModelInfo) -> None:
        self._run, self._role, self._budget, self._inner = run, role, budget, inner
        self.reference = info.reference
        self.capabilities = Capabilities(**info.capabilities)
        self.card = VisionCard(**info.card)

    async def call(self, request: Request) -> Reply:
        (reply,) = await self.call_each([request])
        return reply

    async def call_each(self, requests: Sequence[Request]) -> list[Reply]:
        for request in requests:
            self.check(request)
        known = [self._known(request, "generate") for request in requests]
        fresh = [request for request, line in zip(requests, known, strict=True) if line is None]
        replies = iter(await self._ask(fresh))
        return [
            self._file(
                request,
                "generate",
                next(replies) if line is None else load_reply(line["reply"], cached=True),
                len(fresh),
            )
            for request, line in zip(requests, known, strict=True)
        ]

    async def _ask(self, requests: list[Request]) -> list[Reply]:
        if not requests:
            return []
        self._budget.check(another_call=True)
        if len(requests) == 1:
            return [await self._live.call(requests[0])]
        return await self._live.call_each(requests)

    def call_stream(self, request: Request) -> AsyncIterator[Chunk]:
        self.check(request)
        return self._streamed(request)

    async def _streamed(self, request: Request) -> AsyncIterator[Chunk]:
        line = self._known(request, "stream")
        if line is not None:
            reply = self._file(request, "stream", load_reply(line["reply"], cached=True))
            yield Chunk(reply.text)
            yield Chunk(reply=reply)
            return
        self._budget.check(another_call=True)
        async for chunk in self._live.call_stream(request):
            if chunk.reply is not None:
                self._file(request, "stream", chunk.reply)
            yield chunk

    async def call_score(self, requests: Sequence[Request], options: tuple[str, ...]) -> list[Scores]:
        for request in requests:
            self.check(request, "scoring")
        known = [self._known(request, "score", options) for request in requests]
        fresh = [request for request, line in zip(requests, known, strict=True) if line is None]
        if fresh:
            self._budget.check(another_call=True)
        scores = iter(await self._live.call_score(fresh, options) if fresh else [])
        return [
            self._file_scores(
                request,
                next(scores)
                if line is None
                else load_scores({**line["reply"], "options": options}, cached=True),
                len(fresh),
            )
            for request, line in zip(requests, known, strict=True)
        ]

    async def _attend(self, reading: Reading) -> Heat:
        import numpy as np

        request = reading.request
        place = reading.keys if isinstance(reading.keys, str) else json.dumps(plain(reading.keys))
        extra = (reading.query, place, repr(reading.layers), repr(reading.heads))
        line = self._known(request, "attend", extra)
        if line is None:
            self._budget.check(another_call=True)
            heat = await self._live._attend(reading)
        else:
            data = line["reply"]
            grid = tuple(data["grid"]) if data["grid"] else None
            table = None if data["by_head"] is None else np.asarray(data["by_head"], dtype=np.float32)
            view = tuple(data["view"]) if data["view"] else None
            heat = Heat(
                np.asarray(data["weights"], dtype=np.float32), grid, tuple(data["tokens"]), table, view
            )
        usage = Usage(calls=0 if line else 1, images=0 if line else len(_images(request)))
        table = None if heat.by_head is None else heat.by_head.tolist()
        reply = {
            "weights": heat.weights.tolist(),
            "grid": heat.grid,
            "tokens": heat.tokens,
            "by_head": table,
            "view": heat.view,
        }
        self._write(request, "attend", reply, usage, extra)
        self._emit(request, "attend", usage, cached=line is not None, heat=_heat_map(reading, heat))
        return heat

    async def _generate(self, request: Request) -> Reply:
        return await self.call(request)

    @property
    def _live(self) -> Model:
        if self._inner is None:
            raise ReplayError(f"the replay has no live model for {self._role!r}")
        return self._inner

    def _known(self, request: Request, kind: Kind, extra: tuple[str, ...] = ()) -> dict[str, Any] | None:
        """Return the recorded line of this call: always in a replay; in a resumed run when its node runs again."""
        key = self._key(request, kind, extra)
        if self._run.replaying:
            return self._run.recording.call(current_scope(), key, f"{self._role}, {kind}")
        return self._run.recording.known_call(current_scope(), key)

    def _file(self, request: Request, kind: Kind, reply: Reply, batch: int = 1) -> Reply:
        data = dump_reply(reply)
        # Usage has a place of its own in the line, as attention has no reply to carry it.
        del data["usage"]
        self._write(request, kind, data, reply.usage)
        self._emit(
            request,
            kind,
            reply.usage,
            reply=reply.text,
            tool_calls=data["tool_calls"],
            cached=reply.cached,
            batch=batch,
        )
        return reply

    def _file_scores(self, request: Request, scores: Scores, batch: int) -> Scores:
        data = {"logprobs": scores.logprobs, "tokens": scores.tokens}
        self._write(request, "score", data, scores.usage, scores.options)
        self._emit(
            request,
            "score",
            scores.usage,
            options=list(scores.options),
            scores=list(scores.values()),
            cached=scores.cached,
            batch=batch,
        )
        return scores

    def _write(
        self, request: Request, kind: Kind, reply: dict[str, Any], usage: Usage, extra: tuple[str, ...] = ()
    ) -> None:
        self._budget.spend(usage)
        if self._run.replaying:
            return
        for image in _images(request):
            self._run.put_image(image)
        self._run.record_call(
            {
                "scope": current_scope(),
                "key": self._key(request, kind, extra),
                "role": self._role,
                "model": self.reference,
                "kind": kind,
                "reply": reply,
                "usage": usage.model_dump(),
            }
        )

    def _emit(self, request: Request, kind: Kind, usage: Usage, **more: Any) -> None:
        self._run.emit(
            ModelCalled(
                role=self._role,
                model=self.reference,
                call=kind,
                prompt=dump(request.messages),
                usage=usage,
                edits=[edit.describe() for edit in request.edits],
                **more,
            )
        )

    def _key(self, request: Request, kind: Kind, extra: tuple[str, ...]) -> str:
        return request_key(request, f"{kind}:{self.reference}", extra or None)


def describe_model(model: Model) -> ModelInfo:
    """Return what a run remembers of a model."""
    return ModelInfo(
        reference=model.reference, capabilities=asdict(model.capabilities), card=asdict(model.card)
    )


def _heat_map(reading: Reading, heat: Heat) -> HeatMap | None:
    """Return what a report draws over a picture, None where the keys are no picture with a known grid."""
    if not isinstance(reading.keys, Image) or heat.grid is None or heat.view is None:
        return None
    heads = [] if heat.by_head is None else heat.by_head.tolist()
    cells = heat.weights.mean(0).tolist()
    return HeatMap(image=reading.keys.sha256, grid=heat.grid, view=heat.view, cells=cells, heads=heads)


def _images(request: Request) -> list[Image]:
    return [image for message in request.messages for image in message.images]
