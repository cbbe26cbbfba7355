"""A small agent that plays the web and the visual search agent in tests of the command line.

Run as a script, it is the command line with that agent: ``python cli_toy.py web TASK --url http://x``. Tasks say
what happens: ``count`` acts four times and asks for a name; ``slow`` waits for ever in its third step; ``fail``
fails.
"""

from __future__ import annotations

import asyncio
import inspect
import operator
import os
import sys
from typing import Annotated, Any, Required, TypedDict

from langgraph.graph import END, START, StateGraph

from agentkit.contracts.event import Note
from agentkit.errors import ModelError
from agentkit.runtime.agent import GraphAgent, Outcome
from agentkit.runtime.ask import ask_user
from agentkit.runtime.journal import Effect

ACTS = 4


class State(TypedDict, total=False):
    task: Required[str]
    count: Required[int]
    name: str
    log: Annotated[list[str], operator.add]


class ToyAgent(GraphAgent):
    kind = "web"

    def __init__(self, *, policy: str = "rank", greeting: str = "hello", **given: Any) -> None:
        # What the web agent is told beside what every agent takes is not this one's affair.
        common = inspect.signature(GraphAgent).parameters
        super().__init__(**{name: value for name, value in given.items() if name in common})
        self.policy, self.greeting = policy, greeting

    def options(self) -> dict[str, Any]:
        return {"policy": self.policy, "greeting": self.greeting}

    def keep(self, run: Any, arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments

    def begin(self, task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"task": task, "count": 0, "log": []}

    def outcome(self, state: dict[str, Any]) -> Outcome:
        name = state.get("name")
        return Outcome(answer=f"{self.greeting} {name}" if name else None)

    def build(self) -> StateGraph:
        graph = StateGraph(State)
        graph.add_node("act", self.node(self.act, step=True))
        graph.add_node("ask", self.node(self.ask))
        graph.add_edge(START, "act")
        graph.add_conditional_edges("act", lambda s: "act" if s["count"] < ACTS else "ask", ["act", "ask"])
        graph.add_edge("ask", END)
        return graph

    async def act(self, state: State, context: Any) -> dict[str, Any]:
        number = state["count"]

        async def perform() -> dict[str, Any]:
            return {"ok": number}

        if state["task"] == "fail":
            raise ModelError("the model is not there", mend="start it")
        if number == 2 and state["task"] == "slow" and not context.run.replaying and context.run.attempt == 1:
            context.run.emit(Note(text="waiting"))
            await asyncio.sleep(600)
        if number == 2 and state["task"] == "die" and context.run.attempt == 1:
            os._exit(9)
        effect = Effect("do", {"n": number}, f"do {number}", replayable=True)
        outcome = await context.run.journal.act(effect, perform)
        return {"count": number + 1, "log": [str(outcome)]}

    async def ask(self, state: State, context: Any) -> dict[str, Any]:
        return {"name": ask_user("Who are you?", missing="name", choices=["Ann", "Bob"], why="to greet you")}


class ToySteered(ToyAgent):
    """Works in small steps until it is corrected, and greets what it was told."""

    steerable = True

    def build(self) -> StateGraph:
        graph = StateGraph(State)
        graph.add_node("listen", self.node(self.listen, step=True))
        graph.add_edge(START, "listen")
        graph.add_conditional_edges("listen", lambda s: END if s.get("name") else "listen", ["listen", END])
        return graph

    async def listen(self, state: State, context: Any) -> dict[str, Any]:
        if state["count"] == 0:
            context.run.emit(Note(text="working"))
        await asyncio.sleep(0.05)
        said = context.run.corrections.hear(len(state.get("log", [])))
        return {"count": state["count"] + 1, "log": said, "name": said[0] if said else ""}


class ToyChat(ToyAgent):
    """Asks every time who it talks to, says so piece by piece, and keeps real conversations."""

    kind = "chat"

    def __init__(self, **common: Any) -> None:
        from agentkit.memory import Conversations

        super().__init__(**common)
        self.conversations = Conversations("memory")

    def keep(self, run: Any, arguments: dict[str, Any]) -> dict[str, Any]:
        return {**arguments, "task": run.info.task}

    async def ask(self, state: State, context: Any) -> dict[str, Any]:
        from agentkit.content import Message
        from agentkit.contracts.event import Said

        name = ask_user("Who are you?", missing="name", choices=["Ann", "Bob"], why="to greet you")
        for piece in ("hello ", name):
            context.run.emit(Said(text=piece))
        given = context.run.info.arguments
        told = f"{state['task']} with {len(given['images'])} pictures"
        self.conversations.add(given["conversation"], str(context.run.folder.path), [Message.user(told)])
        return {"name": name}


def main() -> None:
    from agentkit.cli import kinds
    from agentkit.cli.main import main as run_cli

    kinds.KINDS["web"] = f"{__name__}:{'ToySteered' if 'steer' in sys.argv else 'ToyAgent'}"
    run_cli()


if __name__ == "__main__":
    main()
