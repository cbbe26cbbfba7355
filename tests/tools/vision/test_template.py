"""Icons found by what they look like."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow
from PIL import ImageDraw

from agentkit.content import Box, Image
from agentkit.errors import UsageError
from agentkit.tools.vision.template import TemplatePlan, find_template

pytest.importorskip("cv2")


def icon(side: int = 48, colour: str = "crimson") -> Pillow.Image:
    drawn = Pillow.new("RGB", (240, 240), "white")
    draw = ImageDraw.Draw(drawn)
    draw.ellipse((20, 20, 220, 220), fill=colour)
    draw.polygon([(120, 40), (190, 180), (50, 180)], fill="white")
    draw.rectangle((110, 100, 130, 150), fill="black")
    return drawn.resize((side, side), Pillow.Resampling.LANCZOS)


def ground(width: int, height: int, seed: int = 0) -> Pillow.Image:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 20 + 1, width // 20 + 1, 3), dtype=np.uint8)
    return Pillow.fromarray(coarse).resize((width, height), Pillow.Resampling.BICUBIC)


@pytest.mark.parametrize("side", [12, 48, 90])
def test_an_icon_is_found_at_its_own_size_and_at_others(side):
    page = ground(1500, 900)
    places = {(200, 300): side, (1100, 500): round(side * 1.45), (700, 100): round(side * 0.7)}
    for place, size in places.items():
        page.paste(icon(240).resize((size, size), Pillow.Resampling.LANCZOS), place)
    found = find_template(Image.of_pixels(page), Image.of_pixels(icon(side)))
    for (x, y), size in places.items():
        best = max(found, key=lambda one: one.box.iou(Box(x, y, x + size, y + size)))
        assert best.box.iou(Box(x, y, x + size, y + size)) > 0.7
        assert best.score > 0.85
    assert found[0].score == max(one.score for one in found) > 0.95
    assert len(found) <= len(places) + (3 if side < 20 else 0)


def test_it_is_found_across_tiles_in_crops_and_in_its_own_colours_only():
    page = Pillow.new("RGB", (1300, 1200), (250, 250, 250))
    small = icon(16)
    page.paste(small, (1016, 1010))
    page.paste(icon(16, "royalblue"), (300, 300))
    image = Image.of_pixels(page)
    (found,) = find_template(image, Image.of_pixels(small), TemplatePlan(0.8, 1.3, least=0.95))
    assert found.box == Box(1016, 1010, 1032, 1026)
    crop = image.crop(Box(900, 900, 1200, 1200))
    (same,) = find_template(crop, Image.of_pixels(small), TemplatePlan(0.8, 1.3, least=0.95))
    assert same.box == found.box
    assert (
        find_template(
            image.crop(Box(0, 0, 1020, 1015)), Image.of_pixels(small), TemplatePlan(0.8, 1.3, least=0.95)
        )
        == []
    )


@given(st.integers(1, 70), st.integers(1, 70), st.integers(5, 40), st.integers(5, 40), st.integers(0, 3))
def test_boxes_lie_in_the_picture_whatever_the_sizes(w, h, tw, th, seed):
    template = Image.of_pixels(icon(40).resize((tw, th)))
    for box in (
        one.box
        for one in find_template(Image.of_pixels(ground(w, h, seed)), template, TemplatePlan(least=0.3))
    ):
        assert box.clip(Box(0, 0, w, h)) == box
        assert box.area > 0


def test_a_flat_page_matches_nothing_and_senseless_templates_are_refused():
    page = Image.of_pixels(Pillow.new("RGB", (20_000, 30), "white"))
    assert find_template(page, Image.of_pixels(icon(12))) == []
    assert find_template(Image.of_pixels(Pillow.new("RGB", (1, 1))), Image.of_pixels(icon(12))) == []
    with pytest.raises(UsageError, match="flat"):
        find_template(page, Image.of_pixels(Pillow.new("RGB", (30, 30), "red")))
    with pytest.raises(UsageError, match="too small"):
        find_template(page, Image.of_pixels(icon(4)))
    for plan in ({"smallest": 0.0}, {"smallest": 3.0}, {"step": 1.0}, {"least": 0.0}):
        with pytest.raises(UsageError):
            TemplatePlan(**plan)
    assert 1.0 in TemplatePlan().scales
