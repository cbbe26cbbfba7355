"""Large pictures with small things to find: photographic backgrounds, clutter, hosts, look-alikes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .drawing import draw_clutter
from .photos import photo_background
from .scene import Scene, add_host, add_object, host_spot
from .vocabulary import COLOURS, GLYPH_SHAPES, GLYPHS, HOST_OF, HOSTS, SHAPES

Name = tuple[str, str]  # colour, shape


def large_scene(
    rng: np.random.Generator,
    width: int = 4000,
    height: int = 3000,
    *,
    targets: int = 1,
    distractors: int = 6,
    hosts: int = 3,
    at_host: bool | None = None,
    glyphs: bool = True,
    split: str = "eval",
) -> Scene:
    """A large picture with small things to find.

    The first `targets` objects are the targets: each has a colour and shape that no other object
    shares, is 1/50 to 1/25 of the picture's height across, and sits at its host (`at_host` True),
    anywhere but there (False), or either (None, half and half). Distractors share the colour or the
    shape with a target, never both. Hosts are unique of their kind. Boxes are pixels, ltrb.
    """
    scene = large_stage(rng, width, height, hosts=hosts, split=split)
    names: list[Name] = []
    for _ in range(targets):
        names.append(_new_name(rng, names, scene, at_host))
    for index in range(targets + distractors):
        target = index < targets
        colour, shape = names[index] if target else near_name(rng, names)
        radius = float(rng.uniform(0.01, 0.02) * height)
        glyph = None
        if glyphs and shape in GLYPH_SHAPES:
            glyph = GLYPHS[int(rng.integers(len(GLYPHS)))]
        centre, host = spot(scene, rng, shape, radius, at_host if target else False)
        add_object(scene, rng, (colour, shape, glyph), centre, radius, host)
    return scene


def large_stage(
    rng: np.random.Generator,
    width: int,
    height: int,
    *,
    hosts: int = 3,
    split: str = "eval",
    loud: Sequence[str] = (),
) -> Scene:
    """A photographic background with clutter and hosts. `loud`: colours of the loud clutter (none: any)."""
    scene = Scene(photo_background(rng, width, height, split))
    side = min(width, height)
    draw_clutter(scene.image, rng, int(rng.integers(20, 60)), side / 45, loud)
    for kind in rng.permutation(HOSTS)[:hosts]:
        radius = float(rng.uniform(0.07, 0.12) * side)
        for _ in range(20):
            x, y = rng.uniform(radius, width - radius), rng.uniform(radius, height - radius)
            boxes = [h.box for h in scene.hosts]
            if all(math.hypot((b[0] + b[2]) / 2 - x, (b[1] + b[3]) / 2 - y) > 2.6 * radius for b in boxes):
                add_host(scene, rng, str(kind), (float(x), float(y)), radius)
                break
    return scene


def _new_name(rng: np.random.Generator, used: list[Name], scene: Scene, at_host: bool | None) -> Name:
    kinds = {h.kind for h in scene.hosts}
    shapes = [s for s in SHAPES if not at_host or not kinds or HOST_OF[s] in kinds]
    while True:
        name = COLOURS[int(rng.integers(len(COLOURS)))], shapes[int(rng.integers(len(shapes)))]
        if name not in used:
            return name


def near_name(rng: np.random.Generator, targets: Sequence[Name]) -> Name:
    """A name that is no target's; often it shares the colour or the shape with one."""
    while True:
        colour, shape = COLOURS[int(rng.integers(len(COLOURS)))], SHAPES[int(rng.integers(len(SHAPES)))]
        if targets:
            like = targets[int(rng.integers(len(targets)))]
            pick = rng.random()
            colour, shape = (like[0] if pick < 0.3 else colour), (like[1] if pick > 0.7 else shape)
        if (colour, shape) not in targets:
            return colour, shape


def spot(
    scene: Scene, rng: np.random.Generator, shape: str, radius: float, at_host: bool | None
) -> tuple[tuple[float, float], str | None]:
    """A free place for an object, and the kind of the host if it is at its host.

    `at_host` True: there, if the scene has it; False: at no host; None: half and half.
    """
    width, height = scene.image.size
    want = bool(rng.random() < 0.5) if at_host is None else at_host
    host = next((h for h in scene.hosts if h.kind == HOST_OF[shape]), None)
    centre, kind = (width / 2, height / 2), None
    for _ in range(200):
        if want and host is not None:
            centre, kind = host_spot(rng, host), host.kind
            blocked = False
        else:
            x, y = rng.uniform(2 * radius, width - 2 * radius), rng.uniform(2 * radius, height - 2 * radius)
            centre = (float(x), float(y))
            blocked = any(b.box[0] < x < b.box[2] and b.box[1] < y < b.box[3] for b in scene.hosts)
        near = any(
            math.hypot(centre[0] - o.centre[0], centre[1] - o.centre[1]) < 3 * radius for o in scene.objects
        )
        if not blocked and not near:
            break
    return centre, kind
