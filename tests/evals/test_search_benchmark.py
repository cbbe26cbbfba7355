"""The benchmark of visual search: what an item shows is what its JSON says, in V*Bench's own layout."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from agentkit.agents.search.targets import phrases
from agentkit.cli.main import app
from agentkit.errors import UsageError
from agentkit.evals.scenes import benchmark
from agentkit.evals.scenes.benchmark import PLANS, SearchItem, make_item, plan_of
from agentkit.evals.scenes.make import make
from agentkit.evals.scenes.scene import Scene
from agentkit.evals.scenes.vocabulary import COLOURS, HOST_OF, HOSTS, SHAPES

pytest.importorskip("skimage")
FIRST = 10_000
VOCABULARY = {"shapes": SHAPES, "colours": COLOURS, "hosts": HOSTS}


def seed_of(kind: str, placement: str, past: int = FIRST) -> int:
    return next(
        seed
        for seed in range(past, past + 80)
        if (plan_of(seed).kind, plan_of(seed).placement) == (kind, placement)
    )


@pytest.fixture(scope="module")
def items() -> list[SearchItem]:
    """Return one item of every kind and placement, two of relations."""
    plans = {(plan.kind, plan.placement) for plan in PLANS}
    seeds = [seed_of(*plan) for plan in sorted(plans)]
    return [make_item(seed) for seed in [*seeds, seed_of("relation", "random", FIRST + 40)]]


def test_forty_seeds_hold_every_kind_in_its_share_and_both_placements() -> None:
    plans = Counter((plan_of(seed).kind, plan_of(seed).placement) for seed in range(1, 41))
    kinds = Counter(plan_of(seed).folder for seed in range(1, 41))
    assert kinds == {"direct_attributes": 16, "relative_position": 10, "text": 6, "absent": 8}
    assert all(
        plans[kind, "context"] == plans[kind, "random"] for kind in benchmark.FOLDERS if kind != "absent"
    )
    assert sum(count for (kind, _), count in plans.items() if kind == "exists") == plans["absent", "absent"]


def test_targets_are_small_and_inside(items: list[SearchItem]) -> None:
    for item in items:
        width, height = item.image.size
        assert 2000 <= width <= 6000
        for left, top, right, bottom in item.boxes:
            assert 0 <= left < right <= width
            assert 0 <= top < bottom <= height
            assert 0.0002 <= (right - left) * (bottom - top) / (width * height) <= 0.001


def test_the_size_of_targets_stays_in_its_range_whatever_is_drawn() -> None:
    from agentkit.evals.scenes.drawing import draw_object

    canvas = Image.new("RGB", (400, 400))
    for seed in range(300):
        rng = np.random.default_rng(seed)
        shape = SHAPES[seed % len(SHAPES)]
        for share in benchmark.AREA:
            radius = (share * 6000 * 4000) ** 0.5 / 2
            left, top, right, bottom = draw_object(canvas, rng, shape, "red", (200, 200), radius)
            assert 0.0002 <= (right - left) * (bottom - top) / (6000 * 4000) <= 0.001, shape


def test_questions_name_their_targets_in_words_that_a_card_knows(items: list[SearchItem]) -> None:
    for item in items:
        asked = phrases(item.question, VOCABULARY)
        if item.plan.kind == "absent":
            assert item.targets == ()
            assert len(asked) == 1
        else:
            assert asked == list(item.targets)
        assert (
            len(set(item.options))
            == len(item.options)
            == (2 if item.plan.folder in ("absent", "relative_position") else 4)
        )


def test_the_right_side_of_a_relation_is_the_one_of_the_boxes(items: list[SearchItem]) -> None:
    for item in items:
        if item.plan.kind != "relation":
            continue
        (first, second), right = item.boxes, item.options[0]
        dx, dy = first[0] + first[2] - second[0] - second[2], first[1] + first[3] - second[1] - second[3]
        side = ("left" if dx < 0 else "right") if abs(dx) >= abs(dy) else ("above" if dy < 0 else "below")
        assert f" {side} " in right
        assert right.startswith(f"The {item.targets[0]} is ")


def test_colour_and_shape_questions_are_about_one_thing(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[str, str]] = []
    real = benchmark.add_object
    monkeypatch.setattr(
        benchmark,
        "add_object",
        lambda scene, rng, name, *rest: (drawn.append(name[:2]), real(scene, rng, name, *rest))[1],
    )
    for kind in ("colour", "shape", "glyph", "exists", "absent"):
        for past in (FIRST, FIRST + 40):
            drawn.clear()
            plan = next(plan for plan in PLANS if plan.kind == kind)
            item = make_item(seed_of(kind, plan.placement, past))
            asked = phrases(item.question, VOCABULARY)[0]
            fits = [name for name in drawn if asked in (" ".join(name), name[1], f"{name[0]} object")]
            assert len(fits) == (0 if kind == "absent" else 1), (item.question, drawn)
            assert len(drawn) == 7


def test_placement_says_whether_targets_are_at_their_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    scenes: list[Scene] = []
    real = benchmark.large_stage
    monkeypatch.setattr(
        benchmark, "large_stage", lambda *a, **k: (scenes.append(real(*a, **k)), scenes[-1])[1]
    )
    for kind in ("colour", "relation", "text"):
        for placement in ("context", "random"):
            item = make_item(seed_of(kind, placement))
            for thing in scenes[-1].objects[: len(item.boxes)]:
                x, y = thing.centre
                around = [
                    h.kind
                    for h in scenes[-1].hosts
                    if h.box[0] < x < h.box[2] and h.box[1] - thing.radius < y < h.box[3]
                ]
                at_home = HOST_OF[thing.shape] in around
                assert at_home == (placement == "context"), item.question


def test_a_seed_decides_an_item(items: list[SearchItem]) -> None:
    again = make_item(items[0].seed)
    assert again.data() == items[0].data()
    assert again.image.tobytes() == items[0].image.tobytes()


def test_a_folder_has_the_published_layout_and_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    first = make(folder, 3, FIRST)
    pairs = sorted(folder.glob("*/*.json"))
    assert first["made"] == len(pairs) == 3
    for file in pairs:
        data = json.loads(file.read_text())
        assert {"target_object", "bbox", "question", "options", "placement", "seed", "kind"} == set(data)
        assert len(data["target_object"]) == len(data["bbox"])
        with Image.open(file.with_suffix(".jpg")) as picture:
            assert all(x + w <= picture.width and y + h <= picture.height for x, y, w, h in data["bbox"])
    before = pairs[0].stat().st_mtime_ns
    pairs[1].unlink()
    assert make(folder, 4, FIRST, workers=2)["made"] == 2
    assert len(list(folder.glob("*/*.json"))) == 4
    assert pairs[0].stat().st_mtime_ns == before
    assert not list(folder.glob("*/.*"))
    with pytest.raises(UsageError, match="seed 10000"):
        make(folder, 1, FIRST + 1)


def test_the_command_says_what_it_made(tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    result = CliRunner().invoke(
        app, ["scenes", "make", str(folder), "--items", "1", "--seed", "10001", "--json"]
    )
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["made"] == said["items"] == 1
    assert json.loads((folder / "manifest.json").read_text())["seed"] == 10001
