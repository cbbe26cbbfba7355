"""A small agent for tests of the runtime: it counts, asks a name, and writes every effect into a file.

Run as a script (start | resume [answer] | replay) with the run folder as first argument; ``die`` names the journal
or checkpoint moment at which the process kills itself, as ``kill -9`` would.
"""

from __future__ import annotations

import asyncio
import operator
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any, Required, TypedDict

from langgraph.graph import END, START, StateGraph

from agentkit.contracts.event import Acted, EventBase, NodeStarted
from agentkit.runtime.agent import GraphAgent, Outcome
from agentkit.runtime.ask import ask_user
from agentkit.runtime.context import Context
from agentkit.runtime.journal import Effect, UnknownAction
from agentkit.runtime.run import Run

LAST = 4
DANGEROUS = 2


class State(TypedDict, total=False):
    n: Required[int]
    name: str
    unknown: bool
    log: Annotated[list[dict[str, int]], operator.add]


class Counter(GraphAgent):
    """Does ``LAST`` actions (number ``DANGEROUS`` is irreversible), then asks for a name."""

    kind = "counter"

    def build(self) -> StateGraph:
        graph = StateGraph(State)
        graph.add_node("act", self.node(self.act, step=True))
        graph.add_node("confirm", self.node(self.confirm))
        graph.add_node("ask", self.node(self.ask))
        graph.add_edge(START, "act")
        graph.add_conditional_edges("act", self.after_act, ["act", "confirm", "ask"])
        graph.add_conditional_edges("confirm", self.after_act, ["act", "confirm", "ask"])
        graph.add_edge("ask", END)
        return graph

    def keep(self, run: Run, arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments

    def begin(self, task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"n": 0, "log": [], "name": ""}

    def outcome(self, state: dict[str, Any]) -> Outcome:
        return Outcome(answer=f"{state.get('name', '')} counted {state.get('n', 0)}")

    def after_act(self, state: State) -> str:
        if state.get("unknown"):
            return "confirm"
        return "act" if state["n"] < LAST else "ask"

    async def act(self, state: State, context: Context) -> dict[str, Any]:
        n = state["n"]
        effects = context.run.folder.path / "effects.txt"

        async def perform() -> dict[str, int]:
            with effects.open("a") as file:
                file.write(f"{n}\n")
            return {"did": n}

        dangerous = n == DANGEROUS
        effect = Effect("count", {"n": n}, f"count {n}", replayable=not dangerous, irreversible=dangerous)
        try:
            outcome = await context.run.journal.act(effect, perform)
        except UnknownAction:
            return {"unknown": True}
        return {"n": n + 1, "log": [outcome]}

    async def confirm(self, state: State, context: Context) -> dict[str, Any]:
        again = ask_user(
            f"Count {state['n']} may or may not have happened. Repeat it?", choices=["yes", "no"]
        )
        return {"unknown": False} if again == "yes" else {"unknown": False, "n": state["n"] + 1}

    async def ask(self, state: State, context: Context) -> dict[str, Any]:
        return {"name": ask_user("Who counts?", missing="name")}


class KillAt:
    """Kills this process at the ``number``-th event that matters."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, event: EventBase) -> None:
        if isinstance(event, (NodeStarted, Acted)):
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


async def main(what: str, folder: Path, *rest: str) -> str:
    agent = Counter()
    if what == "start":
        if rest:
            agent.listeners.append(KillAt(int(rest[0])))
        result = await agent.arun("count", out=folder)
    elif what == "resume":
        result = await agent.aresume(folder, rest[0] if rest else None)
    else:
        result = await agent.areplay(folder)
    return result.model_dump_json()


if __name__ == "__main__":
    print(asyncio.run(main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])))
