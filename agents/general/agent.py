"""The general agent: decide, call tools, ask, answer; for any model that calls tools or follows a schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal, TypedDict

from langgraph.graph import END, START, StateGraph

from agentkit.content import Image, Message, Picture, Text, dump
from agentkit.contracts.result import Evidence, Result
from agentkit.errors import ToolError, UnsupportedCapability, UsageError
from agentkit.models import Model
from agentkit.models.base import INSTEAD
from agentkit.runtime.agent import GraphAgent, Outcome
from agentkit.runtime.ask import ask_user
from agentkit.runtime.context import Context
from agentkit.runtime.journal import UnknownAction
from agentkit.runtime.run import Run
from agentkit.toolset import Approval, ToolContext, Toolset, outcome_parts, perform
from agentkit.toolset.perform import effect_of
from agentkit.toolset.toolset import ToolLike

from .decision import ANSWER, ASK, Choices, Dialect
from .history import RunPictures, fit, load_history, picture_text, repeated
from .native import NativeDialect
from .output import output_of
from .schema import SchemaDialect
from .taint import untrusted_values

Style = Literal["auto", "native", "schema"]
State = dict[str, Any]

# Turns with the same calls and the same outcomes: then a model is given up.
STUCK = 5
# What a prompt may take of a model's context; the rest is for the reply.
SHARE = 0.75
STEPS = 50
DONE, AGAIN, LEAVE = "it happened", "do it again", "leave it"


class AgentState(TypedDict, total=False):
    """``task`` and ``images`` (digests) go in; ``answer`` and ``output`` come out. The rest is the agent's own.

    ``history`` holds dumped messages after the task, ``calls`` what is still to be done of the last decision.
    """

    task: str
    images: list[str]
    history: list[dict[str, Any]]
    calls: list[dict[str, Any]]
    verdict: str
    why: str | None
    next: str
    draft: Any
    repaired: bool
    evidence: list[dict[str, Any]]
    answer: str | None
    output: Any
    failure: str | None


class Agent(GraphAgent):
    """An agent with tools, for any model that can call tools or follow a schema.

    ``tools``: typed documented functions, ``Tool`` objects, toolsets, LangChain tools, or ``module:name``.
    ``output``: a type that the answer must have; it is in the result as JSON data (``typed`` gives the instance).
    ``style``: how the model is asked; ``auto`` takes native tool calls where the model has them.

    Calls of one reply are made one after the other. What a tool raises as ``ToolError`` the model sees. A call
    that is irreversible, or changes something with a value that comes from untrusted text, needs the approval of
    ``settings.approve``; a policy set on the tool goes before. Steps are limited to 50 unless a budget says else.
    """

    kind = "agent"

    def __init__(
        self,
        model: str | Model | None = None,
        *,
        tools: Iterable[ToolLike] = (),
        output: Any = None,
        instructions: str = "",
        style: Style = "auto",
        may_ask: bool = True,
        **common: Any,
    ) -> None:
        super().__init__(model, **common)
        if self.limits.steps is None:
            self.limits = self.limits.model_copy(update={"steps": STEPS})
        self.tools = Toolset(tools)
        if taken := {ASK, ANSWER} & set(self.tools.names):
            raise UsageError(f"a tool can't be called {taken.pop()!r}", mend="rename it")
        self.instructions, self.style = instructions, style
        self._output = output_of(output)
        self._choices = Choices(self.tools.specs, self._output, may_ask)

    def options(self) -> dict[str, Any]:
        output = self._output
        return {
            "tools": [tool.reference or f"?:{tool.name}" for tool in self.tools],
            "output": None if output is None else output.reference or f"?:{output.kind!r}",
            "instructions": self.instructions,
            "style": self.style,
            "may_ask": self._choices.may_ask,
        }

    def typed(self, result: Result) -> Any:
        """Return a result's output as an instance of the output type; None when there is none."""
        if self._output is None or result.output is None:
            return None
        return self._output.typed(result.output)

    def keep(self, run: Run, arguments: dict[str, Any]) -> dict[str, Any]:
        images: Sequence[Any] = arguments.pop("images", ())
        if arguments:
            raise UsageError(f"the agent takes no {', '.join(arguments)}", mend="images=[...]")
        opened = [Image.open(item) for item in images]
        for image in opened:
            image.pixels  # noqa: B018 - a damaged picture is an error now, not after a model call
        return {"images": [run.put_image(image) for image in opened]}

    def begin(self, task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"task": task, "images": arguments.get("images", []), "history": [], "calls": []}

    def outcome(self, state: dict[str, Any]) -> Outcome:
        evidence = [Evidence.model_validate(item) for item in state.get("evidence", ())]
        return Outcome(state.get("answer"), evidence, state.get("output"), state.get("failure"))

    def build(self) -> StateGraph:
        graph = StateGraph(AgentState)
        graph.add_node("decide", self.node(self.decide, step=True))
        for function in (self.act, self.ask, self.approve, self.confirm, self.finish):
            graph.add_node(function.__name__, self.node(function))
        graph.add_edge(START, "decide")
        steps = ["decide", "act", "ask", "approve", "confirm", "finish", END]
        for name in steps[:-1]:
            graph.add_conditional_edges(name, lambda state: state["next"], steps)
        return graph

    # Nodes.

    async def decide(self, state: State, context: Context) -> State:
        """Ask the model what to do next."""
        history = state.get("history", [])
        repeats = repeated(history)
        if repeats >= STUCK:
            return {"failure": f"the model made the same call {repeats} times", "next": END}
        model = await context.model("decide")
        dialect = self._dialect(model)
        prompt = [Message.system(dialect.brief(self.instructions, self._choices))]
        prompt.append(self._task(state, context, sees=model.capabilities.images))
        prompt += load_history(context.run, history, sees=model.capabilities.images)
        room = model.capabilities.context
        choices = replace(self._choices, insist=repeats >= dialect.patience)
        decision = await dialect.decide(model, fit(prompt, int(room * SHARE) if room else None), choices)
        said = dump([decision.message])
        calls = said[0].get("tool_calls", [])
        update: State = {"history": [*history, *said], "calls": calls}
        if not calls:
            return {**update, "draft": decision.answer, "next": "finish"}
        return {**update, **self._gate(calls, update["history"], state, context)}

    async def act(self, state: State, context: Context) -> State:
        """Make the first of the calls that are left."""
        call, verdict = state["calls"][0], state.get("verdict", "auto")
        evidence: list[dict[str, Any]] = []
        if verdict == "deny":
            return self._told(state, context, Text("This call is not allowed.", "observation"))
        try:
            tool = self.tools.get(call["name"])
            outcome = await perform(tool, call["arguments"], context, approved=verdict == "yes")
            parts = outcome_parts(outcome, ToolContext(context), pictures=True)
            if tool.effect == "inner" and isinstance(outcome, dict):
                evidence = outcome.get("evidence", [])
        except ToolError as error:
            parts = [Text(f"Error: {error}", "observation", "untrusted")]
        except UnknownAction as unknown:
            return {"next": "confirm", "why": str(unknown)}
        update = self._told(state, context, *parts)
        return {**update, "evidence": [*state.get("evidence", []), *evidence]}

    async def ask(self, state: State, context: Context) -> State:
        """Ask the user what the model wants to know."""
        given = state["calls"][0]["arguments"]
        choices = given.get("choices")
        answer = ask_user(
            str(given.get("question") or "What should I know?"),
            choices=[str(choice) for choice in choices] if isinstance(choices, list) else [],
        )
        return self._told(state, context, Text(answer, "instruction"))

    async def approve(self, state: State, context: Context) -> State:
        """Ask the user whether the next call may be made."""
        call = state["calls"][0]
        shown = self.tools.get(call["name"]).describe(call["arguments"])
        answer = ask_user(
            f"Allow {shown}?", missing="approval", choices=["yes", "no"], why=state.get("why")
        ).strip()
        if answer.casefold() in ("yes", "y", "ok", "allow"):
            return {"verdict": "yes", "next": "act"}
        words = "" if answer.casefold() in ("no", "n") else f" They said: {answer}"
        return self._told(state, context, Text(f"The user did not allow this call.{words}", "instruction"))

    async def confirm(self, state: State, context: Context) -> State:
        """Ask what became of a call that a crash cut off."""
        call = state["calls"][0]
        tool = self.tools.get(call["name"])
        answer = ask_user(
            f"The run was cut off during {tool.describe(call['arguments'])}. What now?",
            missing="unknown action",
            choices=[DONE, AGAIN, LEAVE],
            why=state.get("why"),
        ).strip()
        if answer == AGAIN:
            return {"verdict": "yes", "next": "act"}
        if answer == DONE:
            context.run.journal.settle(effect_of(tool, call["arguments"]), None)
            return self._told(state, context, Text("Done, but the outcome is lost.", "observation"))
        words = "" if answer == LEAVE else f" The user said: {answer}"
        return self._told(state, context, Text(f"This call was not made.{words}", "instruction"))

    async def finish(self, state: State, context: Context) -> State:
        """Check the answer; what does not fit goes back to the model once."""
        call = next(iter(state.get("calls", ())), None)
        try:
            return {**self._checked(state, call), "next": END}
        except ToolError as error:
            if state.get("repaired"):
                return {"failure": error.message, "next": END}
            told = Text(f"{error.message}. Answer again.", "instruction")
            history = [*state["history"], *dump(_sent_back(told, state.get("calls", [])))]
            return {"history": history, "repaired": True, "calls": [], "next": "decide"}

    # Inside.

    def _checked(self, state: State, call: dict[str, Any] | None) -> State:
        draft = state.get("draft")
        if self._output is None:
            if not draft:
                raise ToolError("the answer is empty")
            return {"answer": draft}
        if call is None:
            output = self._output.read(draft or "")
        else:
            output = self._output.validate(self._output.unwrap(call["arguments"]))
        return {"output": output, "answer": _text_of(output)}

    def _dialect(self, model: Model) -> Dialect:
        can = model.capabilities
        if self.style == "native" or (self.style == "auto" and can.tools):
            return NativeDialect()
        if not can.schema:
            raise UnsupportedCapability(
                f"{model.reference} can neither call tools nor follow a schema", mend=INSTEAD["schema"]
            )
        return SchemaDialect()

    def _task(self, state: State, context: Context, *, sees: bool) -> Message:
        pictures = RunPictures(context.run)
        images = [pictures[digest] for digest in state.get("images", [])]
        names = [Text(f"[{picture_text(image)}]", "observation") for image in images]
        shown = [Picture(image) for image in images] if sees else []
        return Message.user(Text(state["task"], "instruction"), *names, *shown)

    def _gate(
        self,
        calls: list[dict[str, Any]],
        history: list[dict[str, Any]],
        state: State,
        context: Context,
    ) -> State:
        """Return where the first of the calls goes: to the user, to the tool, to the end."""
        if not calls:
            return {"next": "decide", "calls": []}
        call = calls[0]
        if call["name"] == ASK and self._choices.may_ask:
            return {"next": "ask"}
        if call["name"] == ANSWER and self._output is not None:
            return {"next": "finish"}
        verdict, why = self._verdict(call, history, state, context)
        return {"next": "approve" if verdict == "ask" else "act", "verdict": verdict, "why": why}

    def _verdict(
        self, call: dict[str, Any], history: list[dict[str, Any]], state: State, context: Context
    ) -> tuple[Approval, str | None]:
        arguments = call["arguments"]
        try:
            tool = self.tools.get(call["name"])
            tool.check(arguments, ToolContext(context))
        except ToolError:
            # The call can't be made; nobody needs to allow it. The model is told by the node that tries.
            return "auto", None
        said = tool.approval(arguments)
        if said is not None:
            return said, None
        if tool.effect == "irreversible":
            return self.settings.approve, "it can't be undone"
        if tool.effect in ("once", "replayable"):
            trusted = f"{state['task']}\n{self.instructions}"
            found = untrusted_values(arguments, history, trusted)
            if found:
                return self.settings.approve, f"{found[0]!r} comes from what a tool gave, not from you"
        return "auto", None

    def _told(self, state: State, context: Context, *parts: Text | Picture) -> State:
        """Answer the first call with ``parts`` and go on to the next."""
        call, *rest = state["calls"]
        history = [*state["history"], *dump([Message.tool(call["id"], *parts)])]
        return {"history": history, "calls": rest, **self._gate(rest, history, state, context)}


def _sent_back(told: Text, calls: list[dict[str, Any]]) -> list[Message]:
    """Return what a refused answer is told. Every call must be answered, also those after the answer."""
    if not calls:
        return [Message.user(told)]
    rest = [Message.tool(call["id"], Text("Not made.", "observation")) for call in calls[1:]]
    return [Message.tool(calls[0]["id"], told), *rest]


def _text_of(output: Any) -> str:
    return output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
