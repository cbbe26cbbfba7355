"""The chat agent: one turn of a conversation is one run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph

from agentkit.content import Image, Message, dump, images_of
from agentkit.contracts.event import Note, Said
from agentkit.contracts.result import Evidence
from agentkit.errors import UsageError
from agentkit.models import Model, Sampling
from agentkit.runtime.agent import GraphAgent, Outcome
from agentkit.runtime.ask import ask_user
from agentkit.runtime.context import Context
from agentkit.runtime.inner import run_inside
from agentkit.runtime.journal import Effect
from agentkit.runtime.run import Run

from ...memory.conversations import Conversations, checked_name
from ..general.history import fit
from . import past, routing
from .routing import Route

State = dict[str, Any]

STEPS = 60
# More of the past is not recalled, and less of it shown when the model's context is short.
TURNS = 100
TOKENS = 3000
SHARE = 0.75
SAMPLING = Sampling(max_tokens=512)
INSTRUCTIONS = "You are a helpful assistant. Answer shortly and say when you do not know."


class ChatState(TypedDict, total=False):
    """Plain data: ``images`` are digests, ``past`` dumped messages, ``route`` how the turn goes."""

    task: str
    images: list[str]
    conversation: str | None
    url: str | None
    past: list[dict[str, Any]]
    route: str
    answer: str | None
    output: Any
    evidence: list[dict[str, Any]]
    failure: str | None


class ChatAgent(GraphAgent):
    """Talks: answers, looks at pictures, or does something on a web page, and remembers what was said.

    ``arun(text, images=[...], conversation="name", url=None)`` is one turn and one run; ``astream`` gives its
    events, with the answer's text as ``Said`` events while it is written. Without a name nothing is recalled or
    remembered; ``past=[Message, ...]`` then is what was said before. A picture or an address in the turn settles where it goes; else the model chooses, by likelihood
    where it scores options. Questions of the abilities are questions of the turn: ``aresume(result, answer)``.

    ``memory`` is where conversations are (``Conversations``, a folder, None for the default one).
    ``strategy`` is the visual search's; ``abilities`` are other agents for ``look`` and ``browse``. Steps are limited to 60 unless a budget says else.
    """

    kind = "chat"

    def __init__(
        self,
        model: str | Model | None = None,
        *,
        memory: Conversations | Path | str | None = None,
        instructions: str = INSTRUCTIONS,
        strategy: str = "vstar",
        abilities: Mapping[Route, GraphAgent] | None = None,
        **common: Any,
    ) -> None:
        super().__init__(model, **common)
        if self.limits.steps is None:
            self.limits = self.limits.model_copy(update={"steps": STEPS})
        self.conversations = memory if isinstance(memory, Conversations) else Conversations(memory)
        self.instructions, self.strategy = instructions, strategy
        self._abilities: dict[Route, GraphAgent] = dict(abilities or {})

    def options(self) -> dict[str, Any]:
        return {
            "memory": str(self.conversations.folder),
            "instructions": self.instructions,
            "strategy": self.strategy,
        }

    def keep(self, run: Run, arguments: dict[str, Any]) -> dict[str, Any]:
        given = dict(arguments)
        images = [Image.open(item) for item in given.pop("images", None) or ()]
        conversation, url = given.pop("conversation", None), given.pop("url", None)
        earlier: list[Message] = list(given.pop("past", None) or ())
        if given:
            raise UsageError(f"a turn takes no {', '.join(given)}", mend="images, conversation, past, url")
        if earlier and conversation is not None:
            raise UsageError("a named conversation knows its own past", mend="leave out past, or the name")
        if conversation is not None:
            checked_name(conversation)
        for image in [*images, *images_of(earlier)]:
            # Decoded now, so that a damaged picture is found before any call of a model.
            _ = image.pixels
        for image in images_of(earlier):
            run.put_image(image)
        return {
            "images": [run.put_image(image) for image in images],
            "conversation": conversation,
            "url": url,
            **({"past": dump(earlier)} if earlier else {}),
        }

    def begin(self, task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"task": task, **arguments}

    def outcome(self, state: dict[str, Any]) -> Outcome:
        evidence = [Evidence.model_validate(item) for item in state.get("evidence", ())]
        output = {"route": state.get("route"), "conversation": state.get("conversation")}
        if state.get("output") is not None:
            output["output"] = state["output"]
        return Outcome(state.get("answer"), evidence, output, state.get("failure"))

    def build(self) -> StateGraph:
        """recall -> route -> (answer | look | (where ->) browse) -> remember; where may end in answer"""
        graph = StateGraph(ChatState)
        for function in (self.recall, self.route, self.where, self.look, self.browse, self.remember):
            graph.add_node(function.__name__, self.node(function))
        graph.add_node("answer", self.node(self.answer, step=True))
        graph.add_edge(START, "recall")
        graph.add_edge("recall", "route")
        graph.add_conditional_edges("route", _next, ["answer", "look", "where", "browse"])
        graph.add_conditional_edges("where", _next, ["answer", "browse"])
        for ability in ("answer", "look", "browse"):
            graph.add_edge(ability, "remember")
        graph.add_edge("remember", END)
        return graph

    # Nodes.

    async def recall(self, state: ChatState, context: Context) -> State:
        """Read what was said before."""
        name = state.get("conversation")
        if name is None:
            return {"past": state.get("past", [])}

        async def fetch() -> list[dict[str, Any]]:
            return await asyncio.to_thread(past.recall, self.conversations, name, context.run, TURNS)

        return {"past": await context.run.journal.read("conversation", {"name": name}, fetch)}

    async def route(self, state: ChatState, context: Context) -> State:
        """Find out what the turn needs."""
        text, here = state.get("task", ""), bool(state.get("images"))
        earlier = past.pictures_in(state.get("past", []))
        if state.get("url"):
            return self._routed(context, "browse")
        found = routing.settled(text, pictures=here)
        if found is None:
            routes = routing.possible(pictures=here or bool(earlier))
            found = await routing.choose(await context.model("decide"), text, routes)
        return {**self._routed(context, found), "url": routing.url_in(text)}

    async def where(self, state: ChatState, context: Context) -> State:
        """Ask for the page that a web task starts from; without one the turn is answered in words."""
        answer = ask_user(
            "Which web page should I open?", missing="url", why="The task names no address to start from."
        )
        url = routing.address_of(answer)
        return {"url": url} if url else self._routed(context, "answer")

    async def answer(self, state: ChatState, context: Context) -> State:
        """Answer from the conversation, streaming."""
        model = await context.model("decide")
        images = [context.run.get_image(digest) for digest in state.get("images", [])]
        shown = images if model.capabilities.images else []
        prompt = [
            Message.system(self.instructions),
            *past.shown(context.run, state.get("past", [])),
            past.question(state.get("task", ""), shown),
        ]
        room = model.capabilities.context
        tokens = TOKENS if room is None else min(TOKENS, int(room * SHARE))
        text = ""
        async for chunk in model.stream(_bounded(prompt, tokens), sampling=SAMPLING):
            if chunk.reply is not None:
                text = chunk.reply.text.strip()
            elif chunk.text:
                context.run.emit(Said(text=chunk.text))
        return {"answer": text} if text else {"failure": "the model said nothing"}

    async def look(self, state: ChatState, context: Context) -> State:
        """Let the visual search answer about the turn's pictures, or else about the latest of earlier turns."""
        digests = state.get("images") or past.pictures_in(state.get("past", []))[-1:]
        images = [context.run.get_image(digest) for digest in digests]
        return await self._with("look", state, context, {"images": images})

    async def browse(self, state: ChatState, context: Context) -> State:
        """Let the web agent do the task."""
        known = {"url": state.get("url"), "conversation": state.get("conversation")}
        given = {name: value for name, value in known.items() if value is not None}
        return await self._with("browse", state, context, given)

    async def remember(self, state: ChatState, context: Context) -> State:
        """Store the turn, also one that failed: the user did say it."""
        name = state.get("conversation")
        if name is None:
            return {}
        images = [context.run.get_image(digest) for digest in state.get("images", [])]
        said = state.get("answer") or f"(This failed: {state.get('failure') or 'there was no answer'})"
        messages = [
            past.question(state.get("task", ""), images),
            past.reply(said, trusted=state.get("route") != "browse"),
        ]
        run = str(context.run.folder.path.resolve())

        async def store() -> None:
            await asyncio.to_thread(self.conversations.add, name, run, messages)

        effect = Effect("remember", {"conversation": name}, f"remember the turn in {name!r}", replayable=True)
        await context.run.journal.act(effect, store)
        return {}

    # Inside.

    def _routed(self, context: Context, route: Route) -> State:
        context.run.emit(Note(text=f"route: {route}"))
        return {"route": route}

    async def _with(
        self, route: Route, state: ChatState, context: Context, arguments: Mapping[str, Any]
    ) -> State:
        outcome = await run_inside(self._ability(route), context, state.get("task", ""), arguments)
        if outcome.answer:
            context.run.emit(Said(text=outcome.answer))
        return {
            "answer": outcome.answer,
            "failure": outcome.failure,
            "output": outcome.output,
            "evidence": [item.model_dump() for item in outcome.evidence],
        }

    def _ability(self, route: Route) -> GraphAgent:
        """Return the agent of a route, loaded when it is first needed."""
        if route not in self._abilities:
            if route == "look":
                from ..search import VisualSearchAgent

                self._abilities[route] = VisualSearchAgent(
                    strategy=self.strategy, settings=self.settings, cast=self.cast
                )
            else:
                from ..web import WebAgent

                self._abilities[route] = WebAgent(settings=self.settings, cast=self.cast)
        return self._abilities[route]


def _next(state: ChatState) -> str:
    route = state.get("route", "answer")
    return "where" if route == "browse" and not state.get("url") else route


def _bounded(prompt: list[Message], tokens: int) -> list[Message]:
    """Return the prompt within ``tokens``: the instructions, this turn, and as much of the past as fits."""
    system, *earlier, question = prompt
    # ``fit`` keeps the head; this turn is put there while it measures.
    kept = fit([system, question, *earlier], tokens)
    return [kept[0], *kept[2:], kept[1]]
