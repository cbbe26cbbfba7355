"""One tool call as a run: what a ``tool`` step of a run file does."""

from __future__ import annotations

import importlib.util
import json
from typing import Any, Required, TypedDict

from langgraph.graph import END, START, StateGraph

from ..content import Image
from ..errors import UsageError
from ..runtime.agent import GraphAgent, Outcome
from ..runtime.ask import ask_user
from ..runtime.context import Context
from ..runtime.journal import UnknownAction
from ..runtime.run import Run
from ..toolset import Tool, as_tool, perform

SHORT = "agentkit.tools."
YES, NO = "yes", "no"
HAPPENED, AGAIN = "it happened", "do it again"


class ToolState(TypedDict, total=False):
    tool: Required[str]
    arguments: Required[dict[str, Any]]
    next: str
    approved: bool
    outcome: Any
    done: bool
    failure: str


class ToolAgent(GraphAgent):
    """Calls one tool, ``module:name``; modules of ``agentkit.tools`` need no more than their own name.

    ``run("vision:crop", arguments={...}, images=[...])``: an argument that is the path of a listed picture stands
    for that picture. A tool whose effect can't be undone is approved first, as ``settings.approve`` says.
    """

    kind = "tool"

    def keep(self, run: Run, arguments: dict[str, Any]) -> dict[str, Any]:
        tool = find_tool(run.info.task)
        kept = {str(path): run.put_image(Image.open(path)) for path in arguments.get("images") or ()}
        given = {
            key: kept.get(value, value) if isinstance(value, str) else value
            for key, value in (arguments.get("arguments") or {}).items()
        }
        if unknown := set(given) - set(tool.spec.parameters.get("properties", {})):
            raise UsageError(f"{run.info.task} takes no {', '.join(sorted(unknown))}")
        return {"arguments": given, "images": list(kept.values())}

    def begin(self, task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"tool": task, "arguments": arguments["arguments"]}

    def outcome(self, state: dict[str, Any]) -> Outcome:
        found = state.get("outcome")
        if not state.get("done"):
            return Outcome(failure=state.get("failure"))
        answer = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
        return Outcome(answer, output=found)

    def build(self) -> StateGraph:
        graph = StateGraph(ToolState)
        for function in (self.check, self.approve, self.call, self.confirm):
            graph.add_node(function.__name__, self.node(function, step=function.__name__ == "call"))
        graph.add_edge(START, "check")
        places = ["approve", "call", "confirm", END]
        for name in ("check", "approve", "call", "confirm"):
            graph.add_conditional_edges(name, lambda state: state["next"], places)
        return graph

    async def check(self, state: ToolState, context: Context) -> dict[str, Any]:
        tool = find_tool(state["tool"])
        policy = tool.approval(state["arguments"])
        if policy is None:
            policy = self.settings.approve if tool.effect == "irreversible" else "auto"
        if policy == "deny":
            return {"next": END, "failure": f"{tool.describe(state['arguments'])} is not allowed"}
        return {"next": "approve" if policy == "ask" else "call"}

    async def approve(self, state: ToolState, context: Context) -> dict[str, Any]:
        what = find_tool(state["tool"]).describe(state["arguments"])
        if ask_user(f"Shall I do this: {what}?", choices=[YES, NO], why="it can't be undone") == YES:
            return {"next": "call", "approved": True}
        return {"next": END, "failure": f"{what} was not approved"}

    async def call(self, state: ToolState, context: Context) -> dict[str, Any]:
        tool = find_tool(state["tool"])
        try:
            outcome = await perform(tool, state["arguments"], context, approved=state.get("approved", False))
        except UnknownAction:
            return {"next": "confirm"}
        return {"next": END, "outcome": outcome, "done": True}

    async def confirm(self, state: ToolState, context: Context) -> dict[str, Any]:
        what = find_tool(state["tool"]).describe(state["arguments"])
        said = ask_user(f"Did this happen before the crash: {what}?", choices=[HAPPENED, AGAIN])
        return {"next": "call"} if said == AGAIN else {"next": END, "done": True}


def find_tool(name: str) -> Tool:
    """Return the tool of ``module:name``. Raises ``UsageError``."""
    module = name.partition(":")[0]
    if module and "." not in module and importlib.util.find_spec(SHORT + module) is not None:
        name = SHORT + name
    return as_tool(name)
