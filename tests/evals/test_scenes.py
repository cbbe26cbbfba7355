"""The scene generator: the same seed gives the same scene, and its ground truth is what was drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.evals.scenes import ask, crop_scene, large_scene
from agentkit.evals.scenes.drawing import draw_object
from agentkit.evals.scenes.photos import PHOTOS
from agentkit.evals.scenes.questions import NOT_VISIBLE
from agentkit.evals.scenes.scene import CROP, Scene, pad_square
from agentkit.evals.scenes.vocabulary import COLOURS, HOST_OF, HOSTS, SHAPES

pytest.importorskip("skimage")
seeds = st.integers(10_000, 19_999)


def generator(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_a_seed_decides_a_crop_and_its_questions(seed: int) -> None:
    scenes, questions = [], []
    for _ in range(2):
        rng = generator(seed)
        scenes.append(crop_scene(rng))
        questions.append(ask(scenes[-1], rng, 8))
    assert scenes[0].image.tobytes() == scenes[1].image.tobytes()
    assert scenes[0].objects == scenes[1].objects
    assert questions[0] == questions[1]


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_crops_keep_their_truth_inside(seed: int) -> None:
    scene = crop_scene(generator(seed))
    assert scene.image.size == (CROP, CROP)
    for thing in [*scene.objects, *scene.hosts]:
        left, top, right, bottom = thing.box
        assert 0 <= left < right <= CROP
        assert 0 <= top < bottom <= CROP
        assert 0 < thing.inside <= 1


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_gold_answers_follow_from_the_scene(seed: int) -> None:
    rng = generator(seed)
    scene = crop_scene(rng)
    names = {o.name for o in scene.objects if o.seen}
    unclear = [o for o in scene.objects if o.seen is None]
    for question in ask(scene, rng, 12):
        if question.box is not None:
            assert question.box in {t.box for t in [*scene.objects, *scene.hosts]}
        elif question.skill == "location":
            assert question.answer == NOT_VISIBLE
        asked = [f"{c} {s}" for c in COLOURS for s in SHAPES if f"{c} {s}" in question.text]
        if question.skill == "presence" and asked:
            assert question.answer == ("yes" if asked[0] in names else "no")
            assert asked[0] not in {o.name for o in unclear}


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(SHAPES),
    st.sampled_from(COLOURS),
    st.floats(6, 40),
    st.floats(50, 78),
    st.floats(50, 78),
    seeds,
)
def test_a_drawn_object_fills_its_box_and_nothing_else(
    shape: str, colour: str, radius: float, x: float, y: float, seed: int
) -> None:
    from PIL import Image

    canvas = Image.new("RGB", (CROP, CROP), (127, 127, 127))
    box = draw_object(canvas, generator(seed), shape, colour, (x, y), radius)
    changed = np.abs(np.asarray(canvas).astype(int) - 127).sum(axis=2) > 60
    rows, columns = np.where(changed)
    drawn = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert np.abs(np.array(drawn) - np.array(box)).max() <= 2
    assert box[2] - box[0] <= 2 * radius * 1.35
    assert box[0] < x < box[2] or shape == "moon"


def test_padding_moves_the_boxes_with_the_picture() -> None:
    for seed in range(10_000, 10_050):
        scene = crop_scene(generator(seed))
        cut = Scene(scene.image.crop((0, 0, CROP, 80)), scene.objects, scene.hosts)
        padded = pad_square(cut, CROP)
        for before, after in zip(scene.objects, padded.objects, strict=True):
            assert after.box[1] - before.box[1] == 24
            assert after.box[0] == before.box[0]
        assert padded.image.getpixel((0, 0)) == (127, 127, 127)


def test_empty_crops_hold_nothing() -> None:
    scene = crop_scene(generator(10_001), empty=True)
    assert not scene.objects
    assert not scene.hosts


@pytest.mark.parametrize("at_host", [True, False])
def test_large_scenes_hold_small_unique_targets(at_host: bool) -> None:
    for seed in range(10_000, 10_008):
        scene = large_scene(generator(seed), 2000, 1500, targets=2, hosts=4, at_host=at_host)
        names = [o.name for o in scene.objects]
        assert scene.image.size == (2000, 1500)
        for target in scene.objects[:2]:
            assert names.count(target.name) == 1
            high = target.box[3] - target.box[1]
            assert 1500 / 70 < high < 1500 / 20
            assert target.host == (HOST_OF[target.shape] if at_host else None)


def test_large_scenes_are_decided_by_their_seed() -> None:
    one, two = (large_scene(generator(12_345), 2400, 1800) for _ in range(2))
    assert one.image.tobytes() == two.image.tobytes()
    assert one.objects == two.objects


def test_held_out_photographs_are_not_trained_on() -> None:
    assert not set(PHOTOS["train"]) & set(PHOTOS["eval"])
    assert set(HOST_OF) == set(SHAPES)
    assert set(HOST_OF.values()) == set(HOSTS)
