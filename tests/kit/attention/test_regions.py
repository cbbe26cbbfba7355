"""Regions: which cells of a grid they are, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image as Pillow

from agentkit.attention import Boost, Learned, Region
from agentkit.content import Image
from agentkit.errors import UsageError

WIDTH, HEIGHT = 60, 40
PICTURE = Image.of_pixels(Pillow.new("RGB", (WIDTH, HEIGHT), (9, 9, 9)))
Box4 = tuple[float, float, float, float]
Point = tuple[float, float]
WHOLE = (0.0, 0.0, 60.0, 40.0)
SQUARED = (0.0, -10.0, 60.0, 50.0)  # padded to a square
GRIDS = st.tuples(st.integers(1, 9), st.integers(1, 9))
POINTS = st.tuples(st.floats(0, WIDTH), st.floats(0, HEIGHT))


@st.composite
def boxes(draw: st.DrawFn) -> Box4:
    left, top = draw(st.floats(0, WIDTH - 1)), draw(st.floats(0, HEIGHT - 1))
    return left, top, draw(st.floats(left + 0.5, WIDTH)), draw(st.floats(top + 0.5, HEIGHT))


@given(box=boxes(), grid=GRIDS, view=st.sampled_from([WHOLE, SQUARED]))
def test_a_box_is_the_cells_that_it_overlaps(box: Box4, grid: tuple[int, int], view: Box4) -> None:
    cells = Region.of_box(PICTURE, box).cells(grid, view)
    left, top, right, bottom = view
    for row in range(grid[0]):
        for column in range(grid[1]):
            x0, x1 = (left + (right - left) * (column + d) / grid[1] for d in (0, 1))
            y0, y1 = (top + (bottom - top) * (row + d) / grid[0] for d in (0, 1))
            over = min(x1, box[2]) - max(x0, box[0]), min(y1, box[3]) - max(y0, box[1])
            if min(over) > 1e-3:
                assert cells[row, column]
            elif min(over) < -1e-3:
                assert not cells[row, column]


@given(box=boxes(), grid=GRIDS)
def test_a_mask_of_a_box_lies_within_the_box(box: Box4, grid: tuple[int, int]) -> None:
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[int(box[1]) : int(np.ceil(box[3])), int(box[0]) : int(np.ceil(box[2]))] = True
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    around = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    cells = Region.of_mask(PICTURE, mask).cells(grid, SQUARED)
    assert cells.any()
    assert not (cells & ~Region.of_box(PICTURE, around).cells(grid, SQUARED)).any()


# On the line between two cells: it passes the one, and is as near to the middle of the other.
@example(points=[(0.0, 20.0)], grid=(2, 1))
@given(points=st.lists(POINTS, min_size=1, max_size=5), grid=GRIDS)
def test_a_stroke_passes_its_points_and_is_soft_around_them(
    points: list[Point], grid: tuple[int, int]
) -> None:
    region = Region.of_scribble(PICTURE, points)
    cells = region.cells(grid, WHOLE)
    for x, y in points:
        row, column = int(y / HEIGHT * grid[0]), int(x / WIDTH * grid[1])
        assert cells[min(row, grid[0] - 1), min(column, grid[1] - 1)]
    soft = region.soft(grid, WHOLE)
    assert soft.shape == grid
    assert float(soft.max()) == pytest.approx(1 / (0.1 * np.sqrt(2 * np.pi)), rel=1e-5)
    assert soft[cells].max() == soft.max()


def test_a_point_is_one_cell() -> None:
    cells = Region.of_point(PICTURE, 59.0, 1.0).cells((4, 6), WHOLE)
    assert np.argwhere(cells).tolist() == [[0, 5]]


def test_a_mask_comes_back_as_it_was() -> None:
    mask = np.random.default_rng(0).random((HEIGHT, WIDTH)) > 0.5
    assert (Region.of_mask(PICTURE, mask).mask() == mask).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Region.of_box(PICTURE, (-1, 0, 10, 10)),
        lambda: Region.of_box(PICTURE, (0, 0, 61, 10)),
        lambda: Region.of_box(PICTURE, (5, 5, 5, 10)),
        lambda: Region.of_point(PICTURE, 60.5, 3),
        lambda: Region.of_scribble(PICTURE, []),
        lambda: Region.of_scribble(PICTURE, [(1, 1), (2, 99)]),
        lambda: Region.of_mask(PICTURE, np.zeros((HEIGHT, WIDTH))),
        lambda: Region.of_mask(PICTURE, np.ones((WIDTH, HEIGHT))),
    ],
)
def test_what_lies_outside_the_picture_is_refused(make) -> None:
    with pytest.raises(UsageError):
        make()


def test_equal_regions_are_one_key_and_plain_data() -> None:
    one, two = (Boost(Region.of_box(PICTURE, (1, 2, 3, 4)), 3.0) for _ in range(2))
    assert one == two
    assert hash(one) == hash(two)
    assert one.describe()["span"] == {
        "image": PICTURE.sha256,
        "region": "box",
        "points": [[1.0, 2.0], [3.0, 4.0]],
    }


def test_what_is_learned_is_saved_and_found_again(tmp_path) -> None:
    made = Learned({"factors": np.arange(6, dtype=np.float32)}, {"method": "dara", "layers": [0]})
    found = Learned.load(made.save(tmp_path / "deep" / "dara.safetensors"))
    assert found == made
    assert hash(found) == hash(made)
    assert (found.arrays["factors"] == made.arrays["factors"]).all()
    assert found != Learned(made.arrays, {"method": "dara", "layers": [1]})
    with pytest.raises(UsageError, match="no file"):
        Learned.load(tmp_path / "none")
    (tmp_path / "bad").write_bytes(b"not safetensors")
    with pytest.raises(UsageError, match="nothing that a method has learned"):
        Learned.load(tmp_path / "bad")
