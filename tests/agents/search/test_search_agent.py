"""The visual search agent, whole runs over a model that knows the truth: answers, evidence, resume, budgets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, TypedDict

import pytest
from langgraph.graph import END, START, StateGraph
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont
from search_oracle import CARD, Oracle, Thing, told

from agentkit.agents.search import Aim, FocusNode, FocusTree, Kit, VisualSearchAgent
from agentkit.agents.search.targets import phrases, targets_of
from agentkit.config import Settings
from agentkit.content import Box, Image
from agentkit.contracts.event import Found, Looked, ModelCalled
from agentkit.contracts.result import Result
from agentkit.contracts.runfile import BudgetLimits
from agentkit.contracts.script import ScriptLine
from agentkit.errors import ImageError, UsageError
from agentkit.models.script import ScriptModel
from tests.results import output_of

SIZE = (2400, 1600)
BOX = Box(1834, 1222, 1870, 1258)
THINGS = [Thing("red triangle", BOX), Thing("blue circle", Box(300, 200, 345, 245))]
QUESTION = "what colour is the triangle?"


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "scene.png"
    Pillow.new("RGB", SIZE, (90, 90, 90)).save(path)
    return path


async def ask(
    model: Any,
    picture: Path,
    out: Path,
    question: str = QUESTION,
    *,
    options: Sequence[str] = (),
    **settings: Any,
) -> Result:
    agent = VisualSearchAgent(model, **settings)
    return await agent.arun(question, images=[picture], options=options, out=out)


async def test_direct_cannot_see_it_and_search_can(picture: Path, tmp_path: Path) -> None:
    direct = await ask(Oracle(THINGS), picture, tmp_path / "a", strategy="direct")
    assert direct.answer == "not visible"
    assert direct.evidence[0].box == (0, 0, *SIZE)
    assert direct.usage.calls == 1
    found = await ask(Oracle(THINGS), picture, tmp_path / "b")
    assert found.status == "done"
    assert found.answer == "red"
    (region,) = found.evidence
    assert region.image == Image.open(picture).sha256
    assert Box(*(region.box or ())).iou(BOX) > 0.5
    assert region.path[0] == (0, 0, *SIZE)
    assert all(Box(*inner).clip(Box(*outer)) == Box(*inner) for outer, inner in pairwise(region.path))
    assert isinstance(found.output, dict)
    assert found.output["direct"]["text"] == "not visible"
    assert found.output["found"][0]["target"] == "triangle"
    assert found.output["missing"] == []


async def test_the_full_scan_finds_it_too(picture: Path, tmp_path: Path) -> None:
    result = await ask(Oracle(THINGS), picture, tmp_path / "a", strategy="grid")
    assert result.answer == "red"
    assert Box(*(result.evidence[0].box or ())).iou(BOX) > 0.5


async def test_events_tell_the_search(picture: Path, tmp_path: Path) -> None:
    agent = VisualSearchAgent(Oracle(THINGS))
    events = [e async for e in agent.astream(QUESTION, images=[picture], out=tmp_path / "a")]
    looked = [e for e in events if isinstance(e, Looked)]
    assert looked[0].above is None
    assert looked[-1].found
    assert [e.node for e in looked] == list(dict.fromkeys(e.node for e in looked))
    assert any(isinstance(e, Found) for e in events)


@pytest.mark.parametrize(
    ("question", "answer"),
    [("is there a green star?", "no"), ("what colour is the star?", "not visible")],
)
async def test_what_is_not_there_is_not_made_up(
    picture: Path, tmp_path: Path, question: str, answer: str
) -> None:
    result = await ask(Oracle(THINGS), picture, tmp_path / "a", question)
    assert result.answer == answer
    assert result.evidence == []
    assert isinstance(result.output, dict)
    assert len(output_of(result)["missing"]) == 1


async def test_options_are_ranked_by_likelihood(picture: Path, tmp_path: Path) -> None:
    result = await ask(Oracle(THINGS), picture, tmp_path / "a", options=["blue", "red", "green"])
    assert result.answer == "red"
    assert isinstance(result.output, dict)
    assert output_of(result)["confidence"] > 0.9


async def test_a_question_without_a_thing_keeps_the_direct_answer(picture: Path, tmp_path: Path) -> None:
    result = await ask(Oracle(THINGS), picture, tmp_path / "a", "what is this?")
    assert result.answer == "not visible"
    assert result.usage.calls == 1


async def test_two_things_and_several_pictures(picture: Path, tmp_path: Path) -> None:
    agent = VisualSearchAgent(Oracle(THINGS))
    question = "is the red triangle left of the blue circle?"
    result = await agent.arun(question, images=[picture, picture], out=tmp_path / "a")
    assert [item.label for item in result.evidence] == ["red triangle", "blue circle"]


async def test_every_step_can_be_the_last_one_paid_for(picture: Path, tmp_path: Path) -> None:
    whole = await ask(Oracle(THINGS), picture, tmp_path / "whole")
    for calls in range(1, whole.usage.calls, 13):
        model = Oracle(THINGS)
        result = await ask(model, picture, tmp_path / str(calls), budget=BudgetLimits(calls=calls))
        assert result.status == "budget"
        assert result.usage.calls <= calls
        assert len(model.asked) <= calls
        assert result.answer == "not visible"


async def test_a_limit_of_looks_ends_the_search_and_still_answers(picture: Path, tmp_path: Path) -> None:
    result = await ask(Oracle(THINGS), picture, tmp_path / "a", max_looks=6)
    assert result.status == "done"
    assert result.answer == "not visible"
    assert result.usage.calls < 15


async def test_a_replay_gives_the_same_search(picture: Path, tmp_path: Path) -> None:
    first = await ask(Oracle(THINGS), picture, tmp_path / "a")
    again = await VisualSearchAgent(Oracle([])).areplay(tmp_path / "a")
    assert (again.answer, again.evidence, again.output) == (first.answer, first.evidence, first.output)


KILLED = """
import asyncio, os, signal, sys
sys.path.insert(0, {here!r})
from test_search_agent import Oracle, QUESTION, THINGS, VisualSearchAgent
seen = 0
def hook(node, update):
    global seen
    seen += 1
    if seen == {after}:
        os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(VisualSearchAgent(Oracle(THINGS), hooks=[hook]).arun(QUESTION, images=[{picture!r}], out={out!r}))
"""


def test_a_killed_search_goes_on_where_it_was(picture: Path, tmp_path: Path) -> None:
    whole = VisualSearchAgent(Oracle(THINGS)).run(QUESTION, images=[picture], out=tmp_path / "whole")
    out = tmp_path / "killed"
    code = KILLED.format(here=str(Path(__file__).parent), after=5, picture=str(picture), out=str(out))
    done = subprocess.run([sys.executable, "-c", code], env=dict(os.environ), capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    model = Oracle(THINGS)
    result = VisualSearchAgent(model).resume(out)
    assert (result.status, result.answer, result.evidence) == ("done", whole.answer, whole.evidence)
    assert result.usage.calls == whole.usage.calls
    assert len(model.asked) < whole.usage.calls
    events = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    looked = [e["node"] for e in events if e["kind"] == "looked"]
    assert len(set(looked)) == len({e["node"] for e in events if e["kind"] == "looked"})


async def test_a_model_that_only_talks(picture: Path, tmp_path: Path) -> None:
    result = await ask(told(Oracle(THINGS)), picture, tmp_path / "a")
    assert result.answer == "red"


async def test_a_model_that_knows_language_is_asked_for_the_targets() -> None:
    model = ScriptModel([ScriptLine(text='{"objects": ["the umbrella", "umbrella", ""]}')], "script:x")
    assert await targets_of("what colour is the umbrella?", model) == ["umbrella"]


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("What colour is the red triangle?", ["red triangle"]),
        ("is the red triangle left of the blue circle?", ["red triangle", "blue circle"]),
        ("how many green squares are there?", ["green square"]),
        ("is there anything red?", ["red object"]),
        ("what shape is the red thing?", ["red thing"]),
        ("is the triangle red?", ["triangle"]),
        ("where is the orange star on the table?", ["orange star", "table"]),
        ("what is this?", []),
    ],
)
def test_targets_are_read_off_the_question(question: str, found: list[str]) -> None:
    assert phrases(question, CARD.vocabulary) == found


@pytest.mark.parametrize("options", [["red"], ["red", "Red"], ["red", " "], ["red", 3]])
async def test_senseless_options_are_refused_before_any_call(
    picture: Path, tmp_path: Path, options: list[Any]
) -> None:
    model = Oracle(THINGS)
    with pytest.raises(UsageError):
        await ask(model, picture, tmp_path / "a", options=options)
    assert model.asked == []


def test_bad_pictures_are_refused_before_any_call(picture: Path, tmp_path: Path) -> None:
    model = Oracle(THINGS)
    torn = tmp_path / "torn.png"
    torn.write_bytes(picture.read_bytes()[:500])
    text = tmp_path / "text.png"
    text.write_text("no picture")
    for bad, error in ((torn, ImageError), (text, ImageError), (tmp_path / "none.png", UsageError)):
        with pytest.raises(error):
            VisualSearchAgent(model).run(QUESTION, images=[bad], out=tmp_path / bad.stem)
    with pytest.raises(UsageError):
        VisualSearchAgent(model).run(QUESTION, images=[], out=tmp_path / "none")
    with pytest.raises(UsageError):
        VisualSearchAgent(model, strategy="hope")
    assert model.asked == []


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000)])
async def test_extreme_pictures(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "thin.png"
    Pillow.new("RGB", size).save(path)
    result = await ask(Oracle([]), path, tmp_path / "a")
    assert (result.status, result.answer) == ("done", "not visible")


def test_the_state_is_plain_data(picture: Path, tmp_path: Path) -> None:
    agent = VisualSearchAgent(Oracle(THINGS))
    seen: list[Any] = []
    agent.hooks.append(lambda node, update: seen.append(update))
    agent.run(QUESTION, images=[picture], out=tmp_path / "a")
    for update in seen:
        assert json.loads(json.dumps(update)) == update
    assert FocusTree.load(seen[-2]["trees"][0]).done


def scripted(*lines: dict[str, Any]) -> ScriptModel:
    return ScriptModel([ScriptLine(**line) for line in lines], "script:x")


YES = {"scores": [-0.1, -5.0]}


async def test_a_model_that_knows_language_answers_from_crops_and_places(tmp_path: Path) -> None:
    path = tmp_path / "street.png"
    Pillow.new("RGB", (400, 300), (90, 90, 90)).save(path)
    model = scripted(
        {"text": "I can't tell."},
        {"text": '{"objects": ["umbrella"]}'},
        YES,
        {"text": "It is at [100, 100, 200, 200]."},
        YES,
        {"text": "[250, 250, 750, 750]"},
        {"text": "[250, 250, 750, 750]"},
        {"text": "red"},
    )
    agent = VisualSearchAgent(model)
    events = [
        e async for e in agent.astream("what colour is the umbrella?", images=[path], out=tmp_path / "run")
    ]
    result = events[-1]
    assert isinstance(result, Result)
    assert (result.answer, result.evidence[0].label) == ("red", "umbrella")
    assert model.left == 0
    last = [e for e in events if isinstance(e, ModelCalled)][-1].prompt[-1]["parts"]
    assert ["image" in part for part in last] == [True, True, False]
    assert Box(*last[1]["box"]).clip(Box(0, 0, 400, 300)) == Box(*last[1]["box"])
    assert "umbrella at location [0." in last[2]["text"]


async def test_a_reply_that_is_neither_yes_nor_no_or_no_place_is_not_a_find(tmp_path: Path) -> None:
    path = tmp_path / "street.png"
    Pillow.new("RGB", (200, 200)).save(path)
    model = scripted(
        {"text": "no idea"},
        {"text": '{"objects": ["umbrella"]}'},
        YES,
        {"text": "somewhere over the rainbow [1, 2]"},
    )
    result = await VisualSearchAgent(model).arun(
        "what colour is the umbrella?", images=[path], out=tmp_path / "run"
    )
    assert result.status == "done"
    assert result.answer == "not visible"
    assert result.evidence == []


@pytest.mark.parametrize(
    "box", ["[0, 0, 1000, 1000]", "[999, 999, 999, 999]", "[700, 700, 100, 100]", "[0, 0, 9999, 9999]"]
)
async def test_whatever_box_a_model_names_stays_in_the_picture(tmp_path: Path, box: str) -> None:
    path = tmp_path / "street.png"
    Pillow.new("RGB", (200, 160)).save(path)
    model = scripted(
        {"text": "?"},
        {"text": '{"objects": ["cat"]}'},
        YES,
        {"text": box},
        YES,
        {"text": box},
        {"text": box},
        {"text": "grey"},
    )
    result = await VisualSearchAgent(model).arun(
        "what colour is the cat?", images=[path], out=tmp_path / "run"
    )
    assert result.status == "done"
    for region in result.evidence:
        assert Box(*(region.box or ())).clip(Box(0, 0, 200, 160)) == Box(*(region.box or ()))


async def test_a_failing_model_fails_the_run_and_says_why(tmp_path: Path) -> None:
    path = tmp_path / "street.png"
    Pillow.new("RGB", (200, 160)).save(path)
    result = await VisualSearchAgent(scripted({"error": "out of order"})).arun(
        "?", images=[path], out=tmp_path / "r"
    )
    assert result.status == "failed"
    assert "out of order" in (result.error or "")


class Outer(TypedDict, total=False):
    task: str
    images: list[str]
    answer: str


async def test_the_graph_is_a_node_of_another_graph(picture: Path, tmp_path: Path) -> None:
    agent = VisualSearchAgent(Oracle(THINGS), settings=Settings.load(runs=tmp_path))
    graph = StateGraph(Outer)
    graph.add_node("see", agent.graph)
    graph.add_edge(START, "see")
    graph.add_edge("see", END)
    config: Any = {"configurable": {"thread_id": "one"}}
    done = await graph.compile().ainvoke({"task": QUESTION, "images": [str(picture)]}, config)
    assert done["answer"] == "red"
    await agent.aclose()


async def test_a_crop_is_searched_as_a_picture_of_its_own(picture: Path, tmp_path: Path) -> None:
    region = Image.open(picture).crop(Box(0, 0, 600, 400))
    model = Oracle(THINGS)
    result = await VisualSearchAgent(model).arun(QUESTION, images=[region], out=tmp_path / "run")
    assert result.status == "done"
    assert all(Box(*shown).clip(Box(0, 0, 600, 400)) == Box(*shown) for _, shown in model.asked)


async def test_auto_answers_at_once_where_that_is_enough(tmp_path: Path) -> None:
    small = tmp_path / "small.png"
    Pillow.new("RGB", (240, 160), (90, 90, 90)).save(small)
    model = Oracle([Thing("red triangle", Box(50, 50, 90, 90))])
    result = await ask(model, small, tmp_path / "a")
    assert (result.answer, output_of(result)["strategy"]) == ("red", "direct")
    assert "90% sure, and the picture is small" in output_of(result)["why"]
    assert [event for event in _events(tmp_path / "a") if event["kind"] == "looked"] == []
    (chosen,) = [event for event in _events(tmp_path / "a") if event["kind"] == "decided"]
    assert chosen["choice"] == "direct"


async def test_auto_searches_and_says_why(picture: Path, tmp_path: Path) -> None:
    result = await ask(Oracle(THINGS), picture, tmp_path / "a")
    assert (result.answer, output_of(result)["strategy"]) == ("red", "vstar")
    assert output_of(result)["why"] == "searched: one look saw nothing of it"
    sure = await ask(Oracle(THINGS), picture, tmp_path / "b", question="is there a green star?")
    assert (
        output_of(sure)["why"] == "searched: the picture is 2400 pixels wide or high and the model sees 128"
    )
    assert sure.answer == "no"


@pytest.mark.parametrize("strategy", ["vstar", "dyfo", "zoomeye", "grid"])
async def test_every_strategy_counts_and_compares(strategy: str, picture: Path, tmp_path: Path) -> None:
    three = [
        Thing("red triangle", Box(x, y, x + 36, y + 36)) for x, y in ((100, 100), (1200, 900), (2200, 300))
    ]
    counted = await ask(
        Oracle(three),
        picture,
        tmp_path / "a",
        question="how many red triangles are there?",
        strategy=strategy,
    )
    assert counted.answer == "3"
    assert output_of(counted)["basis"] == "boxes"
    assert len(counted.evidence) == 3
    none = await ask(
        Oracle([]), picture, tmp_path / "b", question="how many red triangles are there?", strategy=strategy
    )
    assert none.answer == "0"
    side = await ask(
        Oracle(THINGS),
        picture,
        tmp_path / "c",
        question="Is the red triangle on the left or right side of the blue circle?",
        options=["The red triangle is on the left side.", "The red triangle is on the right side."],
        strategy=strategy,
    )
    assert side.answer == "The red triangle is on the right side."
    assert {region.label for region in side.evidence} == {"red triangle", "blue circle"}


async def test_text_that_is_asked_for_is_read(tmp_path: Path) -> None:
    page = Pillow.new("RGB", (2600, 1200), (235, 235, 230))
    ImageDraw.Draw(page).text((2100, 900), "MARKET STREET", fill="black", font=ImageFont.load_default(26))
    page.save(tmp_path / "page.png")
    result = await ask(
        Oracle(THINGS),
        tmp_path / "page.png",
        tmp_path / "a",
        question="what does the sign say?",
        strategy="vstar",
    )
    assert result.answer == "MARKET STREET"
    assert output_of(result)["basis"] == "reading"
    assert Box(*(result.evidence[0].box or ())).intersection(Box(2090, 890, 2400, 940)) > 0
    chosen = await ask(
        Oracle(THINGS),
        tmp_path / "page.png",
        tmp_path / "b",
        question="which word is written in the picture?",
        options=["harbour", "market street", "lemon"],
        strategy="dyfo",
    )
    assert chosen.answer == "market street"


def _events(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "events.jsonl").read_text("utf-8").splitlines()]


class Spiral:
    """A strategy of one's own: the whole picture, then one region after the other, given by a list."""

    def __init__(self, kit: Kit, boxes: Sequence[Box]) -> None:
        self.expert, self.boxes = kit.expert, boxes

    def start(self, image: str, size: tuple[int, int], aim: Aim | str) -> FocusTree:
        tree = FocusTree(image, size, aim, "spiral")
        for box in self.boxes:
            tree.add(tree.root, box)
        return tree

    async def step(self, tree: FocusTree) -> list[FocusNode]:
        node = next(iter(tree.candidates()), None)
        if node is None:
            self.finish(tree)
            return []
        finds = await self.expert.find(node)
        tree.visit(node)
        if finds:
            tree.end(node, finds[:1])
        return [node]

    def finish(self, tree: FocusTree) -> None:
        tree.settle(0.5)


async def test_a_strategy_of_ones_own(picture: Path, tmp_path: Path) -> None:
    near = Box(1700, 1100, 2000, 1400)
    result = await ask(
        Oracle(THINGS), picture, tmp_path / "a", strategy=lambda kit: Spiral(kit, [Box(0, 0, 300, 300), near])
    )
    assert result.answer == "red"
    assert result.evidence[0].path == [(0, 0, *SIZE), tuple(near)]
    again = VisualSearchAgent(Oracle(THINGS))
    assert again.options()["strategy"] == "auto"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"strategy": "vstr"}, "there is no search strategy 'vstr'"),
        ({"cue": "nose"}, "there is no cue 'nose'"),
        ({"expert": "nobody"}, "there is no expert 'nobody'"),
    ],
)
def test_names_that_nothing_has_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        VisualSearchAgent(Oracle(THINGS), **wrong)
