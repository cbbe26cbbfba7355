"""The expert, and cue, of an open-vocabulary detector."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from agentkit.content import Box, Image
from agentkit.errors import UsageError

from ....tools.vision.detector import Detection, Detector
from ..eyes import Eyes, logit, sigmoid
from ..geometry import suppress
from ..heat import Heat
from ..tree import Find, FocusNode

Seen: TypeAlias = OrderedDict[tuple[str, Box, str], list[Detection]]

# Detectors see one thing more than once.
OVERLAP = 0.5
# What was seen in so many views is kept (boxes, no pixels).
VIEWS = 4096


class SeesBoxes(Protocol):
    """What the expert needs of a detector; ``Detector`` has it, and so may your own."""

    threshold: float

    def detect(self, images: Sequence[Image], thing: str) -> list[list[Detection]]:
        """Return what each picture or crop shows of a thing, scores above ``threshold``, in pixels of the original."""
        ...


class DetectorExpert:
    """Says where things are by a detector's boxes, and where to look next by their scores.

    It is an expert and a cue: ``VStar(DetectorExpert(eyes, detector), ...)``. Views of several regions go through
    the detector in batches, and every view once. ``sure`` (0..1, exclusive) is the detector's score that counts as
    a confidence of one half: detectors differ in what their scores mean. Each view is one of ``eyes.looks``.
    """

    def __init__(
        self, eyes: Eyes, detector: SeesBoxes, *, sure: float = 0.5, seen: Seen | None = None
    ) -> None:
        if not 0 < sure < 1:
            raise UsageError(f"the score that is half sure lies between 0 and 1, got {sure}")
        self.eyes, self.detector, self.sure = eyes, detector, sure
        self._seen = seen if seen is not None else OrderedDict()

    @classmethod
    def maker(cls, reference: str, *, sure: float = 0.5, **settings: Any) -> Callable[[Eyes], DetectorExpert]:
        """Load a detector (``Detector.load``, with its settings) and return what makes an expert for a picture."""
        detector = Detector.load(reference, **settings)
        seen: Seen = OrderedDict()
        return lambda eyes: cls(eyes, detector, sure=sure, seen=seen)

    async def find(self, node: FocusNode) -> list[Find]:
        """Return the boxes that the detector sees in the region, best first; leaves ``exists`` on the node's scores."""
        await self.glance([node])
        boxes = [(found.box, self._confidence(found.score)) for found in self._known(node)]
        return [Find(box, confidence) for box, confidence in suppress(boxes, OVERLAP)]

    async def glance(self, nodes: Sequence[FocusNode]) -> None:
        """Look at regions, in batches; leaves ``exists``, the best box's confidence or 0, on the nodes."""
        new = [node for node in nodes if self._key(node) not in self._seen]
        for about in dict.fromkeys(node.about for node in new):
            some = {self._key(node): self._view(node) for node in new if node.about == about}
            crops = [self.eyes.crops.get(self.eyes.image, view) for view in some.values()]
            self.eyes.looks += len(crops)
            found = await asyncio.to_thread(self.detector.detect, crops, about)
            self._seen.update(zip(some, found, strict=True))
        for node in nodes:
            scores = [found.score for found in self._known(node)]
            node.scores["exists"] = self._confidence(max(scores)) if scores else 0.0
        while len(self._seen) > max(VIEWS, len(nodes)):
            self._seen.popitem(last=False)

    async def target(self, node: FocusNode, parts: Sequence[FocusNode]) -> Heat:
        """Return the boxes that are seen in the parts as heat: log-odds of their scores above the threshold's."""
        await self.glance(parts)
        least = logit(self.detector.threshold)
        found = [detection for part in parts for detection in self._known(part)]
        # The region itself, cold, so that a single box is not the coldest as well as the hottest cell.
        boxes = [node.box, *(detection.box for detection in found)]
        return Heat.of(boxes, [0.0, *(logit(detection.score) - least for detection in found)])

    async def context(self, node: FocusNode) -> Heat:
        """Return no heat: a detector knows no likely places."""
        return Heat()

    def _known(self, node: FocusNode) -> list[Detection]:
        return self._seen[self._key(node)]

    def _key(self, node: FocusNode) -> tuple[str, Box, str]:
        return self.eyes.image.sha256, self._view(node), node.about

    def _view(self, node: FocusNode) -> Box:
        return self.eyes.view(node.box)

    def _confidence(self, score: float) -> float:
        return sigmoid(logit(score) - logit(self.sure))
