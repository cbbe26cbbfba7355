"""A model that sees what a small model would see: things that are large enough in the shrunken crop.

It answers from a scene's ground truth, so that a search over it tests geometry and control flow exactly.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from agentkit.content import Box, Image
from agentkit.contracts.result import Usage
from agentkit.models.base import Capabilities, Model, Reply, Request, Scores
from agentkit.models.card import VisionCard

SIDE = 128
BINS = 64
SURE = 7.0

CARD = VisionCard(
    name="oracle",
    prompts={
        "exists": "is there a {object}?",
        "locate": "where is the {object}?",
        "context": "where would the {object} most likely be?",
    },
    bins=BINS,
    token="<loc{:02d}>",
    square=True,
    input_size=SIDE,
    close_up=3.0,
    vocabulary={
        "shapes": ["circle", "square", "triangle", "star"],
        "colours": ["red", "green", "blue", "orange"],
        "hosts": ["table", "boat"],
    },
)


@dataclass(frozen=True)
class Thing:
    """Something in the scene: "red triangle" with its box; a host predicts the shapes in ``hosts``."""

    name: str
    box: Box
    predicts: tuple[str, ...] = ()


@dataclass
class Oracle(Model):
    """Answers exists, locate, context, colour and number questions about crops of one scene.

    A thing is visible when most of it is in the crop and its longer side is ``least`` pixels once the crop is
    shrunk to 128. ``alarms``: boxes where it wrongly sees whatever it is asked for, unless the view is close.
    """

    things: Sequence[Thing] = ()
    least: float = 10.0
    alarms: Sequence[Box] = ()
    card: VisionCard = CARD
    capabilities: Capabilities = field(
        default_factory=lambda: Capabilities(images=True, scoring=True, logprobs=True)
    )
    reference: str = "oracle"
    asked: list[tuple[str, tuple[float, ...]]] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)

    async def _generate(self, request: Request) -> Reply:
        (image,) = request.messages[-1].images
        text = self.answer(image, request.messages[-1].text)
        return Reply(text, usage=_usage(), logprobs=((text, math.log(0.9)),), model=self.reference)

    async def _score(self, requests: Sequence[Request], options: tuple[str, ...]) -> list[Scores]:
        self.batches.append(len(requests))
        return [self._score_one(request, options) for request in requests]

    def _score_one(self, request: Request, options: tuple[str, ...]) -> Scores:
        (image,) = request.messages[-1].images
        answer = self.answer(image, request.messages[-1].text)
        values = tuple(0.0 if option == answer else -SURE for option in options)
        return Scores(options, values, (1,) * len(options), _usage())

    def answer(self, image: Image, question: str) -> str:
        """Return the answer to a question about a crop."""
        self.asked.append((question, tuple(image.box)))
        if match := re.fullmatch(r"is there an? (.*)\?", question):
            return "yes" if self._seen(image, match[1]) else "no"
        if match := re.fullmatch(r"where is the (.*)\?", question):
            seen = self._seen(image, match[1])
            return _words(image, seen) if seen else "not visible"
        if match := re.fullmatch(r"where would the (.*) most likely be\?", question):
            host = next((t for t in self.things if match[1].split()[-1] in t.predicts), None)
            visible = host is not None and self._visible(image, host.box)
            return _words(image, host.box) if visible and host else "not visible"
        if match := re.fullmatch(r"what colour is the (.*)\?", question):
            thing = next((t for t in self.things if t.name.endswith(match[1])), None)
            visible = thing is not None and self._visible(image, thing.box)
            return thing.name.split()[0] if visible and thing else "not visible"
        return "not visible"

    def _seen(self, image: Image, name: str) -> Box | None:
        for thing in self.things:
            if thing.name.endswith(name) and self._visible(image, thing.box):
                return thing.box
        wide = max(image.size) > 500
        return next((b for b in self.alarms if wide and self._visible(image, b)), None)

    def _visible(self, image: Image, box: Box) -> bool:
        inside = image.box.intersection(box) / box.area
        return inside > 0.6 and max(box.width, box.height) * SIDE / max(image.size) >= self.least


def told(model: Oracle) -> Oracle:
    """Return the same model without likelihoods: it only talks."""
    return replace(model, capabilities=Capabilities(images=True))


def _words(image: Image, box: Box) -> str:
    """Write a box of the original as location tokens of the crop, padded to a centred square."""
    width, height = image.size
    side = max(width, height)
    inside = box.clip(image.box).shift(-image.box.left, -image.box.top)
    padded = inside.shift((side - width) / 2, (side - height) / 2).scale(BINS / side)
    left, top = math.floor(padded.left), math.floor(padded.top)
    right, bottom = math.ceil(padded.right) - 1, math.ceil(padded.bottom) - 1
    bins = (left, top, max(right, left), max(bottom, top))
    return " ".join(f"<loc{min(max(b, 0), BINS - 1):02d}>" for b in bins)


def _usage() -> Usage:
    return Usage(calls=1, images=1)
