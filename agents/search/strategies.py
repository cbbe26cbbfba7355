"""The strategies by name, and how each is put together for a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .cues import ModelCue
from .eyes import Eyes
from .grid import Grid
from .parts import Expert, Strategy
from .vstar import VStar, VStarConfig

MakeExpert = Callable[[Eyes], Expert]
MakeStrategy = Callable[[Eyes, MakeExpert], Strategy]

# The name of a single look at the whole picture, without a search.
DIRECT = "direct"


def make_vstar(eyes: Eyes, make_expert: MakeExpert) -> Strategy:
    """Return V* with the model's own cues; the tree is as deep as the model's input asks for."""
    return VStar(ModelCue(eyes), make_expert(eyes), VStarConfig.for_input(eyes.card.input_size))


def make_grid(eyes: Eyes, make_expert: MakeExpert) -> Strategy:
    """Return the full scan of the smallest regions of V*'s tree: the baseline that a search must beat."""
    return Grid(eyes, make_expert(eyes), VStarConfig.for_input(eyes.card.input_size))


STRATEGIES: Mapping[str, MakeStrategy] = {"vstar": make_vstar, "grid": make_grid}
