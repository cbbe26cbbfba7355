"""Where a local model looks in a picture, and what it answers when it is made to look elsewhere."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pydantic import Field

from agentkit.content import Image, Message
from agentkit.contracts.result import Contract
from agentkit.errors import UnsupportedCapability, UsageError
from agentkit.models.base import INSTEAD, Request, Sampling
from agentkit.models.local import LocalModel

from .line import QueuedModel, SharedCast, innermost

if TYPE_CHECKING:
    from agentkit.attention import Region
    from agentkit.attention.edits import Edit

REPLY_TOKENS = 64
Box = tuple[float, float, float, float]


class LookRequest(Contract):
    """A question about a picture. With ``box`` (pixels of the original) it is asked once more, looking there."""

    question: str = Field(min_length=1, max_length=4000)
    box: Box | None = None


class Gaze(Contract):
    """An answer, and the heat that goes with it: rows of the grid, 0 or more. ``in_box``: the box's share of it."""

    answer: str
    heat: list[list[float]]
    in_box: float | None = None


class Looks(Contract):
    """``view`` (left, top, right, bottom in pixels of the picture) is what the grid covers; it may reach beyond it."""

    model: str
    view: Box
    plain: Gaze
    focused: Gaze | None = None


async def where_it_looks(cast: SharedCast, image: Image, asked: LookRequest) -> Looks:
    """Ask the model that sees, and read its attention on the picture; with a box, under ControlMLLM, too.

    Raises ``UnsupportedCapability`` when that model's attention can't be read or moved.
    """
    queued = await cast.get("see")
    model = innermost(queued)
    messages = [Message.user(image, asked.question)]
    if not isinstance(model, LocalModel) or not isinstance(queued, QueuedModel):
        raise UnsupportedCapability(f"{queued.reference} can't do 'attention'", mend=INSTEAD["attention"])
    model.check(Request(tuple(messages)), "attention", *(["gradients"] if asked.box else []))  # type: ignore[arg-type]
    region = None if asked.box is None else await asyncio.to_thread(_region, image, asked.box)
    async with queued.line.place():
        plain, view = await _look(model, messages, image, (), region)
        focused = None
        if region is not None:
            edits = await _focus(model, messages, region)
            focused, _ = await _look(model, messages, image, edits, region)
    return Looks(model=model.reference, view=view, plain=plain, focused=focused)


def _region(image: Image, box: Box) -> Region:
    from agentkit.attention import Region

    left, top, right, bottom = box
    width, height = image.size
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise UsageError(f"the box must lie in the picture of {width} x {height} pixels")
    return Region.of_box(image, box)


async def _focus(model: LocalModel, messages: list[Message], region: Region) -> tuple[Edit, ...]:
    from agentkit.attention import Focus

    focus = Focus(region)
    return tuple(await model.work(lambda lab: focus.prepare(lab, messages, ())))


async def _look(
    model: LocalModel, messages: list[Message], image: Image, edits: tuple[Edit, ...], region: Region | None
) -> tuple[Gaze, Box]:
    from agentkit.attention.readers.look import look

    seen = await model.work(lambda lab: look(lab, messages, image, method="raw", edits=edits))
    reply = await model.generate(messages, sampling=Sampling(max_tokens=REPLY_TOKENS), edits=edits)
    share = None
    if region is not None:
        inside = region.cells((seen.heat.shape[0], seen.heat.shape[1]), seen.view)
        share = float(seen.heat[inside].sum() / max(float(seen.heat.sum()), 1e-12))
    return Gaze(answer=reply.text, heat=seen.heat.tolist(), in_box=share), seen.view
