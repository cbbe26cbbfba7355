"""A web task on the page: watched live, corrected, and taken into one's own hands."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from playwright.async_api import expect

from agentkit.agents.web import WebAgent
from agentkit.models import Request, Scores
from agentkit.runtime.agent import GraphAgent, Outcome
from agentkit.runtime.context import Context
from agentkit.runtime.run import Run
from tests.agents.web.chooser import REGISTER, TASK, Chooser
from tests.site import Site

from .conftest import events, settings_in


class Thinker(Chooser):
    """A chooser that thinks until ``gate`` is open; ``thinking`` is set while it does."""

    def __init__(self, *wanted: str) -> None:
        super().__init__(*wanted)
        self.gate, self.thinking = asyncio.Event(), asyncio.Event()

    async def _score(self, requests: Sequence[Request], options: tuple[str, ...]) -> list[Scores]:
        self.thinking.set()
        await self.gate.wait()
        return await super()._score(requests, options)


async def test_a_web_task_is_watched_corrected_and_taken_over(tmp_path, serving, visit, browser):
    model = Thinker(*REGISTER)

    def abilities(_: object) -> Any:
        return {"browse": WebAgent(model, memory="off", browser=browser)}

    with Site() as site:
        server = await serving(tmp_path, abilities=abilities)
        visitor = await visit(server.url)
        await visitor.say(f"{TASK} {site.url}")
        turn = await visitor.turn("running")
        key = await turn.get_attribute("data-key")
        screen = turn.get_by_role("region", name="The page of the web task")
        live = screen.locator(".live")
        await live.wait_for()
        await model.thinking.wait()
        await expect(screen.locator(".address")).to_have_text(f"{site.url}/")
        # Told while it thinks: heard by the same turn.
        await turn.get_by_role("button", name="Correct").click()
        await visitor.page.get_by_label("What is wrong").fill("the city is Lyon")
        await visitor.page.keyboard.press("Enter")
        await expect(visitor.page.locator("#announce")).to_have_text(
            "The agent hears it before it decides again"
        )
        # Taken: nothing is recorded of what is typed.
        refused = await server.post(f"/api/turns/{key}/hands", {"done": [{"kind": "move"}]}, 409)
        assert "not in your hands" in refused["error"]
        await screen.get_by_role("button", name="Take the mouse").click()
        await expect(screen).to_have_attribute("data-taken", "true")
        turns = server.app.state.talks["owner"].turns
        before = len(turns.live[key].lines)
        page = turns.live[key].agent.control.surface.page
        field = page.get_by_label("Name")
        place, area = await field.bounding_box(), await live.bounding_box()
        view = page.viewport_size
        at = {
            "x": (place["x"] + place["width"] / 2) / view["width"] * area["width"],
            "y": (place["y"] + place["height"] / 2) / view["height"] * area["height"],
        }
        await live.click(position=at)
        await visitor.page.keyboard.type("Eve 5")
        await visitor.page.keyboard.press("Backspace")
        await expect(field).to_have_value("Eve ")
        # A key that this keyboard does not have.
        await server.post(f"/api/turns/{key}/hands", {"done": [{"kind": "type", "text": "£"}]})
        await expect(field).to_have_value("Eve £")
        assert (await server.post(f"/api/turns/{key}/pause", status=409))["error"].startswith(
            "the page is in"
        )
        assert len(turns.live[key].lines) == before
        # The agent does nothing meanwhile, though it has decided.
        model.gate.set()
        await visitor.page.reload()
        turn = await visitor.turn("running")
        screen = turn.get_by_role("region", name="The page of the web task")
        await expect(screen).to_have_attribute("data-taken", "true")
        await screen.get_by_role("button", name="Give it back").click()
        turn = await visitor.turn("waiting", "done")
        told = [json.loads(item["data"]) for item in await events(server, str(key))]
        kinds = [event.get("kind") for event in told]
        (note,) = (i for i, event in enumerate(told) if "user's hands" in str(event.get("text")))
        assert "observed" in kinds[note:], "the page is looked at anew"
        assert "Eve £" in next(event["text"] for event in told[note:] if event.get("kind") == "observed")
        assert [event["text"] for event in told if event.get("kind") == "corrected"] == ["the city is Lyon"]
        acted = [event["action"] for event in told[:note] if event.get("kind") == "acted"]
        assert not any("Ada" in action for action in acted), "what was decided before is dropped"
        await turn.locator(".steps > summary").click()
        await expect(turn.locator(".step.corrected")).to_contain_text("You said: the city is Lyon")
        assert await visitor.page.locator("article.turn").count() == 1
        assert site.received == []


async def test_only_a_web_task_can_be_taken(server):
    server.model.hold = asyncio.Event()
    key = (await server.begin(await server.conversation(), "Hi."))["key"]
    await server.model.asked.wait()
    assert "no page" in (await server.post(f"/api/turns/{key}/take", status=409))["error"]
    async with server.client.stream("GET", f"/api/turns/{key}/screen") as watching:
        server.model.hold.set()
        assert [line async for line in watching.aiter_lines()][-3:-1] == ["event: end", "data: {}"]


class Deaf(GraphAgent):
    """Could hear corrections, and decides nothing any more once it has begun; ends when ``gate`` is open."""

    kind = "deaf"
    steerable = True

    def __init__(self, **common: Any) -> None:
        super().__init__(**common)
        self.begun, self.gate = asyncio.Event(), asyncio.Event()

    def build(self) -> StateGraph:
        async def work(state: Task, context: Context) -> dict[str, Any]:
            self.begun.set()
            await self.gate.wait()
            return {"answer": f"Did: {state.get('task')}"}

        graph = StateGraph(Task)
        graph.add_node("work", self.node(work))
        graph.add_edge(START, "work")
        graph.add_edge("work", END)
        return graph

    def keep(self, run: Run, arguments: dict[str, Any]) -> dict[str, Any]:
        return {}

    def begin(self, task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"task": task}

    def outcome(self, state: dict[str, Any]) -> Outcome:
        return Outcome(state.get("answer"))


class Task(TypedDict, total=False):
    task: str
    answer: str


async def test_a_correction_that_comes_too_late_begins_a_turn_of_its_own(tmp_path, serving):
    deaf = Deaf(settings=settings_in(tmp_path))
    server = await serving(tmp_path, abilities=lambda _: {"browse": deaf})
    talk = await server.conversation()
    key = (await server.begin(talk, "Buy the red hat.", url="http://127.0.0.1:9/"))["key"]
    await deaf.begun.wait()
    assert (await server.post(f"/api/turns/{key}/steer", {"text": "no, the blue one"}))["key"] == key
    deaf.gate.set()
    assert (await server.until(key))["answer"] == "Did: Buy the red hat."
    shown: list[dict[str, Any]] = []
    for _ in range(3000):
        shown = (await server.get(f"/api/conversations/{talk}"))["shown"]
        if len(shown) == 2:
            break
        await asyncio.sleep(0.02)
    assert "no, the blue one" in shown[1]["text"]
    assert "Buy the red hat." in shown[1]["text"]
    await server.until(shown[1]["key"])
