"""Vision tools: regions, drawings, text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from agentkit.content import Box, Image
from agentkit.errors import ToolError
from agentkit.tools.vision import crop, ocr, overlay, tile, zoom
from agentkit.toolset import Toolset


def picture(width: int = 400, height: int = 300) -> Image:
    return Image.of_pixels(Pillow.new("RGB", (width, height), (200, 200, 200)))


def test_a_crop_knows_where_it_came_from() -> None:
    image = picture()
    region = crop(image, 10, 20, 110, 70)
    assert region.size == (100, 50)
    assert region.box == Box(10, 20, 110, 70)
    again = crop(region, 0, 0, 50, 50)
    assert again.box == Box(0, 0, 50, 50)
    assert again.origin == image


@pytest.mark.parametrize(
    "box", [(50, 50, 50, 60), (60, 0, 50, 10), (900, 900, 950, 950), (0, 0, float("nan"), 5)]
)
def test_senseless_boxes_are_told_to_the_model(box: tuple[float, float, float, float]) -> None:
    for cut in (crop, zoom):
        with pytest.raises(ToolError):
            cut(picture(), *box)


def test_zoom_enlarges_within_bounds() -> None:
    assert max(zoom(picture(), 0, 0, 100, 50).size) == 1024
    assert zoom(picture(), 0, 0, 100, 50, times=2).size == (200, 100)
    assert max(zoom(picture(), 0, 0, 100, 50, times=1000).size) == 2048
    assert zoom(picture(3000, 20), 0, 0, 3000, 20).size == (3000, 20)
    with pytest.raises(ToolError):
        zoom(picture(), 0, 0, 10, 10, times=0)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 8), st.integers(1, 8), st.floats(0, 1))
def test_tiles_cover_the_picture_and_stay_inside(
    w: int, h: int, columns: int, rows: int, overlap: float
) -> None:
    image = picture(w, h)
    if columns > w or rows > h:
        with pytest.raises(ToolError):
            tile(image, columns, rows, overlap)
        return
    regions = tile(image, columns, rows, overlap)
    assert len(regions) == columns * rows
    seen = set()
    for region in regions:
        left, top, right, bottom = region.box.round()
        assert 0 <= left < right <= w
        assert 0 <= top < bottom <= h
        seen |= {(x, y) for x in range(left, right) for y in range(top, bottom)}
    assert len(seen) == w * h


def test_an_overlay_draws_at_the_right_place() -> None:
    image = picture()
    drawn = overlay(image, [[100, 100, 200, 200]], [""])
    assert drawn.size == image.size
    assert drawn.pixels.getpixel((100, 150)) != (200, 200, 200)
    assert drawn.pixels.getpixel((150, 150)) == (200, 200, 200)
    assert image.pixels.getpixel((100, 150)) == (200, 200, 200)
    part = overlay(image.crop(Box(90, 90, 250, 250)), [[100, 100, 200, 200]], ["it"])
    assert part.pixels.getpixel((10, 60)) != (200, 200, 200)
    overlay(image, [[-50, -50, 900, 900], [399, 0, 401, 9]])
    with pytest.raises(ToolError):
        overlay(image, [[1, 2, 3]])
    with pytest.raises(ToolError):
        overlay(image, [[1, 2, 3, 4]], [])


def test_they_are_tools() -> None:
    specs = {item.spec.name: item.spec for item in Toolset([crop, zoom, tile, overlay, ocr])}
    assert set(specs) == {"crop", "zoom", "tile", "overlay", "ocr"}
    assert all(spec.description for spec in specs.values())
    assert specs["crop"].parameters["properties"]["image"]["type"] == "string"


async def test_text_is_read_in_a_picture_far_larger_than_the_readers_input() -> None:
    pytest.importorskip("rapidocr")
    page = Pillow.new("RGB", (2600, 900), "white")
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(30)
    draw.text((2200, 700), "Platform 42", fill="black", font=font)
    draw.text((60, 80), "Departures", fill="black", font=font)
    lines = await ocr(Image.of_pixels(page))
    texts = [line.text.replace(" ", "").lower() for line in lines]
    assert texts == ["departures", "platform42"]
    where = Box(*draw.textbbox((2200, 700), "Platform 42", font=font))
    assert lines[1].box.iou(where) > 0.4
    assert lines[1].confidence > 0.5
    assert await ocr(picture(40, 30)) == []
