"""Regions of a picture that a person or a model points at: a box, a mask, a scribble, a point."""

from __future__ import annotations

import hashlib
import itertools
import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from ..content import Box, Image
from ..errors import UsageError

Kind: TypeAlias = Literal["box", "mask", "scribble", "point"]
Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True)
class Region:
    """A region of an image, in pixels of the image.

    Made by ``of_box``, ``of_mask``, ``of_scribble`` and ``of_point``, which raise ``UsageError`` for what lies outside.
    ``points``: the box's corners, the stroke, or the point. ``bits``: a mask's rows, packed eight pixels a byte.
    """

    image: Image
    kind: Kind
    points: tuple[Point, ...] = ()
    bits: bytes = b""

    @classmethod
    def of_box(cls, image: Image, box: Box | tuple[float, float, float, float]) -> Region:
        """Return the region of a box (left, top, right, bottom)."""
        checked = Box.of(*box)
        width, height = image.size
        if checked.area <= 0 or min(checked[:2]) < 0 or checked.right > width or checked.bottom > height:
            raise UsageError(f"the box {tuple(checked)} is not inside the picture of {width} x {height} px")
        return cls(image, "box", ((checked.left, checked.top), (checked.right, checked.bottom)))

    @classmethod
    def of_mask(cls, image: Image, mask: np.ndarray) -> Region:
        """Return the region where a mask (height, width) of the picture's own size is not zero."""
        width, height = image.size
        if mask.shape != (height, width):
            raise UsageError(f"a mask of {mask.shape} does not fit a picture of {(height, width)}")
        if not mask.any():
            raise UsageError("the mask is empty")
        return cls(image, "mask", (), np.packbits(mask != 0, axis=1).tobytes())

    @classmethod
    def of_scribble(cls, image: Image, points: list[Point] | tuple[Point, ...]) -> Region:
        """Return the region of a stroke through points (x, y)."""
        _check_points(image, points)
        return cls(image, "scribble", tuple((float(x), float(y)) for x, y in points))

    @classmethod
    def of_point(cls, image: Image, x: float, y: float) -> Region:
        """Return the region of one point."""
        _check_points(image, [(x, y)])
        return cls(image, "point", ((float(x), float(y)),))

    def describe(self) -> dict[str, Any]:
        """Return the region as plain data, a mask by its digest."""
        data: dict[str, Any] = {"image": self.image.sha256, "region": self.kind}
        if self.bits:
            return data | {"mask": hashlib.sha256(self.bits).hexdigest()}
        return data | {"points": [list(point) for point in self.points]}

    def mask(self) -> np.ndarray:
        """Return the mask (height, width, bool) of a mask region. Raises ``ValueError`` for the other kinds."""
        if self.kind != "mask":
            raise ValueError(f"a {self.kind} has no mask")
        width, height = self.image.size
        rows = np.frombuffer(self.bits, np.uint8).reshape(height, -1)
        return np.unpackbits(rows, axis=1, count=width).astype(bool)

    def cells(self, grid: tuple[int, int], view: tuple[float, float, float, float]) -> np.ndarray:
        """Return which cells (height, width, bool) of a grid the region touches; at least one.

        ``view``: the box of the image, in its pixels, that the grid covers. A box takes every cell that it overlaps
        (floor and ceil, as ControlMLLM++ does for Qwen), a mask those that it covers by a half (or the one that it
        covers most), a stroke and a point those that they pass.
        """
        height, width = grid
        if self.kind == "mask":
            share = self._share(grid, view)
            return share >= min(0.5, float(share.max()))
        points = np.array([_to_grid(point, grid, view) for point in self.points])
        found = np.zeros(grid, dtype=bool)
        if self.kind == "box":
            (left, top), (right, bottom) = points
            rows, columns = _covered(top, bottom, height), _covered(left, right, width)
            found[rows, columns] = True
            return found
        for x, y in _dense(points):
            found[min(height - 1, max(0, int(y))), min(width - 1, max(0, int(x)))] = True
        return found

    def soft(
        self, grid: tuple[int, int], view: tuple[float, float, float, float], sigma: float = 0.1
    ) -> np.ndarray:
        """Return weights (height, width, float32) of cells: 0 and 1 for a box or mask; else by distance.

        A scribble's and a point's weights are the Gaussian density (mean 0, ``sigma``) at the min-max normalised
        distance of a cell's centre to the stroke (ControlMLLM, arXiv 2407.21534: sigma 0.1; ++: 0.4).
        """
        if self.kind in ("box", "mask"):
            return self.cells(grid, view).astype(np.float32)
        height, width = grid
        points = _dense(np.array([_to_grid(point, grid, view) for point in self.points]))
        centres = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), axis=-1)
        away = np.linalg.norm(centres[:, :, None] - points[None, None], axis=-1).min(-1)
        away = (away - away.min()) / max(float(np.ptp(away)), 1e-9)
        density = np.exp(-0.5 * (away / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))
        return density.astype(np.float32)

    def _share(self, grid: tuple[int, int], view: tuple[float, float, float, float]) -> np.ndarray:
        """Return which share of each cell (height, width) a mask covers."""
        left, top, right, bottom = view
        mask = self.mask()
        rows = overlaps(grid[0], top, bottom, mask.shape[0])
        columns = overlaps(grid[1], left, right, mask.shape[1])
        return rows @ mask @ columns.T


def _check_points(image: Image, points: list[Point] | tuple[Point, ...]) -> None:
    width, height = image.size
    outside = [point for point in points if not (0 <= point[0] <= width and 0 <= point[1] <= height)]
    if outside or not points:
        said = f"the point {outside[0]} is not inside" if outside else "no point is given for"
        raise UsageError(f"{said} the picture of {width} x {height} px")


def _to_grid(point: Point, grid: tuple[int, int], view: tuple[float, float, float, float]) -> Point:
    left, top, right, bottom = view
    return (point[0] - left) / (right - left) * grid[1], (point[1] - top) / (bottom - top) * grid[0]


def overlaps(cells: int, start: float, end: float, pixels: int) -> np.ndarray:
    """Return (cells, pixels): which share of each cell of a side lies on each pixel."""
    edges = np.linspace(start, end, cells + 1)
    below = np.minimum(edges[1:, None], np.arange(1, pixels + 1)[None])
    above = np.maximum(edges[:-1, None], np.arange(pixels)[None])
    return np.clip(below - above, 0, None) / ((end - start) / cells)


def _covered(start: float, end: float, count: int) -> slice:
    first = min(count - 1, max(0, math.floor(start + 1e-9)))
    return slice(first, max(first + 1, min(count, math.ceil(end - 1e-9))))


def _dense(points: np.ndarray) -> np.ndarray:
    """Return points along a stroke, less than half a cell apart."""
    pieces = [points[:1]]
    for start, end in itertools.pairwise(points):
        steps = max(2, math.ceil(float(np.linalg.norm(end - start)) * 2) + 1)
        pieces.append(start + (end - start) * np.linspace(0, 1, steps)[1:, None])
    return np.concatenate(pieces)
