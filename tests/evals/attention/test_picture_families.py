"""The picture families: what they draw is what they ask about, and the embedded model can answer them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.content import Box
from agentkit.evals.attention.family import Family
from agentkit.evals.attention.pictures import NAME_QUESTION, Pictures, make_lesson
from agentkit.evals.attention.pope import POPULAR, Pope, company, make_presence
from agentkit.evals.attention.referring import Referring, make_pair
from agentkit.evals.attention.run import measure
from agentkit.evals.attention.stage import Stage, rng_of
from agentkit.evals.scenes.photos import split_of
from agentkit.evals.scenes.scene import CROP
from agentkit.evals.scenes.vocabulary import COLOURS, SHAPES
from agentkit.models import Model, load_model

pytest.importorskip("skimage")
pytest.importorskip("torch")

SEEDS = st.integers(1, 19_999)
FAMILIES: tuple[Family, ...] = (Referring(), Pope(), Pictures(lessons=1))


@cache
def mini() -> Model:
    return load_model("mini")


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@settings(max_examples=15)
@given(seed=SEEDS)
def test_a_seed_decides_an_item_and_its_answer_is_an_option(family: Family, seed: int) -> None:
    item, again = family.item(seed), family.item(seed)
    assert item.messages == again.messages
    assert (item.options, item.right, item.stratum) == (again.options, again.right, again.stratum)
    assert len(set(item.options)) == len(item.options)
    assert 0 <= item.right < len(item.options)
    assert all(image.size == (CROP, CROP) for message in item.messages for image in message.images)


def test_evaluation_and_tuning_seeds_show_different_photographs() -> None:
    assert {split_of(seed) for seed in (1, 9_999)} == {"eval"}
    assert {split_of(seed) for seed in (10_000, 19_999)} == {"train"}


@given(SEEDS)
def test_what_is_put_on_a_stage_lies_inside_and_apart(seed: int) -> None:
    rng = rng_of(seed, 0)
    stage = Stage(rng, split_of(seed))
    for shape in SHAPES:
        stage.put(COLOURS[int(rng.integers(8))], shape, float(rng.uniform(4, 20)))
    assert len(stage.things) >= 2
    for thing, mask in zip(stage.things, stage.masks, strict=True):
        left, top, right, bottom = thing.box
        assert 0 <= left < right <= CROP
        assert 0 <= top < bottom <= CROP
        # Soft edges reach a pixel further than the box.
        assert not mask[:, : int(left) - 2].any() if left > 2 else True
        assert mask[int(top) : int(bottom), int(left) : int(right)].any()
    assert not (np.sum(stage.masks, axis=0) > 1).any()


@given(SEEDS)
def test_look_alikes_share_what_the_question_names_and_differ_in_the_answer(seed: int) -> None:
    pair = make_pair(seed)
    meant, other = pair.things
    assert pair.answers[0] != pair.answers[1]
    assert set(pair.answers) <= set(pair.options)
    words = pair.question.removesuffix("?").split()
    if "colour" in words:
        assert meant.shape == other.shape == words[-1]
        assert pair.answers == (meant.colour, other.colour)
    elif "shape" in words:
        assert meant.colour == other.colour == words[-2]
        assert pair.answers == (meant.shape, other.shape)
    else:
        assert meant.name == other.name == " ".join(words[-2:])
        assert pair.answers == (meant.glyph, other.glyph)
        assert meant.glyph_seen
        assert other.glyph_seen


@given(SEEDS)
def test_the_region_lies_on_the_meant_thing_alone(seed: int) -> None:
    pair = make_pair(seed)
    meant, other = pair.masks
    region = pair.region
    assert region.image == pair.image
    if region.kind == "mask":
        assert (region.mask() == meant).all()
        return
    if region.kind == "box":
        left, top, right, bottom = pair.things[0].box
        assert region.points == ((left, top), (right, bottom))
        assert Box(left, top, right, bottom).intersection(Box(*pair.things[1].box)) == 0
        return
    for x, y in region.points:
        assert meant[int(y), int(x)]
        assert not other[int(y), int(x)]


@given(st.integers(0, 3_000))
def test_kinds_of_region_and_questions_take_turns(start: int) -> None:
    pairs = {(seed % 4, make_pair(seed).region.kind) for seed in range(4 * start, 4 * start + 4)}
    assert pairs == set(enumerate(("box", "point", "scribble", "mask")))


@given(SEEDS)
def test_presence_is_what_the_scene_shows(seed: int) -> None:
    presence = make_presence(seed)
    shown = [(thing.colour, thing.shape) for thing in presence.things]
    assert all(thing.seen for thing in presence.things)
    assert (presence.asked in shown) is presence.there
    assert " ".join(presence.asked) in presence.question


@given(SEEDS)
def test_absent_things_are_drawn_as_their_sampling_says(seed: int) -> None:
    # The absent half: of every six seeds the last three.
    presence = make_presence(seed - seed % 6 + 3 + seed % 3)
    shown = [(thing.colour, thing.shape) for thing in presence.things]
    hosts = {host.kind for host in presence.hosts}
    assert not presence.there
    if presence.sampling == "popular":
        assert presence.asked in POPULAR
    if presence.sampling == "adversarial":
        absent = [(c, s) for c in COLOURS for s in SHAPES if (c, s) not in shown]
        best = max(company(name, shown, hosts) for name in absent)
        assert company(presence.asked, shown, hosts) == best > 0


@settings(max_examples=10)
@given(st.integers(0, 3_000))
def test_six_presence_questions_in_a_row_are_balanced(start: int) -> None:
    asked = {(p.sampling, p.there) for p in map(make_presence, range(6 * start, 6 * start + 6))}
    assert len(asked) == 6


@given(SEEDS)
def test_only_the_demonstrations_tell_which_answer_counts(seed: int) -> None:
    lesson = make_lesson(seed)
    shown = [*lesson.demonstrations, lesson.query]
    assert len({s.image for s in shown}) == len(shown)
    assert lesson.query.answer in lesson.options
    if lesson.rule == "name":
        assert lesson.question == NAME_QUESTION
        letters = {s.things[0].shape: s.answer for s in lesson.demonstrations}
        assert len(letters) == len(set(letters.values())) == len(lesson.demonstrations)
        assert letters[lesson.query.things[0].shape] == lesson.query.answer
        assert set(letters.values()) <= set(lesson.options)
        return
    signs = set()
    for picture in shown:
        counts, other = picture.things
        assert picture.answer == counts.colour != other.colour
        assert counts.shape == other.shape
        by_rule = (
            (counts.centre[0] - other.centre[0]) if lesson.rule == "side" else counts.radius - other.radius
        )
        signs.add(by_rule > 0)
    assert len(signs) == 1
    assert {thing.colour for thing in lesson.query.things} <= set(lesson.options)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
async def test_the_embedded_model_answers_under_every_method(family: Family) -> None:
    rows = await measure(family, mini(), items=2, first=10_000)
    assert len(rows) >= 6
    assert rows[0]["method"] == "unedited"
    assert all("answer" in row for row in rows)


def test_what_else_is_measured_follows_from_the_answer() -> None:
    pope, referring, pictures = Pope(), Referring(), Pictures()
    there, absent = pope.item(10_002), pope.item(10_005)
    assert there.right == 0
    assert pope.also(there, "yes") == {"yes": True, "recall": True}
    assert pope.also(there, "no") == {"yes": False, "recall": False}
    assert absent.right == 1
    assert pope.also(absent, "yes") == {"yes": True, "invented": True}
    for family, name in ((referring, "either"), (pictures, "allowed")):
        item = family.item(10_000)
        assert sum(family.also(item, option)[name] for option in item.options) == 2
        assert family.also(item, item.options[item.right])[name]
