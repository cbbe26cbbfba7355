"""The general agent as a part of other graphs, and after a crash."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TypedDict

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command

from agentkit.agents.general import Agent
from agentkit.contracts.script import ScriptLine
from agentkit.models.script import ScriptModel
from agentkit.runtime.inner import as_node
from agentkit.toolset import ToolContext, agent_tool, tool
from tests.results import run_of


def script(*lines: dict, name: str = "test") -> ScriptModel:
    return ScriptModel([ScriptLine.model_validate(line) for line in lines], f"script:{name}")


def call(name: str, **arguments) -> dict:
    return {"tool_calls": [{"name": name, "arguments": arguments}]}


DONE: list[str] = []


@tool
def do(what: str) -> str:
    """Do something."""
    DONE.append(what)
    return f"did {what}"


@pytest.fixture(autouse=True)
def nothing_done():
    DONE.clear()


class Outer(TypedDict, total=False):
    task: str
    answer: str
    log: list[str]


async def test_the_graph_is_a_node_of_another_graph_with_its_checkpointer(settings):
    model = script(call("ask_user", question="Which?"), call("do", what="tea"), {"text": "made tea"})
    agent = Agent(model, tools=[do], settings=settings)

    async def prepare(state: Outer) -> Outer:
        return {"task": "make a drink"}

    async def after(state: Outer) -> Outer:
        return {"log": [f"answer: {state.get('answer')}"]}

    graph = StateGraph(Outer)
    graph.add_node("prepare", prepare)
    graph.add_node("agent", agent.graph)
    graph.add_node("after", after)
    graph.add_edge(START, "prepare")
    graph.add_edge("prepare", "agent")
    graph.add_edge("agent", "after")
    graph.add_edge("after", END)
    compiled = graph.compile(checkpointer=InMemorySaver())
    config: RunnableConfig = {"configurable": {"thread_id": "one"}}
    stopped = await compiled.ainvoke({}, config)
    assert stopped["__interrupt__"][0].value["text"] == "Which?"
    assert DONE == []
    done = await compiled.ainvoke(Command(resume="tea"), config)
    assert done["log"] == ["answer: made tea"]
    assert DONE == ["tea"]
    await agent.aclose()


async def test_as_a_node_twice_in_one_thread(settings):
    # The same call in two visits of the node is made twice: a journal must not take the second for the first.
    model = script(call("do", what="tea"), {"text": "1"}, call("do", what="tea"), {"text": "2"})
    agent = Agent(model, tools=[do], settings=settings)
    graph = StateGraph(Outer)
    tell = {"agent": as_node(agent, lambda state: "make tea", lambda outcome: {"answer": outcome.answer})}
    graph.add_node("agent", tell["agent"])
    graph.add_edge(START, "agent")
    graph.add_conditional_edges("agent", lambda state: END if state["answer"] == "2" else "agent")
    compiled = graph.compile(checkpointer=InMemorySaver())
    done = await compiled.ainvoke({}, {"configurable": {"thread_id": "one"}})
    assert done["answer"] == "2"
    assert DONE == ["tea", "tea"]
    await agent.aclose()


async def test_the_bare_graph_twice_in_one_thread(settings):
    model = script(call("do", what="tea"), {"text": "1"}, call("do", what="tea"), {"text": "2"})
    agent = Agent(model, tools=[do], settings=settings)
    graph = StateGraph(Outer)
    graph.add_node("agent", agent.graph)
    graph.add_edge(START, "agent")
    graph.add_conditional_edges("agent", lambda state: END if state["answer"] == "2" else "agent")
    done = await graph.compile(checkpointer=InMemorySaver()).ainvoke(
        {"task": "make tea"}, {"configurable": {"thread_id": "one"}}
    )
    assert done["answer"] == "2"
    assert DONE == ["tea", "tea"]
    await agent.aclose()


@pytest.mark.parametrize("bare", [True, False])
async def test_without_a_thread_each_invocation_is_one_run(settings, bare):
    model = script(*[line for _ in range(2) for line in (call("do", what="tea"), {"text": "made tea"})])
    agent = Agent(model, tools=[do], settings=settings)
    node = as_node(agent, lambda state: state["task"], lambda outcome: {"answer": outcome.answer})
    graph = StateGraph(Outer)
    graph.add_node("agent", agent.graph if bare else node)
    graph.add_edge(START, "agent")
    compiled = graph.compile()
    for count in (1, 2):
        done = await compiled.ainvoke({"task": "make tea"})
        assert done["answer"] == "made tea"
        assert len(list(settings.runs.iterdir())) == count
    await agent.aclose()


async def test_a_callers_checkpointer_and_store_are_used(settings):
    saver, store = InMemorySaver(), InMemoryStore()

    @tool(read=True)
    async def recall(key: str, context: ToolContext) -> str:
        """Recall a value."""
        from langgraph.config import get_store

        await get_store().aput(("notes",), "seen", {"key": key})
        item = await get_store().aget(("notes",), key)
        return str(item.value["text"]) if item else "nothing"

    await store.aput(("notes",), "drink", {"text": "tea"})
    model = script(call("recall", key="drink"), {"text": "tea"})
    agent = Agent(model, tools=[recall], settings=settings, checkpointer=saver, store=store)
    result = await agent.arun("what do I drink?")
    assert result.answer == "tea"
    run = Path(run_of(result))
    assert not (run / "checkpoint.sqlite").exists()
    assert saver.get({"configurable": {"thread_id": run.name.rpartition("-")[2]}}) is not None
    seen = store.get(("notes",), "seen")
    assert seen is not None
    assert seen.value == {"key": "drink"}


@pytest.mark.parametrize("ask", ["stop", "pause"])
async def test_stop_and_pause_reach_an_inner_agent_between_its_steps(settings, ask):
    @tool
    def halt(what: str) -> str:
        """Do something and halt."""
        DONE.append(what)
        getattr(outer, ask)()
        return "halting"

    inner = Agent(
        script(call("halt", what="tea"), call("do", what="milk"), {"text": "both"}, name="inner"),
        tools=[halt, do],
        settings=settings,
    )
    model = script(call("helper", task="make tea with milk"), {"text": "served"})
    outer = Agent(model, tools=[agent_tool(inner, "helper", "Helps.")], settings=settings)
    halted = await outer.arun("tea, please")
    assert halted.status == {"stop": "failed", "pause": "needs_input"}[ask]
    assert DONE == ["tea"]
    done = await outer.aresume(halted)
    assert (done.status, done.answer) == ("done", "served")
    assert DONE == ["tea", "milk"]
    # A replay knows which of the two models said what, and does nothing.
    helper = agent_tool(Agent(tools=[halt, do], settings=settings), "helper", "Helps.")
    replayed = await Agent(tools=[helper], settings=settings).areplay(run_of(done))
    assert (replayed.answer, DONE) == ("served", ["tea", "milk"])


def run_crash(folder: Path, effect: str, *more: str) -> subprocess.CompletedProcess[str]:
    here = Path(__file__).parent / "crash.py"
    return subprocess.run(
        [sys.executable, str(here), str(folder), effect, *more], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("effect", "answer", "delivered", "asked"),
    [
        ("replayable", "it happened", 2, False),
        ("irreversible", "it happened", 1, True),
        ("irreversible", "do it again", 2, True),
        ("once", "leave it", 1, True),
    ],
)
def test_killed_inside_a_call(tmp_path, effect, answer, delivered, asked):
    assert run_crash(tmp_path, effect).returncode == -9
    resumed = json.loads(run_crash(tmp_path, effect, answer).stdout)
    assert (resumed["status"], resumed["answer"]) == ("done", "all done")
    assert (tmp_path / "delivered").read_text().splitlines() == ["milk"] * delivered
    assert ('"kind":"asked"' in (tmp_path / "run" / "events.jsonl").read_text()) is asked
