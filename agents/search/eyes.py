"""Asks one model about regions of one picture: is it there, where is it, where would it be."""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from collections.abc import Sequence

from agentkit.content import Box, Image, Message
from agentkit.models.base import Model, Reply, Sampling
from agentkit.runtime.budget import Budget, BudgetError

from .frame import frame
from .geometry import view

# The log-odds of a plain "yes" from a model that tells no likelihoods: 97 % sure.
TOLD = 3.5
# A view is this much larger than its region, so that a thing on the border of two regions is whole in one view.
MARGIN = 1.2
SHORT = Sampling(max_tokens=64)


class Crops:
    """Regions of pictures, the newest ones kept: at most ``pixels`` pixels in all, whatever a search visits."""

    def __init__(self, pixels: int = 16_000_000) -> None:
        self.pixels = pixels
        self._kept: OrderedDict[tuple[str, Box], Image] = OrderedDict()
        self._held = 0

    def get(self, image: Image, box: Box) -> Image:
        """Return the region of a picture (the picture itself when the box is all of it)."""
        if box == image.box:
            return image
        key = (image.sha256, box)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        crop = self._kept[key] = image.crop(box)
        self._held += _area(crop)
        while self._held > self.pixels and len(self._kept) > 1:
            self._held -= _area(self._kept.popitem(last=False)[1])
        return crop

    def clear(self) -> None:
        """Let all go."""
        self._kept.clear()
        self._held = 0

    @property
    def held(self) -> int:
        """How many pixels are kept."""
        return self._held


class Eyes:
    """One model looking at one picture. ``looks`` counts the image-text pairs that went through the model.

    Boxes are in pixels of the original. A batch that the budget of model calls does not allow raises
    ``BudgetError`` before it is sent.
    """

    def __init__(
        self, model: Model, image: Image, *, crops: Crops | None = None, budget: Budget | None = None
    ) -> None:
        self.model, self.card, self.image = model, model.card, image
        self.crops = crops if crops is not None else Crops()
        self.budget = budget
        self.looks = 0
        # ZoomEye's "global and local" view: yes and no are asked beside the whole picture with the region framed.
        self.framed = False

    def view(self, box: Box, margin: float = MARGIN) -> Box:
        """Return what is shown of a region: a square where the model would pad to one anyway."""
        return view(box, self.image.size, margin=margin, square=self.card.square)

    async def exists(self, views: Sequence[Box], thing: str) -> list[float]:
        """Return the calibrated log-odds that each view shows the thing (one batch)."""
        return await self._yes(views, "exists", thing)

    async def _yes(self, views: Sequence[Box], kind: str, thing: str) -> list[float]:
        prompts = self._prompts(views, self.card.ask(kind, thing), framed=self.framed)
        if not prompts:
            return []
        can = self.model.capabilities
        if can.scoring:
            scores = await self.model.score_each(prompts, [self.card.yes, self.card.no])
            odds = [yes - no for yes, no in (score.values("sum") for score in scores)]
        else:
            replies = await self.model.generate_each(prompts, sampling=SHORT, logprobs=can.logprobs)
            odds = [self._odds(reply) for reply in replies]
        return [(value - self.card.offset) / self.card.temperature for value in odds]

    async def locate(self, box: Box, thing: str) -> Box | None:
        """Return the thing's box as the model sees it in a view, None when it is not visible there."""
        return await self._place(box, "locate", thing)

    async def likely(self, box: Box, thing: str) -> Box | None:
        """Return where in a view the thing would most likely be, None when nothing tells."""
        return await self._place(box, "context", thing)

    def asks(self, kind: str) -> bool:
        """Return whether the model's card has words for a kind of question."""
        return kind in self.card.prompts

    async def latent(self, views: Sequence[Box], thing: str) -> list[float] | None:
        """Return the log-odds that zooming into each view could show the thing (one batch); None without words."""
        return await self._yes(views, "latent", thing) if self.asks("latent") else None

    async def answerable(self, box: Box, question: str) -> float:
        """Return the log-odds that a question can be answered from a view.

        A model without words for it is asked the question itself: how likely is it not to say "not visible"?
        """
        if self.asks("answerable"):
            return (await self._yes([box], "answerable", question))[0]
        (prompt,) = self._prompts([box], question, framed=self.framed)
        if self.model.capabilities.scoring:
            (scores,) = await self.model.score_each([prompt], [self.card.not_visible])
            return -logit(math.exp(min(scores.values("sum")[0], 0.0)))
        (reply,) = await self.model.generate_each([prompt], sampling=SHORT)
        return -TOLD if self.card.not_visible in reply.text.lower() else TOLD

    async def attended(self, box: Box, thing: str) -> list[tuple[Box, float]]:
        """Return where the model looks in a view when it is asked for a thing: cells of its grid, with their shares.

        Cells are in pixels of the original, clipped to it. Local models only (``UnsupportedCapability``).
        """
        ((message,),) = self._prompts([box], self.card.ask("exists", thing))
        crop = self.crops.get(self.image, box)
        heat = await self.model.attend([message], keys=crop)
        if heat.grid is None or heat.view is None:
            return []
        rows, columns = heat.grid
        left, top, right, bottom = heat.view
        wide, high = (right - left) / columns, (bottom - top) / rows
        cells = []
        for index, value in enumerate(map(float, heat.weights.mean(0))):
            row, column = divmod(index, columns)
            x, y = crop.box.left + left + column * wide, crop.box.top + top + row * high
            cell = Box(x, y, x + wide, y + high).clip(crop.box)
            if cell.area > 0:
                cells.append((cell, value))
        return cells

    async def _place(self, box: Box, kind: str, thing: str) -> Box | None:
        if not self.asks(kind):
            return None
        prompts = self._prompts([box], self.card.ask(kind, thing))
        crop = self.crops.get(self.image, box)
        (reply,) = await self.model.generate_each(prompts, sampling=SHORT)
        found = self.card.read_box(reply.text, crop.size)
        if found is None:
            return None
        moved = found.shift(crop.box.left, crop.box.top).clip(self.image.box)
        return moved if moved.area > 0 else None

    def _prompts(self, views: Sequence[Box], question: str, *, framed: bool = False) -> list[list[Message]]:
        self._afford(len(views))
        self.looks += len(views)
        return [[Message.user(*self._shown(box, framed), question)] for box in views]

    def _shown(self, box: Box, framed: bool) -> Sequence[Image]:
        if framed and box != self.image.box:
            return frame(self.image, [box], self.card.input_size or 1)
        return [self.crops.get(self.image, box)]

    def _afford(self, calls: int) -> None:
        if self.budget is None or self.budget.limits.calls is None:
            return
        used, allowed = self.budget.used.calls, self.budget.limits.calls
        if used + calls > allowed:
            raise BudgetError("calls", allowed, used)

    def _odds(self, reply: Reply) -> float:
        words = re.findall(r"[a-z']+", reply.text.lower())
        said = next((word for word in words if word in (self.card.yes, self.card.no)), None)
        if said is None:
            return 0.0
        sure = TOLD
        if reply.logprobs is not None:
            chance = next((lp for token, lp in reply.logprobs if token.strip().lower() == said), None)
            # Two answers are possible, so one's probability gives the odds.
            sure = TOLD if chance is None else logit(math.exp(min(chance, 0.0)))
        return sure if said == self.card.yes else -sure


def logit(probability: float) -> float:
    """Return the log-odds of a probability, at most 20 either way."""
    p = min(max(probability, 2e-9), 1 - 2e-9)
    return math.log(p / (1 - p))


def sigmoid(odds: float) -> float:
    """Return the probability of log-odds."""
    return 1 / (1 + math.exp(-max(min(odds, 60.0), -60.0)))


def _area(image: Image) -> int:
    return image.size[0] * image.size[1]
