"""What an expert says, made fit to use: no box outside the picture, none empty, no confidence that is none."""

from __future__ import annotations

import math
from collections.abc import Iterable

from agentkit.content import Box

from ..geometry import whole
from ..parts import Expert
from ..tree import Find, FocusNode


class TidyExpert:
    """Wraps an expert: its finds are clipped to the picture or left out (``tidy_finds``)."""

    def __init__(self, expert: Expert, size: tuple[int, int]) -> None:
        self.expert, self.size = expert, size

    async def find(self, node: FocusNode) -> list[Find]:
        # Not held to the region: what is shown of it reaches a little beyond, and so may what is found.
        return tidy_finds(await self.expert.find(node), self.size)


def tidy_finds(finds: Iterable[Find], size: tuple[int, int], region: Box | None = None) -> list[Find]:
    """Return finds that are sound, best first; ``size`` is the picture's (width, height).

    Boxes are clipped to the picture. Left out: boxes that are not numbers, upside down, empty or outside of the
    picture, or that do not touch ``region``; confidences that are not numbers. Confidences are clipped to 0..1.
    """
    frame = whole(size)
    sound = []
    for find in finds:
        box = _inside(find.box, frame)
        if box is None or math.isnan(find.confidence):
            continue
        if region is None or box.intersection(region) > 0:
            sound.append(find._replace(box=box, confidence=min(max(float(find.confidence), 0.0), 1.0)))
    return sorted(sound, key=lambda find: -find.confidence)


def _inside(box: Box, frame: Box) -> Box | None:
    if any(math.isnan(value) for value in box):
        return None
    if box.left >= box.right or box.top >= box.bottom:
        return None
    clipped = Box(*map(float, box)).clip(frame)
    return clipped if clipped.area > 0 else None
