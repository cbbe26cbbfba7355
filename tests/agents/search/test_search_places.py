"""Answers that follow from boxes, and from what is written."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from agentkit.agents.search.answer import Memory, prove
from agentkit.agents.search.places import count_answer, counts, number_in, side_answer
from agentkit.agents.search.reading import asks_text, option_read, read
from agentkit.content import Box, Image
from agentkit.models.card import VisionCard
from agentkit.tools.vision import TextLine

CAT, DOG = Box(100, 500, 140, 540), Box(900, 520, 960, 580)
FOUND = {"black cat": CAT, "dog": DOG}


@pytest.mark.parametrize(
    ("question", "options", "answer"),
    [
        (
            "Is the black cat on the left or right side of the dog?",
            [
                "The black cat is on the right side of the dog.",
                "The black cat is on the left side of the dog.",
            ],
            "The black cat is on the left side of the dog.",
        ),
        ("Is the dog on the left or right side of the black cat?", ["left", "right"], "right"),
        ("On which side of the dog is the black cat?", ["left", "right"], "left"),
        ("is the black cat left of the dog?", [], "yes"),
        ("is the black cat right of the dog?", ["yes", "no"], "no"),
        ("is the dog above the black cat?", [], "no"),
        ("where is the dog relative to the black cat?", [], None),
        ("is the dog left or right of the cat?", [], "right"),
        ("what colour is the dog?", ["red", "blue"], None),
        ("Which is larger, the black cat or the dog?", ["the dog", "the black cat"], None),
    ],
)
def test_sides_follow_from_boxes(question: str, options: list[str], answer: str | None) -> None:
    assert side_answer(question, options, FOUND) == answer


def test_things_that_are_level_are_on_no_side() -> None:
    level = {"cat": Box(0, 0, 40, 40), "dog": Box(500, 4, 540, 44)}
    assert side_answer("is the cat above the dog?", [], level) is None
    assert side_answer("is the cat above or below the dog?", ["above", "below"], level) is None
    assert side_answer("is the cat left of the dog?", [], level) == "yes"


@given(
    st.tuples(st.floats(0, 900), st.floats(0, 900), st.floats(5, 90)),
    st.tuples(st.floats(0, 900), st.floats(0, 900), st.floats(5, 90)),
)
def test_a_side_and_its_opposite_are_never_both_true(
    one: tuple[float, float, float], other: tuple[float, float, float]
) -> None:
    boxes = {n: Box(x, y, x + s, y + s) for n, (x, y, s) in (("cat", one), ("dog", other))}
    turned = dict(reversed(boxes.items()))
    for side, opposite in (("left", "right"), ("above", "below")):
        first = side_answer(f"is the cat {side} of the dog?", [], boxes)
        assume(first is not None)
        assert side_answer(f"is the cat {opposite} of the dog?", [], boxes) != first
        assert side_answer(f"is the dog {opposite} of the cat?", [], turned) == first


def test_counts() -> None:
    assert counts("How many red cups are there?")
    assert not counts("what colour is the cup?")
    assert count_answer("how many cups are there?", [], 3) == "3"
    assert count_answer("how many cups are there?", ["There are two.", "three", "4 cups"], 3) == "three"
    assert count_answer("how many cups are there?", ["two", "four"], 3) is None
    assert number_in("two or three") is None


LINE = TextLine("HARB0UR", Box(0, 0, 50, 10), 0.9)


def test_the_option_that_was_read() -> None:
    chosen = option_read([LINE], ["harvest", "harbour", "market", "lemon"])
    assert chosen is not None
    assert chosen[0] == "harbour"
    assert option_read([LINE], ["river", "lemon"]) is None
    assert option_read(
        [TextLine("CAR", Box(0, 0, 9, 9), 0.9), TextLine("PET", Box(0, 9, 9, 19), 0.9)], ["carpet", "river"]
    )


def test_questions_that_ask_for_words() -> None:
    assert asks_text("What does the sign say?")
    assert not asks_text("what colour is the sign?")


async def test_what_is_written_on_a_find_is_read() -> None:
    picture = Pillow.new("RGB", (3000, 2000), (120, 130, 110))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((1500, 900, 1600, 1000), fill=(200, 30, 30))
    draw.text((1550, 950), "HARBOUR", fill="white", font=ImageFont.load_default(17), anchor="mm")
    image, box = Image.of_pixels(picture), Box(1500, 900, 1600, 1000)
    (line,) = await read(image, box)
    assert line.text.lower() == "harbour"
    assert line.box.intersection(box) / line.box.area > 0.8
    memory = [Memory("red square", image, box, 0.9)]
    card = VisionCard()
    said = await prove(memory, "what is written on the red square?", ["lemon", "harbour"], card)
    assert said is not None
    assert (said.text, said.basis) == ("harbour", "reading")
    free = await prove(memory, "what is written on the red square?", [], card)
    assert free is not None
    assert free.text.lower() == "harbour"
    assert await prove(memory, "what colour is the red square?", [], card) is None


async def test_sides_and_counts_are_proved_by_the_memory() -> None:
    image = Image.of_pixels(Pillow.new("RGB", (1000, 1000)))
    card = VisionCard()
    two = [Memory("black cat", image, CAT, 0.9), Memory("dog", image, DOG, 0.7)]
    said = await prove(two, "is the black cat left of the dog?", [], card)
    assert said is not None
    assert (said.text, said.confidence, said.basis) == ("yes", 0.7, "boxes")
    cats = [Memory("cat", image, CAT), Memory("cat", image, DOG)]
    said = await prove(cats, "how many cats are there?", ["one", "two"], card)
    assert said is not None
    assert said.text == "two"
