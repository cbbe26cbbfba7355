"""How to ask a model about pictures: its questions, and how it writes a location.

A card is data, so that no code branches on a model's name. A local model's folder may hold a ``card.json``;
every other model gets the general card.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ..content import Box
from ..errors import UsageError

GENERAL_PROMPTS: Mapping[str, str] = {
    "exists": "Is there a {object} in this picture? Answer yes or no.",
    "locate": (
        "Where is the {object}? Answer with its box as [left, top, right, bottom] in thousandths of the picture's "
        "width and height, or with 'not visible'."
    ),
    "context": (
        "Where in this picture would a {object} most likely be? Answer with a box as [left, top, right, bottom] "
        "in thousandths of the picture's width and height, or with 'not visible'."
    ),
    "latent": (
        "This is a part of a larger picture. By common sense and by what is around, could a closer look at this part "
        "show a {object}? Answer yes or no."
    ),
    "answerable": (
        "Question: {object}\nCan it be answered from what is visible in this picture? Answer yes or no."
    ),
}


@dataclass(frozen=True)
class VisionCard:
    """What the visual search needs to know of a model.

    ``prompts``: templates with ``{object}`` for *exists*, *locate* and *context*; where the model has words for them,
    for *latent* (could zooming in show it?) and *answerable* (``{object}`` is a question).
    ``bins``: locations are written as integers 0..bins-1 (1000 for the general card).
    ``token``: format of one coordinate in a reply; None reads plain numbers in brackets.
    ``square``: coordinates are on the picture padded to a centred square (else on the picture itself).
    ``input_size``: side in pixels that the model sees at most; smaller things vanish. None when unknown.
    ``offset``, ``temperature``: the log-odds of yes against no, less the one and divided by the other, are those of
    the truth (``agentkit eval calibration`` fits both).
    ``close_up``: how many times larger than a thing its picture is best taken (V*: 1.2).
    ``vocabulary``: the words that the model knows, by kind; empty when it knows the language at large.
    """

    name: str = "general"
    prompts: Mapping[str, str] = field(default_factory=lambda: dict(GENERAL_PROMPTS))
    yes: str = "yes"
    no: str = "no"
    not_visible: str = "not visible"
    bins: int = 1000
    token: str | None = None
    square: bool = False
    input_size: int | None = None
    offset: float = 0.0
    temperature: float = 1.0
    close_up: float = 1.2
    vocabulary: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> VisionCard:
        """Return the card of a file; unknown keys are ignored, so that newer cards stay readable.

        Raises ``UsageError`` for a file that is missing or no card.
        """
        try:
            data = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(f"{path} is no card of a model: {error}") from error
        if not isinstance(data, dict):
            raise UsageError(f"{path} is no card of a model: it holds no object")
        location = data.pop("location", {})
        known = {f.name for f in fields(cls)}
        return cls(**{k: v for k, v in {**data, **location}.items() if k in known})

    def ask(self, kind: str, thing: str) -> str:
        """Return the question of a kind about a thing."""
        template = self.prompts[kind]
        if thing[:1].lower() in tuple("aeiou"):
            template = template.replace(" a {object}", " an {object}")
        return template.format(object=thing)

    def read_box(self, reply: str, size: tuple[int, int]) -> Box | None:
        """Return the box that a reply names, in pixels of a picture of ``size``; None when it names none."""
        if self.token is None:
            found = re.search(r"\[\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\]", reply)
            values = [int(v) for v in found.groups()] if found else []
        else:
            # "<loc{:02d}>" becomes the pattern "<loc(\d+)>"
            pattern = r"(\d+)".join(re.escape(piece) for piece in re.split(r"\{[^}]*\}", self.token))
            values = [int(v) for v in re.findall(pattern, reply)[:4]]
        if len(values) != 4:
            return None
        left, top, right, bottom = values
        # A right or bottom bin is covered to its far edge, so that equal bins still give an area.
        unit = Box(left / self.bins, top / self.bins, (right + 1) / self.bins, (bottom + 1) / self.bins)
        if unit.width <= 0 or unit.height <= 0:
            return None
        width, height = size
        if self.square:
            side = max(width, height)
            box = unit.scale(side).shift((width - side) / 2, (height - side) / 2)
        else:
            box = unit.scale(width, height)
        inside = box.clip(Box(0, 0, width, height))
        return inside if inside.area > 0 else None
