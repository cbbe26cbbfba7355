"""The expert of text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont
from search_oracle import Oracle

from agentkit.agents.search import Eyes, FocusTree, VisualSearchAgent, VStar
from agentkit.agents.search.cues import ModelCue
from agentkit.agents.search.experts import TextExpert
from agentkit.agents.search.experts.text import Sought, match, plain
from agentkit.config import Settings
from agentkit.content import Box, Image
from agentkit.tools.vision import Notes, ReadingPlan, TextLine

pytest.importorskip("rapidfuzz")

PLAN = ReadingPlan(side=400, overlap=96, large=96)


@pytest.mark.parametrize(
    ("about", "sought"),
    [
        ('the sign "Gate 4"', Sought(("Gate 4",))),
        ("“Exit” or 'Way out'", Sought(("Exit", "Way out"))),
        ("the driver's door", Sought(("the driver's door",))),
        ("the number on the door", Sought(digits=True)),
        ("text on the red box", Sought()),
        ("what does it say?", Sought()),
        ("", Sought()),
        ('"..."', Sought()),
        ("Platform 42", Sought(("Platform 42",))),
    ],
)
def test_what_text_a_description_asks_for(about: str, sought: Sought) -> None:
    assert Sought.of(about) == sought


def test_lines_match_in_spite_of_spaces_case_accents_and_a_misread_letter() -> None:
    line = TextLine("Départ: plafform42 / 18:45", Box(0, 0, 260, 20), 0.9)
    found = match(line, Sought(("Platform 42",)))
    assert found is not None
    assert 0.7 < found.confidence < 0.9
    assert found.text == line.text
    assert 40 < found.box.left < 100
    assert 150 < found.box.right < 230
    assert (found.box.top, found.box.bottom) == (0, 20)
    assert match(line, Sought(("Arrivals",))) is None
    assert match(line, Sought(("a much longer text that holds platform 42",))) is None
    assert match(TextLine("no digit", line.box, 0.9), Sought(digits=True)) is None
    assert match(line, Sought()) == (line.box, 0.9, line.text)


@given(st.text(), st.text(), st.tuples(*[st.floats(0, 500)] * 2), st.floats(0, 1))
def test_a_match_lies_in_its_line(
    text: str, sought: str, size: tuple[float, float], confidence: float
) -> None:
    box = Box(10, 20, 10 + size[0], 20 + size[1])
    found = match(TextLine(text, box, confidence), Sought.of(sought))
    if found is not None:
        assert found.box.clip(box) == found.box
        assert 0 <= found.confidence <= confidence
    if plain(sought) and plain(sought) in plain(text):
        assert match(TextLine(text, box, 1.0), Sought((sought,))) is not None


def page() -> Image:
    paper = Pillow.new("RGB", (1600, 900), (235, 240, 240))
    draw = ImageDraw.Draw(paper)
    for x, y, text in ((200, 120, "Gate 4"), (1300, 700, "Gate 17"), (700, 760, "Way out")):
        draw.text((x, y), text, fill="black", font=ImageFont.load_default(15))
    return Image.of_pixels(paper)


async def test_it_reads_only_the_region_and_everything_once() -> None:
    pytest.importorskip("rapidocr")
    image = page()
    eyes = Eyes(Oracle(), image)
    notes = Notes()
    tree = FocusTree(image.sha256, image.size, 'the sign "gate 17"')
    left = tree.add(tree.root, Box(0, 0, 400, 450))
    expert = TextExpert(eyes, plan=PLAN, notes=notes)
    assert await expert.find(left) == []
    assert (left.scores["lines"], left.scores["exists"]) == (1.0, 0.0)
    looks = notes.looks
    assert 0 < looks < len(expert.reader.tiles)
    (found,) = await expert.find(tree.root)
    assert found.box.iou(Box(1300, 703, 1352, 715)) > 0.4
    assert (found.text, found.confidence > 0.9) == ("Gate 17", True)
    assert tree.root.scores["exists"] == found.confidence
    looks = notes.looks
    every = tree.add(tree.root, Box(0, 0, 1600, 900), "text")
    again = await TextExpert(eyes, plan=PLAN, notes=notes).find(every)
    assert {find.text for find in again} == {"Gate 4", "Gate 17", "Way out"}
    assert notes.looks == looks


async def test_a_search_with_it_gives_the_line_as_evidence(tmp_path) -> None:
    pytest.importorskip("rapidocr")
    make = TextExpert.maker(PLAN)
    image = page()
    eyes = Eyes(Oracle(), image)
    strategy = VStar(ModelCue(eyes), make(eyes))
    tree = strategy.start(image.sha256, image.size, '"Way out"')
    while not tree.done:
        await strategy.step(tree)
    assert tree.finds[0].text == "Way out"
    assert make(Eyes(Oracle(), image)).reader.notes is make(eyes).reader.notes
    agent = VisualSearchAgent(Oracle(), expert=make, settings=Settings.load(runs=tmp_path))
    assert agent.expert is make


async def test_what_is_written_is_answered_in_the_order_of_reading(tmp_path) -> None:
    pytest.importorskip("rapidocr")
    agent = VisualSearchAgent(Oracle(), settings=Settings.load(runs=tmp_path))
    result = await agent.arun("what is written here?", images=[page()])
    assert result.answer == "Gate 4\nGate 17\nWay out"
    assert len(result.evidence) == 3
    await agent.aclose()
