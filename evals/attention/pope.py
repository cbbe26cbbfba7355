"""Is it there? Presence questions with the three samplings of POPE (arXiv 2305.10355), on generated scenes.

Half of the questions are about things that are there. The absent things of the other half are drawn

- *random*: uniformly from all names;
- *popular*: from the names that the population of scenes shows most often;
- *adversarial*: from those that go best with what is there: the colour, the shape or the host is in the picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from agentkit.attention import INTER, VCD, VHR
from agentkit.content import Image, Message
from agentkit.models.base import Model

from ..scenes.photos import split_of
from ..scenes.scene import SceneHost, SceneObject
from ..scenes.vocabulary import COLOURS, HOST_OF, HOSTS, SHAPES
from .family import Family, Item, Method
from .methods import unedited
from .stage import Stage, rng_of

Name: TypeAlias = tuple[str, str]
Sampling: TypeAlias = Literal["random", "popular", "adversarial"]

SAMPLINGS: tuple[Sampling, ...] = ("random", "popular", "adversarial")
OPTIONS = ("yes", "no")
FAMILY_NUMBER = 2

# The population of scenes: a fixed order of all names, the first ones frequent (POPE's MSCOCO is skewed, too).
_ORDER = np.random.default_rng(0).permutation(len(COLOURS) * len(SHAPES))
NAMES: tuple[Name, ...] = tuple((COLOURS[i % 8], SHAPES[i // 8]) for i in _ORDER.tolist())
FREQUENCIES = np.array([1.0 / (rank + 4) for rank in range(len(NAMES))])
FREQUENCIES /= FREQUENCIES.sum()
POPULAR = NAMES[:12]

# Difficulty, chosen on tuning seeds: things near the smallest that the embedded model can see, many, look-alikes.
THINGS = (5, 9)
RADII = (5.0, 8.0)
LOOK_ALIKES = 0.6
CLUTTER = (8, 18)

# Chosen on tuning seeds of the embedded model, where nothing that was tried beat the unedited one: VHR's alpha of 1.25,
# 1.5, 2; INTER's threshold of 0, 1 (and weights 0.25 to 2). VCD is as published: alpha 0.25 to 1 and steps 300 to 800
# gave at best the unedited accuracy.
ALPHA, THRESHOLD = 1.25, 1.0


@dataclass(frozen=True, eq=False)
class Presence:
    """A scene and a thing that is asked about; ``there``: whether it is."""

    image: Image
    things: tuple[SceneObject, ...]
    hosts: tuple[SceneHost, ...]
    sampling: Sampling
    asked: Name
    there: bool

    @property
    def question(self) -> str:
        colour, shape = self.asked
        return f"is there {'an' if colour[0] in 'aeiou' else 'a'} {colour} {shape}?"


def make_presence(seed: int) -> Presence:
    """Return the question of a seed: samplings take turns with every seed, yes and no with every third."""
    rng = rng_of(seed, FAMILY_NUMBER)
    sampling, there = SAMPLINGS[seed % 3], seed // 3 % 2 == 0
    stage = Stage(rng, split_of(seed), clutter=int(rng.integers(*CLUTTER)))
    for kind in rng.permutation(HOSTS)[: int(rng.integers(0, 3))]:
        stage.put_host(str(kind), float(rng.uniform(18, 34)))
    shown: list[Name] = []
    for _ in range(int(rng.integers(THINGS[0], THINGS[1] + 1))):
        name = _next_name(rng, shown)
        if stage.put(*name, float(rng.uniform(*RADII)), gap=1.5):
            shown.append(name)
    if there:
        asked = shown[int(rng.integers(len(shown)))]
    else:
        asked = _absent(rng, sampling, shown, {host.kind for host in stage.hosts})
    return Presence(stage.photograph(), tuple(stage.things), tuple(stage.hosts), sampling, asked, there)


def _next_name(rng: np.random.Generator, shown: Sequence[Name]) -> Name:
    """Return a name by the population's frequencies; often with the colour or the shape of what is there."""
    colour, shape = NAMES[int(rng.choice(len(NAMES), p=FREQUENCIES))]
    if shown and rng.random() < LOOK_ALIKES:
        like = shown[int(rng.integers(len(shown)))]
        return (like[0], shape) if rng.random() < 0.5 else (colour, like[1])
    return colour, shape


def _absent(rng: np.random.Generator, sampling: Sampling, shown: Sequence[Name], hosts: set[str]) -> Name:
    names = [name for name in NAMES if name not in shown]
    if sampling == "popular":
        # A scene can show all popular names only if it shows more things than there are of them.
        names = [name for name in POPULAR if name not in shown]
    elif sampling == "adversarial":
        fit = [company(name, shown, hosts) for name in names]
        names = [name for name, value in zip(names, fit, strict=True) if value == max(fit)]
    return names[int(rng.integers(len(names)))]


def company(name: Name, shown: Sequence[Name], hosts: set[str]) -> int:
    """Return how well a name goes with what is there: its colour, its shape and its host count one each."""
    colours, shapes = {colour for colour, _ in shown}, {shape for _, shape in shown}
    return (name[0] in colours) + (name[1] in shapes) + (HOST_OF[name[1]] in hosts)


class Pope(Family):
    """Presence questions, as many with yes as with no in every six seeds in a row."""

    name = "pope"
    title = "presence of things that are not there (POPE's three samplings)"
    role = "see"
    count = 240

    def item(self, seed: int) -> Item:
        presence = make_presence(seed)
        return Item(
            seed=seed,
            messages=(Message.user(presence.image, presence.question),),
            options=OPTIONS,
            right=0 if presence.there else 1,
            stratum=presence.sampling,
        )

    def also(self, item: Item, answer: str) -> Mapping[str, bool]:
        """Return the share of yes, and yes by what is true: ``recall`` of what is there, ``invented`` what is not.

        Precision and F1 follow from the rows, which hold what was expected and what was answered.
        """
        yes = answer == OPTIONS[0]
        return {"yes": yes, "recall" if item.right == 0 else "invented": yes}

    async def methods(self, model: Model) -> Sequence[Method]:
        return [
            unedited(),
            Method("vhr", lambda item: (VHR(),), "published"),
            Method("vhr_tuned", lambda item: (VHR(alpha=ALPHA),), f"alpha {ALPHA:g}, tuned"),
            Method("vcd", lambda item: (VCD(),), "published"),
            Method(
                "inter",
                lambda item: (INTER(threshold=THRESHOLD),),
                f"weight 1, threshold {THRESHOLD:g}, tuned",
            ),
        ]
