"""Geometry of the search: whatever the picture, no box leaves it and nothing is lost between the parts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from agentkit.agents.search.collage import CELL, SIDE, collage, places
from agentkit.agents.search.geometry import close_up, cover, share, split, suppress, view, whole
from agentkit.content import Box, Image

sizes = st.tuples(st.integers(1, 20_000), st.integers(1, 20_000))


@st.composite
def regions(draw: st.DrawFn) -> tuple[tuple[int, int], Box]:
    """A picture's size and a box of at least a pixel inside it."""
    width, height = draw(sizes)
    left, top = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    right, bottom = draw(st.integers(left + 1, width)), draw(st.integers(top + 1, height))
    return (width, height), Box(float(left), float(top), float(right), float(bottom))


def inside(box: Box, size: tuple[int, int]) -> bool:
    return 0 <= box.left < box.right <= size[0] and 0 <= box.top < box.bottom <= size[1]


def test_the_published_split_rule() -> None:
    assert [p.round() for p in split(Box(0, 0, 100, 250))] == [
        (0, 0, 100, 62),
        (0, 62, 100, 124),
        (0, 124, 100, 186),
        (0, 186, 100, 250),
    ]
    assert [p.round() for p in split(Box(0, 0, 250, 100))] == [
        (0, 0, 62, 100),
        (62, 0, 124, 100),
        (124, 0, 186, 100),
        (186, 0, 250, 100),
    ]
    assert [p.round() for p in split(Box(0, 0, 100, 100))] == [
        (0, 0, 50, 50),
        (50, 0, 100, 50),
        (0, 50, 50, 100),
        (50, 50, 100, 100),
    ]


def test_the_last_row_and_column_take_the_remainder() -> None:
    assert [p.round() for p in split(Box(10, 0, 111, 101))][-1] == (60, 50, 111, 101)


def test_one_pixel_has_no_parts_and_a_long_line_has_four() -> None:
    assert split(Box(0, 0, 1, 1)) == []
    assert [p.height for p in split(Box(0, 0, 1, 20_000))] == [5000] * 4
    assert split(Box(0, 0, 3, 1)) == []


@given(regions())
def test_parts_tile_their_region(item: tuple[tuple[int, int], Box]) -> None:
    size, box = item
    parts = split(box)
    assert all(inside(part, size) for part in parts)
    if parts:
        assert sum(part.area for part in parts) == box.area
        assert cover(parts) == box
        assert all(a.intersection(b) == 0 for i, a in enumerate(parts) for b in parts[:i])
    else:
        assert max(box.width, box.height) < 4


@given(regions(), st.floats(1, 40), st.booleans())
def test_a_view_holds_its_region_and_stays_inside(
    item: tuple[tuple[int, int], Box], margin: float, square: bool
) -> None:
    size, box = item
    for seen in (view(box, size, margin=margin, square=square), close_up(box, size, margin, square=square)):
        assert inside(seen, size)
        assert seen.union(box) == seen


@given(regions())
def test_a_square_view_is_square_where_the_picture_allows_it(item: tuple[tuple[int, int], Box]) -> None:
    size, box = item
    seen = view(box, size, square=True)
    side = max(box.width, box.height)
    assert abs(seen.width - min(side, size[0])) <= 1
    assert abs(seen.height - min(side, size[1])) <= 1


@given(sizes)
def test_shares_of_the_parts_add_up(size: tuple[int, int]) -> None:
    parts = split(whole(size))
    assert not parts or abs(sum(share(part, whole(size)) for part in parts) - 1) < 1e-9


@given(st.lists(st.tuples(regions(), st.floats(0, 1)), max_size=8))
def test_suppression_keeps_the_best_of_each_thing(
    items: list[tuple[tuple[tuple[int, int], Box], float]],
) -> None:
    found = [(box, confidence) for (_, box), confidence in items]
    kept = suppress(found)
    assert [c for _, c in kept] == sorted((c for _, c in kept), reverse=True)
    assert all(a.iou(b) <= 0.5 for i, (a, _) in enumerate(kept) for b, _ in kept[:i])
    for box, confidence in found:
        assert any(box.iou(other) > 0.5 and c >= confidence for other, c in kept) or (box, confidence) in kept


boxes = st.tuples(*[st.integers(0, 4000)] * 2, *[st.integers(1, 200)] * 2).map(
    lambda v: Box(float(v[0]), float(v[1]), float(v[0] + v[2]), float(v[1] + v[3]))
)


@given(st.lists(boxes, min_size=2, max_size=5))
def test_a_collage_keeps_directions_and_stays_inside(things: list[Box]) -> None:
    corners = places(things)
    cell = SIDE * CELL
    assert all(-1e-6 <= v <= SIDE - cell + 1e-6 for corner in corners for v in corner)
    for a, at in zip(things, corners, strict=True):
        for b, bt in zip(things, corners, strict=True):
            for axis in (0, 1):
                before, after = a.center[axis] - b.center[axis], at[axis] - bt[axis]
                assert abs(after) < 1e-6 or (after > 0) == (before > 0)


def test_a_collage_shows_every_thing() -> None:
    picture = Pillow.new("RGB", (3000, 2000), (90, 90, 90))
    things = [Box(100, 100, 140, 140), Box(2800, 1500, 2840, 1540)]
    for box, colour in zip(things, ((255, 0, 0), (0, 0, 255)), strict=True):
        picture.paste(colour, box.round())
    made = collage(Image.of_pixels(picture), things).pixels
    for (x, y), colour in zip(places(things), ((255, 0, 0), (0, 0, 255)), strict=True):
        middle = round(x + SIDE * CELL / 2), round(y + SIDE * CELL / 2)
        assert made.getpixel(middle) == colour
