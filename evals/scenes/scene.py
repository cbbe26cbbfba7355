"""Scenes with ground truth, and the small crops of training. Large pictures are in ``large``."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image

from .camera import develop
from .drawing import HOST_SPOTS, draw_clutter, draw_host, draw_object, glyph_height
from .photos import background
from .vocabulary import COLOURS, GLYPH_SHAPES, GLYPHS, HOST_OF, HOSTS, SHAPES

Box = tuple[float, float, float, float]

CROP = 128  # side in pixels of what `mini` sees
SEEN_RADIUS = 5.0  # an object counts as visible from this radius on, at crop scale
UNSEEN_RADIUS = 3.5  # below this it counts as not visible; between the two nothing is asked


@dataclass(frozen=True)
class SceneObject:
    """One small figure. `box` is (left, top, right, bottom) in pixels, clipped at the border."""

    shape: str
    colour: str
    glyph: str | None
    box: Box
    centre: tuple[float, float]
    radius: float
    inside: float  # share of the figure's box that lies inside the picture
    host: str | None = None

    @property
    def name(self) -> str:
        return f"{self.colour} {self.shape}"

    @property
    def seen(self) -> bool | None:
        """True: large enough and inside; False: too small or outside; None: too close to call.

        Meant for objects at crop scale (`crop_scene`), not for large pictures.
        """
        if self.radius < UNSEEN_RADIUS or self.inside < 0.25:
            return False
        return True if self.radius >= SEEN_RADIUS and self.inside > 0.6 else None

    @property
    def glyph_seen(self) -> bool | None:
        """As `seen`, for the letter or digit on the object."""
        high = glyph_height(self.shape, self.radius)
        if self.seen is False or high < 5:
            return False
        return True if self.seen and high >= 8 and self.inside > 0.95 else None


@dataclass(frozen=True)
class SceneHost:
    """A large figure that predicts small ones. `box` is ltrb in pixels, clipped at the border."""

    kind: str
    box: Box
    radius: float
    inside: float

    @property
    def seen(self) -> bool | None:
        if self.radius < 4 or self.inside < 0.25:
            return False
        return True if self.radius >= 7 and self.inside > 0.6 else None


@dataclass
class Scene:
    """A picture and what is in it."""

    image: Image.Image
    objects: list[SceneObject] = field(default_factory=list)
    hosts: list[SceneHost] = field(default_factory=list)


def _clip(box: Box, width: int, height: int) -> tuple[Box, float]:
    left, top, right, bottom = box
    inner = (max(0.0, left), max(0.0, top), min(float(width), right), min(float(height), bottom))
    whole = max(1e-6, (right - left) * (bottom - top))
    share = max(0.0, inner[2] - inner[0]) * max(0.0, inner[3] - inner[1]) / whole
    return inner, share


def add_host(
    scene: Scene, rng: np.random.Generator, kind: str, centre: tuple[float, float], radius: float
) -> None:
    for other in scene.hosts:
        middle = (other.box[0] + other.box[2]) / 2, (other.box[1] + other.box[3]) / 2
        if math.hypot(middle[0] - centre[0], middle[1] - centre[1]) < 0.9 * (radius + other.radius):
            return
    box, inside = _clip(draw_host(scene.image, rng, kind, centre, radius), *scene.image.size)
    if inside > 0:
        scene.hosts.append(SceneHost(kind, box, radius, inside))


def add_object(
    scene: Scene,
    rng: np.random.Generator,
    name: tuple[str, str, str | None],
    centre: tuple[float, float],
    radius: float,
    host: str | None = None,
) -> None:
    colour, shape, glyph = name
    drawn = draw_object(scene.image, rng, shape, colour, centre, radius, glyph)
    box, inside = _clip(drawn, *scene.image.size)
    if inside > 0:
        scene.objects.append(SceneObject(shape, colour, glyph, box, centre, radius, inside, host))


def _random_name(rng: np.random.Generator, radius: float) -> tuple[str, str, str | None]:
    shape = SHAPES[int(rng.integers(len(SHAPES)))]
    colour = COLOURS[int(rng.integers(len(COLOURS)))]
    glyph = None
    if shape in GLYPH_SHAPES and radius > 4 and rng.random() < 0.7:
        glyph = GLYPHS[int(rng.integers(len(GLYPHS)))]
    return colour, shape, glyph


@dataclass(frozen=True)
class _Plan:
    """What a training crop shows: how many objects, how large, how many hosts."""

    objects: int
    smallest: float
    largest: float
    copies: bool = False
    hosts: int = 0
    host_smallest: float = 12.0
    host_largest: float = 60.0


def _plan(rng: np.random.Generator) -> _Plan:
    """Draws the kind of view: empty, far, counting, or mixed at one of three zooms."""
    kind = rng.random()
    hosts = int(rng.choice(3, p=[0.55, 0.35, 0.1]))
    if kind < 0.13:
        return _Plan(0, 0, 0, hosts=hosts)
    if kind < 0.22:
        far = _Plan(int(rng.integers(0, 4)), 1.0, 4.5, hosts=int(rng.integers(1, 4)))
        return replace(far, host_smallest=8, host_largest=28)
    if kind < 0.42:
        return _Plan(int(rng.integers(2, 9)), 5.0, 16.0, copies=True)
    if kind < 0.57:
        near = _Plan(int(rng.integers(1, 4)), 13.0, 40.0, hosts=int(hosts > 0))
        return replace(near, host_smallest=50, host_largest=110)
    return _Plan(int(rng.integers(1, 10)), 2.5 if rng.random() < 0.2 else 5.0, 20.0, hosts=hosts)


def crop_scene(rng: np.random.Generator, split: str = "train", *, empty: bool = False) -> Scene:
    """One 128 x 128 training view: what an agent sees after cropping a large picture at some zoom.

    `split` chooses the photographs ("train" or "eval"); `empty` leaves objects and hosts out. A tenth of the views is not square and is
    padded with grey, as the image processor of `mini` does. The same generator state gives the
    same scene.
    """
    width = height = CROP
    if rng.random() < 0.1:
        short = int(rng.integers(56, 120))
        width, height = (CROP, short) if rng.random() < 0.5 else (short, CROP)
    scene = Scene(background(rng, width, height, split))
    draw_clutter(scene.image, rng, int(rng.choice([0, 0, 2, 4, 8, 14])), rng.uniform(4, 26))
    plan = _Plan(0, 0, 0) if empty else _plan(rng)
    for kind in rng.permutation(HOSTS)[: plan.hosts]:
        radius = float(rng.uniform(plan.host_smallest, plan.host_largest))
        centre = (rng.uniform(-0.1, 1.1) * width, rng.uniform(-0.1, 1.1) * height)
        add_host(scene, rng, str(kind), centre, radius)
    _place_objects(scene, rng, plan)
    scene.image = develop(rng, scene.image)
    return pad_square(scene, CROP)


def _place_objects(scene: Scene, rng: np.random.Generator, plan: _Plan) -> None:
    width = scene.image.width
    taken: list[tuple[float, float, float]] = []
    copied: list[tuple[str, str, str | None]] = []
    for _ in range(plan.objects):
        radius = math.exp(rng.uniform(math.log(plan.smallest), math.log(plan.largest)))
        name = _random_name(rng, radius)
        if plan.copies and copied and rng.random() < 0.7:
            colour, shape, _ = copied[0]
            again = rng.random()
            name = (colour if again < 0.8 else name[0], shape if again > 0.2 else name[1], None)
        copied.append(name)
        for _ in range(12):
            centre, host = _spot(scene, rng, name[1], radius)
            clear = all(
                math.hypot(centre[0] - x, centre[1] - y) > 1.08 * (radius + r) + 1 for x, y, r in taken
            )
            if clear and -0.2 * radius < centre[0] < width + 0.2 * radius:
                taken.append((*centre, radius))
                add_object(scene, rng, name, centre, radius, host)
                break


def _spot(
    scene: Scene, rng: np.random.Generator, shape: str, radius: float
) -> tuple[tuple[float, float], str | None]:
    """A place for an object: at its host in half of the cases where there is one, else anywhere."""
    width, height = scene.image.size
    for host in scene.hosts:
        fits = host.kind == HOST_OF[shape] and host.inside > 0.99 and radius < 0.4 * host.radius
        if fits and rng.random() < 0.5:
            return host_spot(rng, host), host.kind
    edge = radius * rng.uniform(-0.5, 1.0) if rng.random() < 0.25 else radius + 1
    x = rng.uniform(min(edge, width / 2 - 1), max(width - edge, width / 2))
    y = rng.uniform(min(edge, height / 2 - 1), max(height - edge, height / 2))
    return (float(x), float(y)), None


def host_spot(rng: np.random.Generator, host: SceneHost) -> tuple[float, float]:
    """A point at the host where a small object would sit. Needs a host that is wholly inside."""
    low_x, high_x, low_y, high_y = HOST_SPOTS[host.kind]
    middle_x = (host.box[0] + host.box[2]) / 2
    # The figures are not symmetric about their centre; the box bottom is known for each kind.
    foot = {"table": 0.62, "boat": 0.6, "tree": 0.95, "house": 0.8}[host.kind]
    middle_y = host.box[3] - foot * host.radius
    return (
        float(middle_x + rng.uniform(low_x, high_x) * host.radius),
        float(middle_y + rng.uniform(low_y, high_y) * host.radius),
    )


def pad_square(scene: Scene, side: int) -> Scene:
    """The scene centred on a grey square of `side` pixels; boxes move with it."""
    width, height = scene.image.size
    if (width, height) == (side, side):
        return scene
    dx, dy = (side - width) // 2, (side - height) // 2
    canvas = Image.new("RGB", (side, side), (127, 127, 127))
    canvas.paste(scene.image, (dx, dy))

    def move(box: Box) -> Box:
        return box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy

    objects = [
        SceneObject(
            o.shape,
            o.colour,
            o.glyph,
            move(o.box),
            (o.centre[0] + dx, o.centre[1] + dy),
            o.radius,
            o.inside,
            o.host,
        )
        for o in scene.objects
    ]
    hosts = [SceneHost(h.kind, move(h.box), h.radius, h.inside) for h in scene.hosts]
    return Scene(canvas, objects, hosts)
