"""Heat lies over the pixels that its cells cover; the table holds the shares; a look is what its reader says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from local_samples import BLUE, RED, talk
from PIL import Image as Pillow

from agentkit.attention import Boost
from agentkit.attention.readers.flow import flow
from agentkit.attention.readers.look import Method, look
from agentkit.attention.readers.overlay import head_table, overlay
from agentkit.attention.readers.relevance import relevance
from agentkit.attention.readers.rollout import rollout
from agentkit.content import Image
from agentkit.errors import UsageError
from agentkit.models.local import LocalModel

Load = Callable[[str], LocalModel]


def grey(width: int, height: int) -> Image:
    return Image.of_pixels(Pillow.new("RGB", (width, height), (100, 100, 100)))


@given(
    st.integers(8, 90),
    st.integers(8, 90),
    st.integers(1, 6),
    st.integers(1, 6),
    st.integers(0, 99),
    st.booleans(),
)
def test_the_hot_cell_is_where_it_is(
    width: int, height: int, rows: int, columns: int, place: int, squared: bool
) -> None:
    longer = max(width, height)
    left, top = ((width - longer) / 2, (height - longer) / 2) if squared else (0.0, 0.0)
    view = (left, top, left + longer, top + longer) if squared else (0.0, 0.0, float(width), float(height))
    row, column = divmod(place % (rows * columns), columns)
    heat = np.zeros((rows, columns))
    heat[row, column] = 3.0
    drawn = np.asarray(overlay(grey(width, height), heat, view), np.float32)
    assert drawn.shape == (height, width, 3)
    ys, xs = np.mgrid[:height, :width] + 0.5
    inside = (np.floor((ys - view[1]) / (view[3] - view[1]) * rows) == row) & (
        np.floor((xs - view[0]) / (view[2] - view[0]) * columns) == column
    )
    assert (drawn[~inside] == 70).all()
    assert (drawn[inside] != 70).any(-1).all()


def test_smooth_heat_is_hottest_at_the_centre_and_a_big_picture_is_shrunk() -> None:
    heat = np.zeros((4, 4))
    heat[1, 2] = 1.0
    drawn = overlay(grey(800, 800), heat, (0, 0, 800, 800), smooth=True, side=400)
    assert drawn.size == (400, 400)
    light = np.asarray(drawn, np.float32)[..., 1]
    assert np.unravel_index(light.argmax(), light.shape)[0] == pytest.approx(150, abs=2)
    assert np.unravel_index(light.argmax(), light.shape)[1] == pytest.approx(250, abs=2)


def test_boxes_are_outlined_and_bad_heat_is_refused() -> None:
    drawn = np.asarray(overlay(grey(60, 40), np.zeros((2, 2)), (0, 0, 60, 40), boxes=[(10, 10, 30, 20)]))
    assert tuple(drawn[10, 15]) == (0, 255, 160)
    assert tuple(drawn[19, 29]) == (0, 255, 160)
    assert tuple(drawn[30, 50]) == (70, 70, 70)
    for heat in (np.zeros(4), np.zeros((0, 3)), np.full((2, 2), np.nan), -np.ones((2, 2))):
        with pytest.raises(UsageError, match="grid"):
            overlay(grey(60, 40), heat, (0, 0, 60, 40))


def test_the_table_of_heads() -> None:
    lines = head_table(np.array([[0.5, 1.0, 0.0], [0.25, 0.125, 0.0]]), layers=[3, 12]).splitlines()
    assert lines[0].split() == ["layer", "h0", "h1", "h2", "mean"]
    assert lines[1].split() == ["3", "50.0", "100.0", "0.0", "50.0"]
    assert lines[2].split() == ["12", "25.0", "12.5", "0.0", "12.5"]
    assert lines[3].split() == ["mean", "37.5", "56.2", "0.0", "31.2"]
    assert len({len(line) for line in lines}) == 1


@pytest.mark.parametrize("kind", ["llava", "qwen2_5_vl", "smolvlm"])
async def test_a_look_is_what_its_reader_says(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    messages, edits = talk(model), (Boost(BLUE, 5.0),)
    cells = model.engine.target(model.encoder.encode(messages)).cells(BLUE)[1]
    heat = await model.attend(messages, keys=BLUE, edits=edits, layers=(0, 2), heads=(1,))
    raw = await model.work(lambda lab: look(lab, messages, BLUE, edits=edits, layers=(0, 2), heads=(1,)))
    assert np.allclose(raw.heat.ravel(), heat.weights[0], atol=1e-6)
    assert raw.heat.shape == heat.grid
    assert raw.by_head.shape == (2, 1)
    assert heat.by_head is not None
    assert np.allclose(raw.by_head, heat.by_head, atol=1e-6)
    readers: dict[Method, Callable[..., np.ndarray]] = {
        "rollout": rollout,
        "relevance": relevance,
        "flow": flow,
    }
    for name, reader in readers.items():
        wanted = await model.work(lambda lab, reader=reader: reader(lab, messages, edits=edits))
        found = await model.work(lambda lab, name=name: look(lab, messages, BLUE, method=name, edits=edits))
        assert np.allclose(found.heat.ravel(), wanted[cells])


async def test_what_cannot_be_looked_at(tiny: Load) -> None:
    model = tiny("llava")
    other = grey(20, 20)
    wrong: list[tuple[Image, dict[str, Any], str]] = [
        (other, {}, "image"),
        (RED, {"method": "luck"}, "raw, rollout"),
        (RED, {"heads": (9,)}, "no head 9"),
    ]
    for image, more, said in wrong:
        with pytest.raises(UsageError, match=said):
            await model.work(lambda lab, image=image, more=more: look(lab, talk(model), image, **more))
