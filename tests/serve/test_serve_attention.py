"""Where a model looks, and what it answers when a person moves its attention: on the embedded models."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.agents.chat.server.marks import Mark, marked
from agentkit.agents.chat.server.words import words_of
from agentkit.content import Image
from agentkit.errors import UsageError
from agentkit.evals.scenes import large_scene
from agentkit.models import Capabilities
from agentkit.models.local import load_local

from .conftest import Served, Talker, served
from .test_serve_api import png

SCENE = large_scene(np.random.default_rng(100_006), 600, 450, distractors=3, hosts=0, glyphs=False)


@pytest.fixture(scope="module")
async def local(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """A server on the embedded models, which looks at a picture once."""
    model = load_local("smollm2", threads=1)
    async with served(tmp_path_factory.mktemp("local"), model, strategy="direct") as running:
        yield running
    await model.aclose()


@pytest.fixture(scope="module")
async def looked(local: Served) -> dict[str, Any]:
    """A turn about a picture."""
    buffer = io.BytesIO()
    SCENE.image.save(buffer, "PNG")
    digest = (await local.client.post("/api/pictures", content=buffer.getvalue())).json()["digest"]
    talk = await local.conversation()
    begun = await local.begin(talk, f"what colour is the {SCENE.objects[0].shape}?", pictures=[digest])
    return await local.until(begun["key"], "done")


async def attention(server: Served, turn: dict[str, Any], status: int = 200, **asked: Any) -> Any:
    return await server.post(f"/api/turns/{turn['key']}/attention", asked, status)


async def test_a_region_is_looked_at_or_ignored(local: Served, looked: dict[str, Any]):
    picture, box = looked["pictures"][0], list(SCENE.objects[1].box)
    shares = {}
    for name, more in {"look": {}, "focus": {"how": "focus"}, "ignore": {"ignore": True}}.items():
        mark = {"box": box, "ignore": more.pop("ignore", False)}
        # What is looked at tells how much of the heat is on it, also while something is ignored.
        marks = [mark] if not mark["ignore"] else [mark, {"box": [0, 0, 40, 40]}]
        found = await attention(local, looked, picture=picture, marks=marks, **more)
        rows, columns = found["grid"]
        for gaze in (found["plain"], found["edited"]):
            assert [len(row) for row in gaze["heat"] if row] == [rows * columns] * len(gaze["words"])
            assert "".join(gaze["words"]) == gaze["answer"]
        shares[name] = found["plain"]["in_marks"], found["edited"]["in_marks"]
        heat = np.sum([row for row in found["edited"]["heat"] if row], axis=0).reshape(rows, columns)
        left, top, right, bottom = found["view"]
        cell = (
            int((box[1] - top) / (bottom - top) * rows),
            int((box[0] - left) / (right - left) * columns),
        )
        assert (heat[cell] < 1e-3 * heat.max()) == (name == "ignore")
    assert all(edited > plain for plain, edited in shares.values())
    assert shares["look"][1] > 0.2


async def test_marks_are_made_on_the_page_and_the_answers_stand_side_by_side(
    local: Served, looked: dict[str, Any], visit
):
    visitor = await visit(
        f"{local.url}/#c={(await local.get('/api/conversations'))['conversations'][0]['key']}"
    )
    turn = await visitor.turn("done")
    await turn.get_by_role("button", name="Where does the model look?").click()
    panel = turn.get_by_role("region", name="Where the model looks")
    await panel.locator(".cell").first.wait_for(state="attached")
    before = await panel.locator("figure").count()
    word = panel.locator(".gaze-word").first
    await word.click()
    assert await word.get_attribute("aria-pressed") == "true"
    assert "Heat of “" in await panel.locator("figure").first.inner_text()
    drawing = panel.locator(".drawing").first
    await drawing.scroll_into_view_if_needed()
    area = await drawing.bounding_box()
    assert area
    mouse = visitor.page.mouse
    await mouse.move(area["x"] + area["width"] * 0.3, area["y"] + area["height"] * 0.3)
    await mouse.down()
    await mouse.move(area["x"] + area["width"] * 0.5, area["y"] + area["height"] * 0.4, steps=4)
    await mouse.up()
    assert await panel.locator("figure").first.locator("polyline.mark").count() == 1
    await panel.get_by_role("button", name="Ignore").click()
    for name, value in zip(("left", "top", "right", "bottom"), (10, 20, 110, 90), strict=True):
        await panel.get_by_label(f"Box: {name}").fill(str(value))
    await panel.get_by_role("button", name="Add the box").click()
    assert await panel.locator("figure").first.locator("rect.mark.ignore").count() == 1
    await panel.get_by_role("button", name="Ask again").click()
    edited = panel.locator("figure").nth(before)
    await edited.wait_for()
    assert "1 to look at, 1 to ignore" in await edited.inner_text()
    assert "of the heat in what is marked" in await edited.inner_text()
    await panel.get_by_role("button", name="Clear").click()
    assert await panel.locator(".mark").count() == 0


async def test_a_sentence_is_obeyed_more(local: Served, visit):
    visitor = await visit(local.url)
    await visitor.say("Say one animal. Answer in one word.")
    turn = await visitor.turn("done")
    answer = (await turn.locator(".answer").inner_text()).strip()
    await turn.get_by_role("button", name="Where does the model look?").click()
    panel = turn.get_by_role("region", name="Where the model looks")
    await panel.locator(".asked-word").first.wait_for()
    assert (await panel.locator(".gaze-answer").inner_text()).split() == answer.split()
    assert (await panel.locator(".asked-words").inner_text()).strip() == "Say one animal. Answer in one word."
    await panel.get_by_role("button", name="Answer in one word.").click()
    await panel.get_by_role("button", name="Ask again").click()
    edited = panel.locator("figure").nth(2)
    await edited.wait_for()
    assert "obeying “Answer in one word.”" in await edited.inner_text()
    hot = [
        await figure.locator(".asked-word").evaluate_all(HEAT)
        for figure in await panel.locator("figure").all()
    ]
    # The words of the sentence get a larger share than before.
    assert sum(hot[2][3:]) / sum(hot[2]) > sum(hot[1][3:]) / sum(hot[1])


HEAT = "all => all.map(word => parseInt(word.style.getPropertyValue('--heat')))"


async def test_what_cannot_be_read_or_edited_is_one_line(
    local: Served, looked: dict[str, Any], tmp_path, serving
):
    picture = looked["pictures"][0]
    wrong: dict[str, dict[str, Any]] = {
        "lie in the picture": {"picture": picture, "marks": [{"box": [0, 0, 9999, 10]}]},
        "no picture to mark": {"marks": [{"box": [0, 0, 9, 9]}]},
        "a box or a stroke": {"picture": picture, "marks": [{}]},
        "not in this turn": {"picture": picture, "obey": [0, 9999]},
        "wrote the words": {},
    }
    for said, asked in wrong.items():
        assert said in (await attention(local, looked, 400, **asked))["error"]
    assert "no such picture" in (await attention(local, looked, 404, picture="a" * 64))["error"]
    far = await serving(tmp_path, see=Sighted())
    key = (await far.begin(await far.conversation(), "Hi."))["key"]
    await far.until(key, "done")
    assert "attention" in (await attention(far, {"key": key}, 400))["error"]


class Sighted(Talker):
    """A model behind a network, say: it sees, and nobody sees how."""

    capabilities = Capabilities(images=True, schema=True)


@given(st.text("ab \n", max_size=30), st.data())
def test_every_token_of_a_word_is_the_words_own(text: str, data: st.DataObject):
    ends = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=20)))
    words, owners = words_of(text, ends)
    assert "".join(words) == text.rstrip()
    places = [place for place, _ in owners]
    assert places == sorted(set(places))
    numbers = [number for _, number in owners]
    assert numbers == sorted(numbers)
    assert all(0 <= number < len(words) for number in numbers)
    if ends and ends[-1] == len(text) and text.strip():
        assert owners, "the last token covers the rest of the text"


@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_a_mark_covers_its_own_pixels(width: int, height: int, data: st.DataObject):
    image = Image.open(png(size=(width, height)))
    left, right = sorted(data.draw(st.lists(st.integers(0, width), min_size=2, max_size=2, unique=True)))
    top, bottom = sorted(data.draw(st.lists(st.integers(0, height), min_size=2, max_size=2, unique=True)))
    mask = marked(image, Mark(box=(left, top, right, bottom)))
    assert mask.shape == (height, width)
    assert mask[top:bottom, left:right].all()
    assert mask.sum() == (right - left) * (bottom - top)
    inside = min(left, width - 1), min(top, height - 1)
    assert marked(image, Mark(stroke=[inside], width=3))[inside[1], inside[0]]
    with pytest.raises(UsageError, match="in the picture"):
        marked(image, Mark(stroke=[(0, 0), (width + 1, 0)]))
