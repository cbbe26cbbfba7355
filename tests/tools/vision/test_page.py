"""Text in pictures far larger than the reader's input."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from agentkit.content import Box, Image
from agentkit.errors import ToolError, UsageError
from agentkit.tools.vision import PageReader, ReadingPlan, ocr, read_page
from agentkit.tools.vision.ink import clusters, strokes
from agentkit.tools.vision.page import tile_boxes
from agentkit.tools.vision.spots import Spot, in_order, join, make_spot, settle

SMALL = ReadingPlan(side=320, overlap=96, large=96)


def paper(width: int, height: int, *texts: tuple[float, float, int, str]) -> Image:
    page = Pillow.new("RGB", (width, height), (240, 238, 230))
    draw = ImageDraw.Draw(page)
    for x, y, size, text in texts:
        draw.text((x, y), text, fill=(30, 30, 60), font=ImageFont.load_default(size))
    return Image.of_pixels(page)


def said(lines) -> list[str]:
    return ["".join(c for c in line.text.lower() if c.isalnum()) for line in lines]


sides = st.integers(1, 4000)


@given(sides, sides, st.integers(0, 300), st.integers(0, 300), st.integers(30, 900), st.data())
def test_tiles_cover_a_region_and_share_enough(w, h, left, top, side, data):
    overlap = data.draw(st.integers(1, side // 3))
    whole = Box(left, top, left + w, top + h)
    tiles = tile_boxes(whole, side, overlap)
    assert all(tile.clip(whole) == tile and tile.width <= side and tile.height <= side for tile in tiles)
    for low, high in ((0, 2), (1, 3)):
        spans = sorted({(tile[low], tile[high]) for tile in tiles})
        assert spans[0][0] == whole[low]
        assert spans[-1][1] == whole[high]
        assert all(a[1] - b[0] >= overlap for a, b in itertools.pairwise(spans))
    assert len(tiles) == len(set(tiles))


@st.composite
def line_boxes(draw, width=1500, height=900):
    """Lines of text that do not touch each other, each lower than the tiles' overlap."""
    boxes: list[Box] = []
    for _ in range(draw(st.integers(1, 12))):
        high = draw(st.integers(8, 80))
        wide = draw(st.integers(2 * high, 1200))
        left, top = draw(st.integers(0, width - wide)), draw(st.integers(0, height - high))
        box = Box(left, top, left + wide, top + high)
        if all(box.grow(1).at_least(wide + 12, high + 12).intersection(other) <= 0 for other in boxes):
            boxes.append(box)
    return boxes


@given(line_boxes())
@settings(deadline=None)
def test_the_parts_of_lines_that_tiles_see_become_the_lines_again(boxes):
    whole = Box(0, 0, 1500, 900)
    spots = []
    for index, tile in enumerate(tile_boxes(whole, 320, 96)):
        for box in boxes:
            part = box.clip(tile)
            if part.area > 0:
                quad = ((part[0], part[1]), (part[2], part[1]), (part[2], part[3]), (part[0], part[3]))
                spot = make_spot(quad, index, tile, whole)
                assert spot is not None
                spots.append(spot)
    lines = join(spots)
    assert sorted(line.box for line in lines) == sorted(boxes)
    glanced = [Spot(box, -1) for box in boxes]
    assert settle(lines, glanced, 1000) == lines
    assert sorted(line.box for line in settle(lines, glanced, 1)) == sorted(boxes)


@given(
    st.lists(st.tuples(*[st.floats(-50, 400)] * 8, st.integers(0, 3)), max_size=20),
    st.lists(st.tuples(*[st.floats(0, 300)] * 4), max_size=5),
)
@settings(deadline=None)
def test_whatever_a_detector_says_lines_stay_inside_and_none_is_lost(rows, glances):
    whole = Box(0, 0, 300, 200)
    spots = []
    for *values, tile in rows:
        quad = tuple(zip(values[::2], values[1::2], strict=True))
        spot = make_spot(quad, tile, whole, whole)
        if spot is not None:
            spots.append(spot)
    lines = join(spots)
    assert bool(lines) == bool(spots)
    looked = [Spot(Box(min(a, c), min(b, d), max(a, c), max(b, d)).clip(whole), -1) for a, b, c, d in glances]
    for line in settle(lines, [s for s in looked if s.box.area > 0], 50):
        assert line.box.area > 0
        assert line.box.clip(whole) == line.box
    assert sorted(in_order([line.box for line in lines])) == list(range(len(lines)))


def test_large_text_of_the_glance_replaces_its_letters_but_not_a_paragraph():
    letters = [Spot(Box(100 * i, 100, 100 * i + 80, 300), i) for i in range(4)]
    word = Spot(Box(0, 95, 400, 305), -1)
    assert [s.box for s in settle(letters, [word], 150)] == [word.box]
    rows = [Spot(Box(0, 40 * i, 400, 40 * i + 25), i) for i in range(6)]
    assert settle(rows, [Spot(Box(0, 0, 400, 230), -1)], 150) == rows
    assert len(settle(rows, [Spot(Box(600, 0, 900, 40), -1)], 150)) == 7


def test_a_texture_that_looks_like_large_text_swallows_no_line():
    line, texture = Spot(Box(100, 190, 260, 207), 0), Spot(Box(50, 0, 600, 203), 1)
    assert {spot.box for spot in join([line, texture])} == {line.box, texture.box}


@given(
    st.lists(st.tuples(st.integers(0, 899), st.integers(0, 599), st.integers(4, 60)), max_size=30),
    st.integers(5, 900),
    st.integers(5, 600),
)
def test_clusters_hold_all_strokes_and_lie_apart(marks, w, h):
    page = Pillow.new("L", (900, 600), 240)
    for x, y, side in marks:
        ImageDraw.Draw(page).rectangle((x, y, x + side, y + side // 2), outline=20)
    page = page.crop((0, 0, w, h))
    found = clusters(page)
    assert all(box.clip(Box(0, 0, w, h)) == box and box.area > 0 for box in found)
    assert all(a.intersection(b) == 0 for i, a in enumerate(found) for b in found[:i])
    mask = strokes(page)
    for box in found:
        left, top, right, bottom = box.round()
        mask[top:bottom, left:right] = False
    # What is left are specks, fewer in a cell than make a letter.
    assert mask.sum() <= 2 * (-(-w // 32)) * (-(-h // 32))


def test_a_plan_that_can_not_be_followed():
    with pytest.raises(UsageError):
        ReadingPlan(side=100, overlap=50)
    with pytest.raises(UsageError):
        ReadingPlan(tiles=-1)


@pytest.fixture(scope="module")
def rapidocr():
    pytest.importorskip("rapidocr")


@pytest.mark.usefixtures("rapidocr")
class TestReading:
    def test_small_text_across_tile_borders_and_large_text(self):
        text = "every word of this long line is read once and none of them is cut"
        page = paper(1400, 900, (60, 310, 15, text), (40, 600, 210, "LARGE"), (1200, 850, 11, "Platform 42"))
        read = read_page(page, SMALL)
        assert said(read.lines) == [text.replace(" ", ""), "large", "platform42"]
        assert [round(line.box.height) > 100 for line in read.lines] == [False, True, False]
        assert all(line.confidence > 0.8 and line.box.clip(page.box) == line.box for line in read.lines)
        assert read.left == 0
        assert read.blank >= 4

    def test_a_crop_is_read_alone_and_maps_back(self):
        page = paper(900, 500, (40, 40, 18, "outside"), (500, 300, 18, "Inside 7"))
        part = page.crop(Box(450, 250, 900, 500))
        (line,) = read_page(part).lines
        assert said([line]) == ["inside7"]
        assert line.box.intersection(Box(495, 300, 580, 322)) > 0.5 * line.box.area

    def test_slanted_upright_and_upside_down_text(self):
        page = Pillow.new("RGB", (900, 900), "white")
        word = Pillow.new("L", (260, 50), 0)
        ImageDraw.Draw(word).text((6, 6), "Harbour 23", fill=255, font=ImageFont.load_default(34))
        for angle, place in ((25, (80, 80)), (90, (600, 60)), (180, (100, 700))):
            turned = word.rotate(angle, expand=True, resample=Pillow.Resampling.BICUBIC)
            page.paste((0, 0, 0), place, turned)
        read = read_page(Image.of_pixels(page))
        assert said(read.lines) == ["harbour23"] * 3

    async def test_regions_share_what_was_looked_at(self):
        page = paper(1000, 400, (30, 40, 16, "first words"), (700, 320, 16, "last words"))
        reader = PageReader(page, SMALL)
        left = await reader.aread(Box(0, 0, 300, 200))
        assert said(left.lines) == ["firstwords"]
        looks = reader.looks
        assert looks < len(reader.tiles)
        assert reader.read(Box(0, 0, 300, 200)) == left
        assert reader.looks == looks
        assert said(reader.read().lines) == ["firstwords", "lastwords"]
        assert reader.read(Box(5, 5, 5, 90)).lines == ()

    def test_a_budget_of_tiles_goes_to_the_busiest(self):
        page = paper(1000, 400, (30, 40, 16, "first words"), (640, 320, 30, "many large words here"))
        read = read_page(page, ReadingPlan(side=320, overlap=96, tiles=2))
        assert read.left > 0
        assert read.tiles > read.left + 1
        assert any("here" in text for text in said(read.lines))
        assert PageReader(page, ReadingPlan(side=320, overlap=96, tiles=0)).read().left > 0

    @pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1), (3000, 4), (40, 30), (5, 5)])
    def test_pictures_without_text_cost_nothing(self, size):
        reader = PageReader(paper(*size))
        assert reader.read().lines == ()
        assert reader.looks == 0

    @pytest.mark.parametrize("size", [9, 14, 40])
    def test_a_lone_short_word_on_an_empty_page(self, size):
        read = read_page(paper(3000, 1500, (1700, 600, size, "Open"), (300, 1300, size, "B7")))
        assert said(read.lines) == ["open", "b7"]

    def test_a_sliver_with_marks_is_no_trouble(self):
        page = Pillow.new("RGB", (4000, 6), "white")
        ImageDraw.Draw(page).line((0, 3, 4000, 3), fill="black")
        for x in range(0, 4000, 7):
            page.putpixel((x, 1), (0, 0, 0))
        read = read_page(Image.of_pixels(page))
        assert all(line.box.clip(Box(0, 0, 4000, 6)) == line.box for line in read.lines)

    async def test_reading_can_be_cancelled(self):
        page = paper(1000, 400, *[(30 + 300 * i, 40, 16, "some words") for i in range(3)])
        work = asyncio.create_task(PageReader(page, SMALL).aread())
        await asyncio.sleep(0)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    async def test_the_tool_refuses_what_would_take_too_long(self):
        with pytest.raises(ToolError, match="too large"):
            await ocr(Image.of_pixels(Pillow.new("L", (140_000, 1200))))
