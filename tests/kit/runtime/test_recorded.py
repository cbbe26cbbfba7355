"""Models inside runs: recorded, budgeted, replayed, and taken up again after a kill."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph

from agentkit.content import Message
from agentkit.contracts.event import ModelCalled, NodeStarted
from agentkit.contracts.runfile import BudgetLimits
from agentkit.models import Sampling, load_model
from agentkit.runtime.agent import GraphAgent, Outcome
from agentkit.runtime.context import Context
from agentkit.runtime.run import Run

ROUNDS = 3


class BrokenError(Exception):
    """The process is about to die: nothing may be written any more."""


class State(TypedDict):
    said: list[str]


class Talker(GraphAgent):
    """Asks its model the same question three times, one node a time; the replies differ."""

    kind = "talker"

    def build(self) -> StateGraph:
        graph = StateGraph(State)
        graph.add_node("talk", self.node(self.talk, step=True))
        graph.add_edge(START, "talk")
        graph.add_conditional_edges("talk", lambda state: "talk" if len(state["said"]) < ROUNDS else END)
        return graph

    def keep(self, run: Run, arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments

    def begin(self, task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"said": []}

    def outcome(self, state: dict[str, Any]) -> Outcome:
        return Outcome(answer=" ".join(state.get("said", [])))

    async def talk(self, state: State, context: Context) -> State:
        model = await context.model("decide")
        reply = await model.generate([Message.user("and?")], sampling=Sampling(temperature=0.7))
        scores = await model.score([Message.user("which?")], ["a", "b"])
        return {"said": [*state["said"], reply.text + "ab"[scores.best()]]}


def script(folder: Path) -> str:
    lines = []
    for word, scores in (("one", [-1.0, -2.0]), ("two", [-2.0, -1.0]), ("three", [-1.0, -2.0])):
        lines += [{"text": word}, {"scores": scores}]
    path = folder / "script.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return f"script:{path}"


WORDS = "onea twob threea"


async def test_calls_are_recorded_and_replayed_without_the_model(tmp_path: Path) -> None:
    reference = script(tmp_path)
    seen: list[ModelCalled] = []
    agent = Talker(decide=reference)
    agent.listeners.append(lambda event: seen.append(event) if isinstance(event, ModelCalled) else None)
    result = await agent.arun("talk", out=tmp_path / "r")
    assert (result.answer, result.usage.calls) == (WORDS, 6)
    assert [event.reply for event in seen if event.call == "generate"] == ["one", "two", "three"]
    assert seen[1].options == ["a", "b"]

    (tmp_path / "script.jsonl").unlink()
    again = await Talker().areplay(tmp_path / "r")
    assert (again.answer, again.usage.calls) == (WORDS, 0)


async def test_a_resumed_run_goes_on_in_the_script(tmp_path: Path) -> None:
    def break_at(number: int) -> Callable[[object], None]:
        left = [number]

        def listen(event: object) -> None:
            left[0] -= isinstance(event, (ModelCalled, NodeStarted))
            if left[0] == 0:
                raise BrokenError

        return listen

    for moment in range(1, 3 * ROUNDS + 1):
        reference, folder = script(tmp_path), tmp_path / str(moment)
        agent = Talker(decide=reference)
        agent.listeners.append(break_at(moment))
        try:
            await agent.arun("talk", out=folder)
        except BrokenError:
            pass
        else:
            raise AssertionError("the run was to be broken off")
        result = await Talker(decide=reference).aresume(folder)
        assert (result.status, result.answer, result.usage.calls) == ("done", WORDS, 6), moment
        assert (await Talker().areplay(folder)).answer == WORDS


async def test_budgets_count_calls_and_tokens(tmp_path: Path) -> None:
    result = await Talker(decide=script(tmp_path), budget=BudgetLimits(calls=3)).arun("x", out=tmp_path / "c")
    assert (result.status, result.answer, result.usage.calls) == ("budget", "onea", 3)
    result = await Talker(decide=script(tmp_path), budget=BudgetLimits(tokens=1)).arun(
        "x", out=tmp_path / "t"
    )
    assert (result.status, result.usage.calls) == ("budget", 1)


async def test_a_model_that_fails_ends_the_run_with_what_was_done(tmp_path: Path) -> None:
    path = tmp_path / "short.jsonl"
    path.write_text('{"text": "one"}\n{"scores": [0, -1]}\n{"error": "boom"}\n')
    result = await Talker(decide=f"script:{path}").arun("x", out=tmp_path / "r")
    assert (result.status, result.answer) == ("failed", "onea")
    assert "boom" in (result.error or "")


async def test_a_model_object_can_be_given(tmp_path: Path) -> None:
    model = load_model(script(tmp_path))
    assert (await Talker(decide=model).arun("x", out=tmp_path / "r")).answer == WORDS
