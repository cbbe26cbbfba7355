"""A run in which a model is asked where it looks: the heat is recorded, drawn, and replayed without the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

import pytest
from langgraph.graph import END, START, StateGraph
from PIL import Image as Pillow
from PIL import ImageDraw

from agentkit.attention import Boost
from agentkit.content import Image, Message
from agentkit.contracts.event import ModelCalled
from agentkit.runs.report import write_report
from agentkit.runtime.agent import GraphAgent, Outcome
from agentkit.runtime.context import Context
from agentkit.runtime.run import Run


class State(TypedDict):
    heat: list[float]


class Looker(GraphAgent):
    """Asks mini where it looks for a red square."""

    kind = "looker"

    def build(self) -> StateGraph:
        graph = StateGraph(State)
        graph.add_node("look", self.node(self.look, step=True))
        graph.add_edge(START, "look")
        graph.add_edge("look", END)
        return graph

    def keep(self, run: Run, arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments

    def begin(self, task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"heat": []}

    def outcome(self, state: dict[str, Any]) -> Outcome:
        return Outcome(answer=str(round(sum(state["heat"]), 6)))

    async def look(self, state: State, context: Context) -> State:
        model = await context.model("see")
        image = scene()
        messages = [Message.user(image, "what colour is the square?")]
        heat = await model.attend(messages, keys=image, edits=[Boost(image, 2.0)])
        return {"heat": heat.weights[0].tolist()}


def scene() -> Image:
    pixels = Pillow.new("RGB", (160, 120), (120, 130, 120))
    ImageDraw.Draw(pixels).rectangle((100, 20, 140, 60), fill=(220, 30, 30))
    return Image.of_pixels(pixels)


async def test_heat_is_recorded_drawn_and_replayed(tmp_path: Path) -> None:
    seen: list[ModelCalled] = []
    agent = Looker(see="mini")
    agent.listeners.append(lambda event: seen.append(event) if isinstance(event, ModelCalled) else None)
    result = await agent.arun("look", out=tmp_path / "r")
    (event,) = seen
    assert event.heat is not None
    assert event.heat.grid == (8, 8)
    assert event.heat.view == (0.0, -20.0, 160.0, 140.0)
    assert sum(event.heat.cells) == pytest.approx(float(result.answer or 0), abs=1e-4)
    assert len(event.heat.heads) == 4
    text = write_report(tmp_path / "r").read_text("utf-8")
    assert text.count('class="cell"') == 64
    again = await Looker().areplay(tmp_path / "r")
    assert again.answer == result.answer
