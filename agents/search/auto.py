"""``auto``: one look, or a search? And why."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agentkit.models.card import VisionCard

from .answer import Answer
from .strategies import DIRECT

# Up to so many times the model's input, a picture loses little when it is shrunk. Of a model whose input is unknown:
# pictures of this many pixels.
TIMES, UNKNOWN_INPUT = 2.0, 1024
# The least probability of the direct answer that needs no search.
SURE = 0.9
SEARCH = "vstar"
# How models say that they don't see it (V*: a trained sentence does this).
UNSURE = re.compile(
    r"\b(can't|can ?not|could not|couldn't|unable to|impossible to) (tell|see|say|determine|identify|find|make out)"
    r"|\bno idea\b|\bunclear\b|\bunknown\b|\b(do not|don't) (know|see)\b|\bnot sure\b|\btoo small\b"
)


def choose(direct: Answer, sizes: Sequence[tuple[int, int]], card: VisionCard) -> tuple[str, str]:
    """Return the strategy, and the reason in words. A search is skipped only where nothing speaks for it."""
    longest = max(max(size) for size in sizes)
    seen = card.input_size or UNKNOWN_INPUT
    said = direct.text.lower()
    if card.not_visible in said or UNSURE.search(said):
        return SEARCH, "searched: one look saw nothing of it"
    if longest > TIMES * seen:
        return SEARCH, f"searched: the picture is {longest} pixels wide or high and the model sees {seen}"
    if direct.confidence is None:
        return SEARCH, "searched: the model does not say how sure it is"
    if direct.confidence < SURE:
        return SEARCH, f"searched: the model was {direct.confidence:.0%} sure, less than {SURE:.0%}"
    return DIRECT, f"one look: the model was {direct.confidence:.0%} sure, and the picture is small"
