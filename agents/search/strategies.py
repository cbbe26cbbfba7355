"""The strategies by name, and how each is put together for a model."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from agentkit.errors import UsageError

from .cues import AttentionCue, ModelCue
from .dyfo import DyFo, DyFoConfig
from .experts import MakeExpert, TidyExpert
from .eyes import Eyes
from .geometry import split
from .grid import Grid
from .parts import Cue, Expert, Strategy
from .vstar import PUBLISHED_INPUT, VStar, VStarConfig
from .zoomeye import ZoomEye, ZoomEyeConfig

MakeCue = Callable[[Eyes], Cue]

# The name of a single look at the whole picture, without a search, and of the choice between that and a search.
# A strategy that a caller brings has no name.
DIRECT, AUTO, OWN = "direct", "auto", "own"


@dataclass(frozen=True)
class Kit:
    """What a strategy is made of for one picture. ``constants``: changes to its configuration, by name."""

    eyes: Eyes
    expert: Expert
    cue: Cue
    constants: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        eyes: Eyes,
        make_expert: MakeExpert,
        make_cue: MakeCue = ModelCue,
        constants: Mapping[str, Any] | None = None,
    ) -> Kit:
        """Return the kit for a picture; what the expert finds outside of it, or without an area, is dropped."""
        return cls(eyes, TidyExpert(make_expert(eyes), eyes.image.size), make_cue(eyes), constants or {})


MakeStrategy = Callable[[Kit], Strategy]

# What says where to look next: the model's yes and no, or where it looked.
CUES: Mapping[str, MakeCue] = {"model": ModelCue, "attention": AttentionCue}


def make_vstar(kit: Kit) -> Strategy:
    """Return V*; the tree is as deep as the model's input asks for."""
    config = changed(VStarConfig.for_input(kit.eyes.card.input_size), kit.constants)
    return VStar(kit.cue, kit.expert, config, view=kit.eyes.view)


def make_grid(kit: Kit) -> Strategy:
    """Return the full scan of the smallest regions of V*'s tree: the baseline that a search must beat."""
    config = changed(VStarConfig.for_input(kit.eyes.card.input_size), kit.constants)
    return Grid(kit.eyes, kit.expert, config)


def make_dyfo(kit: Kit) -> Strategy:
    """Return DyFo."""
    return DyFo(kit.cue, kit.expert, dyfo_config(kit.eyes, kit.constants))


def make_zoomeye(kit: Kit) -> Strategy:
    """Return ZoomEye: with the whole picture beside the zoom for models that take several pictures."""
    kit.eyes.framed = not kit.eyes.card.vocabulary
    return ZoomEye(kit.eyes, ModelCue(kit.eyes), kit.expert, zoomeye_config(kit.eyes, kit.constants))


def dyfo_config(eyes: Eyes, constants: Mapping[str, Any]) -> DyFoConfig:
    """Return DyFo's constants: regions as small as V*'s, and focuses enough to score all of them."""
    side = eyes.card.input_size
    if side is None:
        return changed(DyFoConfig(), constants)
    least = VStarConfig.for_input(side).smallest(eyes.image.size)
    regions = sum(4**level for level in range(v_levels(eyes) + 1))
    return changed(
        DyFoConfig(least_side=least, iterations=max(DyFoConfig.iterations, 2 * regions)), constants
    )


def zoomeye_config(eyes: Eyes, constants: Mapping[str, Any]) -> ZoomEyeConfig:
    """Return ZoomEye's constants: LLaVA's, at the model's input size.

    A model that knows few words sees the zoom alone (bias 0.2). One whose input is below V*'s published one stops at
    V*'s smallest regions, where it sees small things well, and may pop all that lies above them.
    """
    card = eyes.card
    config = ZoomEyeConfig(bias=0.2 if card.vocabulary else 0.6)
    if card.input_size is not None and card.input_size >= PUBLISHED_INPUT:
        config = replace(config, input_side=card.input_size)
    elif card.input_size is not None:
        levels = v_levels(eyes)
        pops = sum(4**level for level in range(levels)) + 1
        config = replace(
            config,
            input_side=card.input_size,
            levels=levels,
            pops=math.ceil(pops / max(levels, 1)),
            every_levels=levels,
        )
    return changed(config, constants)


def v_levels(eyes: Eyes) -> int:
    """Return how deep V*'s tree over a picture is for a model."""
    smallest = VStarConfig.for_input(eyes.card.input_size).smallest(eyes.image.size)
    box, levels = eyes.image.box, 0
    while min(box.width, box.height) > smallest and (parts := split(box)):
        box, levels = parts[-1], levels + 1
    return levels


def changed(config: Any, constants: Mapping[str, Any]) -> Any:
    """Return a configuration with some constants changed. Raises ``UsageError`` for one that it does not have."""
    known = [f.name for f in fields(config)]
    for name in constants:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise UsageError(
                f"{type(config).__name__} has no constant {name!r}",
                mend=f"did you mean {near[0]!r}?" if near else "one of " + ", ".join(known),
            )
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in constants.items()}
    return replace(config, **values)


STRATEGIES: Mapping[str, MakeStrategy] = {
    "vstar": make_vstar,
    "dyfo": make_dyfo,
    "zoomeye": make_zoomeye,
    "grid": make_grid,
}
