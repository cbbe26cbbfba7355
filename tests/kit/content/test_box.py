"""Geometry of boxes: properties that hold for all of them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.content import Box
from agentkit.errors import UsageError

coordinates = st.floats(-1e4, 1e4, allow_nan=False)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    x, y = sorted((draw(coordinates), draw(coordinates))), sorted((draw(coordinates), draw(coordinates)))
    return Box.of(x[0], y[0], x[1], y[1])


@given(boxes(), boxes())
def test_a_clipped_box_lies_inside(box: Box, frame: Box) -> None:
    inside = box.clip(frame)
    assert frame.left <= inside.left <= inside.right <= frame.right
    assert frame.top <= inside.top <= inside.bottom <= frame.bottom


@given(boxes(), boxes())
def test_the_clipped_area_is_the_intersection(box: Box, frame: Box) -> None:
    assert box.clip(frame).area == pytest.approx(box.intersection(frame), rel=1e-9, abs=1e-6)


@given(boxes(), boxes())
def test_iou_is_symmetric_and_between_0_and_1(a: Box, b: Box) -> None:
    assert 0 <= a.iou(b) <= 1 + 1e-9
    assert a.iou(b) == pytest.approx(b.iou(a))


@given(boxes())
def test_a_box_overlaps_itself_wholly(box: Box) -> None:
    assert box.iou(box) == pytest.approx(1.0 if box.area > 0 else 0.0)


@given(boxes(), boxes())
def test_a_union_covers_both(a: Box, b: Box) -> None:
    whole = a.union(b)
    assert whole.clip(a) == a
    assert whole.clip(b) == b


@given(boxes(), st.floats(0.1, 10))
def test_growing_keeps_the_centre_and_scales_the_sides(box: Box, factor: float) -> None:
    grown = box.grow(factor)
    assert grown.center == pytest.approx(box.center, abs=1e-6)
    assert grown.width == pytest.approx(box.width * factor, abs=1e-6)


@given(boxes(), st.floats(0, 500), st.floats(0, 500))
def test_at_least_never_shrinks(box: Box, width: float, height: float) -> None:
    big = box.at_least(width, height)
    assert big.width >= max(box.width, width) - 1e-6
    assert big.height >= max(box.height, height) - 1e-6


@given(boxes())
def test_rounding_covers_the_box(box: Box) -> None:
    left, top, right, bottom = box.round()
    assert left <= box.left
    assert top <= box.top
    assert right >= box.right
    assert bottom >= box.bottom


@pytest.mark.parametrize("bad", [(3, 0, 1, 1), (0, 3, 1, 1), (math.nan, 0, 1, 1), (0, 0, math.inf, 1)])
def test_impossible_boxes_are_refused(bad: tuple[float, float, float, float]) -> None:
    with pytest.raises(UsageError):
        Box.of(*bad)
