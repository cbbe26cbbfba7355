"""Experts by reference, the expert of a template, and what is made of bad boxes."""

from __future__ import annotations

import importlib.util
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont
from search_oracle import Oracle

from agentkit.agents.search import Eyes, Find, FocusTree, ModelExpert
from agentkit.agents.search.experts import TemplateExpert, TextExpert, TidyExpert, make_expert, tidy_finds
from agentkit.content import Box, Image
from agentkit.errors import ImageError, MissingExtra, UsageError

numbers = st.one_of(
    st.floats(-1e6, 1e6), st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0]), st.integers(-50, 50)
)
finds = st.lists(
    st.tuples(st.tuples(numbers, numbers, numbers, numbers), numbers, st.none() | st.text(max_size=3)).map(
        lambda item: Find(Box(*item[0]), item[1], item[2])
    ),
    max_size=8,
)
sizes = st.sampled_from([(1, 1), (1, 20_000), (20_000, 1), (640, 480)])


@given(finds, sizes)
def test_no_box_leaves_the_picture_and_none_is_empty(said: list[Find], size: tuple[int, int]) -> None:
    frame = Box(0, 0, *size)
    sound = tidy_finds(said, size)
    assert len(sound) <= len(said)
    for find in sound:
        assert find.box.clip(frame) == find.box
        assert find.box.area > 0
        assert 0 <= find.confidence <= 1
    assert [find.confidence for find in sound] == sorted((find.confidence for find in sound), reverse=True)
    assert tidy_finds(sound, size) == sound
    region = Box(0, 0, size[0] / 2, size[1] / 2)
    assert all(find.box.intersection(region) > 0 for find in tidy_finds(said, size, region))


def test_sound_finds_stay_as_they_are_and_a_cut_target_is_cut() -> None:
    whole, cut = Find(Box(1, 2, 3, 4), 0.5, "a"), Find(Box(-5, 90, 30, 120), 0.9)
    assert tidy_finds([whole, cut], (100, 100)) == [Find(Box(0, 90, 30, 100), 0.9), whole]


async def test_a_wrapped_expert_is_tidy() -> None:
    class Wild:
        async def find(self, node):
            return [Find(Box(-1e9, -1e9, math.inf, math.inf), 7.0), Find(Box(5, 5, 2, 2), 0.5)]

    tree = FocusTree("", (30, 20), "x")
    assert await TidyExpert(Wild(), (30, 20)).find(tree.root) == [Find(Box(0, 0, 30, 20), 1.0)]


def page() -> tuple[Image, Image]:
    paper = Pillow.new("RGB", (1200, 800), (220, 225, 230))
    icon = Pillow.new("RGB", (30, 30), "white")
    ImageDraw.Draw(icon).polygon([(15, 3), (27, 27), (3, 27)], fill="darkgreen", outline="black")
    for place in ((100, 100), (900, 600)):
        paper.paste(icon, place)
    return Image.of_pixels(paper), Image.of_pixels(icon)


async def test_a_template_is_found_in_the_region_that_is_looked_at(tmp_path) -> None:
    pytest.importorskip("cv2")
    image, icon = page()
    file = tmp_path / "icon.png"
    icon.pixels.save(file)
    make = make_expert(f"template:{file}")
    eyes = Eyes(Oracle(), image)
    tree = FocusTree(image.sha256, image.size, "the icon")
    both = await make(eyes).find(tree.root)
    assert sorted(find.box for find in both) == [Box(100, 100, 130, 130), Box(900, 600, 930, 630)]
    assert tree.root.scores["exists"] > 0.95
    corner = tree.add(tree.root, Box(600, 400, 1200, 800))
    assert [find.box for find in await make(eyes).find(corner)] == [Box(900, 600, 930, 630)]
    empty = tree.add(tree.root, Box(600, 0, 1200, 400))
    assert await make(eyes).find(empty) == []
    assert empty.scores["exists"] == 0.0
    with pytest.raises(UsageError, match="flat"):
        TemplateExpert(eyes, Image.of_pixels(Pillow.new("RGB", (20, 20))))


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1), (5, 7)])
async def test_pictures_of_hardly_any_pixels_hold_nothing(size: tuple[int, int]) -> None:
    pytest.importorskip("rapidocr")
    pytest.importorskip("cv2")
    grey = random.Random(1).randbytes(size[0] * size[1])
    image = Image.of_pixels(Pillow.frombytes("L", size, grey).convert("RGB"))
    _, icon = page()
    eyes = Eyes(Oracle(), image)
    for expert in (TextExpert(eyes), TemplateExpert(eyes, icon)):
        tree = FocusTree(image.sha256, image.size, "text")
        assert await expert.find(tree.root) == []


async def test_what_the_border_cuts_off_is_found_in_part() -> None:
    pytest.importorskip("rapidocr")
    paper = Pillow.new("RGB", (400, 300), "white")
    ImageDraw.Draw(paper).text((330, 140), "Platform", fill="black", font=ImageFont.load_default(30))
    image = Image.of_pixels(paper)
    tree = FocusTree(image.sha256, image.size, "text")
    (found,) = await TextExpert(Eyes(Oracle(), image)).find(tree.root)
    assert found.text is not None
    assert found.text.lower().startswith("pla")
    assert found.box.clip(image.box) == found.box


def test_experts_by_reference(tmp_path, monkeypatch) -> None:
    pytest.importorskip("rapidocr")
    pytest.importorskip("rapidfuzz")
    image, _ = page()
    eyes = Eyes(Oracle(), image)
    assert isinstance(make_expert("model")(eyes), ModelExpert)
    assert isinstance(make_expert("text")(eyes), TextExpert)
    for wrong in (
        "",
        "yolo",
        "hf:",
        "template:",
        "text:x",
        f"template:{tmp_path / 'none.png'}",
        f"hf:{tmp_path}",
    ):
        with pytest.raises(UsageError):
            make_expert(wrong)
    (tmp_path / "no.png").write_text("no picture")
    with pytest.raises(ImageError):
        make_expert(f"template:{tmp_path / 'no.png'}")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for reference in ("text", "template:icon.png"):
        with pytest.raises(MissingExtra, match="vision"):
            make_expert(reference)
