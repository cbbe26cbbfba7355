"""Screenshots in the exemplar memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pil
from PIL import ImageDraw

from agentkit.content import Image
from agentkit.errors import UsageError
from agentkit.memory import Exemplar, ExemplarMemory, Step, describe_screen
from agentkit.memory.screen import DIMENSION, screen_vector
from agentkit.models.embed import load_embedder

MINILM = load_embedder()


def page(kind: str, shift: int = 0, size: tuple[int, int] = (500, 320)) -> Image:
    """A page drawn in 500 x 320 and scaled: a form of rows, or a chart of circles."""
    drawn = Pil.new("RGB", (500, 320), "white")
    pen = ImageDraw.Draw(drawn)
    for number in range(4):
        if kind == "form":
            top = 30 + 60 * number + shift
            pen.rectangle((40, top, 300, top + 30), outline="black", width=2)
        else:
            left = 40 + 110 * number + shift
            pen.ellipse((left, 60, left + 90, 150), outline="black", width=2)
    return Image.of_pixels(drawn.resize(size))


def exemplar(task: str, family: str, screen: Image | None) -> Exemplar:
    steps = (Step(observation="page", action="click"),)
    text = describe_screen(screen) if screen else ""
    return Exemplar(task=task, family=family, steps=steps, screen=text)


def near(a: Image, b: Image) -> float:
    one, other = screen_vector(describe_screen(a)), screen_vector(describe_screen(b))
    assert one is not None
    assert other is not None
    return float(one @ other)


def test_pages_of_one_kind_are_nearer_than_pages_of_two() -> None:
    assert near(page("form"), page("form")) == pytest.approx(1, abs=1e-5)
    assert near(page("form"), page("form", 5)) > near(page("form"), page("chart")) + 0.1
    assert near(page("form"), page("form", size=(1000, 640))) > 0.95


@given(st.integers(1, 60), st.integers(1, 60), st.binary(min_size=3, max_size=3))
def test_any_picture_has_a_description_of_one_size(width: int, height: int, colour: bytes) -> None:
    blank = Image.of_pixels(Pil.new("RGB", (width, height), (colour[0], colour[1], colour[2])))
    text = describe_screen(blank)
    assert text.startswith("edges1:")
    assert screen_vector(text) is None, "a blank page tells nothing"
    noise = np.random.default_rng(width * 61 + height).integers(0, 255, (height + 2, width + 2, 3))
    vector = screen_vector(describe_screen(Image.of_pixels(Pil.fromarray(noise.astype(np.uint8)))))
    assert vector is not None
    assert vector.shape == (DIMENSION,)
    assert float(np.linalg.norm(vector)) == pytest.approx(1, abs=1e-5)


def test_a_description_of_another_version_is_passed_over_and_a_damaged_one_is_an_error() -> None:
    assert screen_vector("edges9:AAAA") is None
    assert screen_vector("") is None
    for bad in ("edges1:AAAA", "edges1:?"):
        with pytest.raises(UsageError, match="damaged"):
            screen_vector(bad)


def test_the_picture_decides_where_the_words_do_not() -> None:
    memory = ExemplarMemory(embedder=MINILM)
    memory.add_all(
        [
            exemplar("Do what is asked", "form", page("form")),
            exemplar("Do what is wanted", "chart", page("chart")),
        ]
    )
    for kind in ("form", "chart"):
        found = memory.recall("Do what is needed", "page", k=1, screen=page(kind, 3))
        assert [match.entry.family for match in found] == [kind]


def test_a_picture_brings_up_what_the_words_would_not() -> None:
    memory = ExemplarMemory(embedder=MINILM)
    memory.add_all([exemplar(f"Do what form {n} asks for", "form", page("form", n % 9)) for n in range(40)])
    memory.add(exemplar("Do what the figure asks for", "chart", page("chart")))
    by_words = memory.retrieve("Do what form 3 asks for", "page", k=30)
    assert "chart" not in {match.entry.family for match in by_words}
    found = memory.retrieve("Do what form 3 asks for", "page", k=1, screen=page("chart"))
    assert [match.entry.family for match in found] == ["chart"]


def test_exemplars_without_a_picture_are_neither_better_nor_worse_for_it() -> None:
    memory = ExemplarMemory(embedder=MINILM)
    memory.add_all(
        [exemplar("Log in as ann", "login", None), exemplar("Log in as bob", "login", page("form"))]
    )
    plain = memory.retrieve("Log in as ann", "page", k=2)
    with_picture = memory.retrieve("Log in as ann", "page", k=2, screen=page("chart"))
    assert [m.entry for m in plain] == [m.entry for m in with_picture]


def test_pictures_go_with_their_exemplars(tmp_path) -> None:
    memory = ExemplarMemory(tmp_path, embedder=MINILM, capacity=1)
    first, second = exemplar("One", "x", page("form")), exemplar("Two", "y", page("chart"))
    memory.add(first)
    memory.add(second)
    assert [m.entry for m in memory.retrieve("One", screen=page("form"))] == [second]
    memory.forget(second.id)
    assert memory.retrieve("One", screen=page("form")) == []


def test_the_same_task_done_by_the_same_actions_is_kept_once_the_newest() -> None:
    memory = ExemplarMemory(embedder=MINILM)
    old = Exemplar(
        task="Go", steps=(Step(observation="12:00", action="click"),), created="2025-01-01T00:00:00Z"
    )
    new = Exemplar(
        task="Go", steps=(Step(observation="12:01", action="click"),), created="2026-01-01T00:00:00Z"
    )
    assert memory.add(old)
    assert memory.add(new)
    assert memory.entries() == [new]
    assert not memory.add(old)
    assert memory.entries() == [new]


def test_a_rare_family_is_not_pushed_out_by_a_common_one() -> None:
    memory = ExemplarMemory(embedder=MINILM, capacity=4)
    dated = [
        exemplar(f"Common {n}", "common", None).model_copy(update={"created": f"2026-01-0{n}T00:00:00Z"})
        for n in range(1, 6)
    ]
    rare = exemplar("Rare", "rare", None).model_copy(update={"created": "2020-01-01T00:00:00Z"})
    memory.add_all([rare, *dated])
    assert rare in memory.entries()
    assert {entry.task for entry in memory.entries()} == {"Rare", "Common 3", "Common 4", "Common 5"}
