"""The chat agent: one turn of a conversation is one run, and a supervisor that says where it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph

from agentkit.content import Image, Message, dump, images_of
from agentkit.contracts.event import Condensed, Note, Said
from agentkit.contracts.result import Evidence
from agentkit.errors import MissingExtra, UsageError
from agentkit.models import Model, Sampling
from agentkit.runtime.agent import GraphAgent, Outcome
from agentkit.runtime.ask import ask_user
from agentkit.runtime.context import Context
from agentkit.runtime.inner import run_inside
from agentkit.runtime.journal import Effect
from agentkit.runtime.run import Run
from agentkit.toolset import Toolset
from agentkit.toolset.toolset import ToolLike

from ...memory.condensed import Beside
from ...memory.conversations import Conversations, Turn, checked_name
from ...tools.retrieval import Source
from . import past, routing
from .ability import Ability, built_in, with_own
from .asking import LOST, Unclear, unclear
from .gather import Past, extended, tokens_of
from .nearness import Nearness
from .prompt import edits_of, first_message, prompt_of, room_of
from .recollect import likeness, nearest, text_of
from .routing import Route

State = dict[str, Any]

STEPS = 60
SAMPLING = Sampling(max_tokens=512)
# What other abilities say holds words of pages, documents or tools.
OWN_WORDS = ("answer", "look")
INSTRUCTIONS = "You are a helpful assistant. Answer shortly and say when you do not know."


class ChatState(TypedDict, total=False):
    """Plain data: ``images`` are digests, ``route`` says how the turn goes.

    ``past`` are the turns that ``digest`` does not hold (dumped messages), with their ``keys``; ``first`` how many were
    before them, ``upto`` how many the digest holds, ``near`` those of them that matter now. ``said`` are the user's own
    words, a text for each earlier turn, also of those that are not in ``past``; ``pictures`` all earlier pictures.
    ``unclear`` is the question that an unclear turn raises, ``clarified`` what the user said to it.
    """

    task: str
    images: list[str]
    conversation: str | None
    url: str | None
    past: list[dict[str, Any]]
    keys: list[str]
    first: int
    digest: dict[str, Any] | None
    upto: int
    near: list[dict[str, Any]]
    said: list[str]
    pictures: list[str]
    route: str
    unclear: dict[str, Any]
    clarified: str
    answer: str | None
    output: Any
    evidence: list[dict[str, Any]]
    failure: str | None


class ChatAgent(GraphAgent):
    """Talks: answers, looks, acts on web pages, searches sources, calls tools, asks; and remembers what was said.

    ``arun(text, images=[...], conversation="name", url=None)`` is one turn and one run; ``astream`` gives its
    events, with the answer's text as ``Said`` events while it is written. Without a name nothing is recalled or
    remembered; ``past=[Message, ...]`` then is what was said before. A picture or an address in the turn settles
    where it goes; else its likeness to examples does, or the model. Questions of the abilities are questions of the
    turn: ``aresume(result, answer)``.

    ``sources`` (as ``ResearchAgent`` takes them) and ``tools`` (as ``Agent`` does) make ``research`` and ``tool``
    possible; None takes the settings'. ``abilities``: agents of your own by the name of an ability, or whole
    abilities (``Ability``), also new ones. ``memory`` is where conversations are (``Conversations``, a folder, None
    for the default one). ``strategy`` is the visual search's. ``boost`` multiplies a local model's attention on the
    user's standing instructions, which are restated in each prompt (see ``Ledger``). Steps are limited to 60 unless a budget says else.
    """

    kind = "chat"

    def __init__(
        self,
        model: str | Model | None = None,
        *,
        memory: Conversations | Path | str | None = None,
        instructions: str = INSTRUCTIONS,
        strategy: str = "vstar",
        sources: Sequence[str | Source] | None = None,
        tools: Iterable[ToolLike] | None = None,
        abilities: Mapping[Route, GraphAgent | Ability] | None = None,
        boost: float | None = None,
        **common: Any,
    ) -> None:
        super().__init__(model, **common)
        if self.limits.steps is None:
            self.limits = self.limits.model_copy(update={"steps": STEPS})
        self.conversations = memory if isinstance(memory, Conversations) else Conversations(memory)
        self.instructions, self.strategy, self.boost = instructions, strategy, boost
        self.sources = tuple(self.settings.sources if sources is None else sources)
        self.tools = Toolset(self.settings.tools if tools is None else tools)
        self.abilities = with_own(built_in(self.tools), abilities or {})
        self._nearness: Nearness | None = None

    def options(self) -> dict[str, Any]:
        """Return the constructor's own arguments; sources, tools and agents given as objects must be given again."""
        return {
            "memory": str(self.conversations.folder),
            "instructions": self.instructions,
            "strategy": self.strategy,
            "boost": self.boost,
            "sources": [item if isinstance(item, str) else f"?:{item.name}" for item in self.sources],
            "tools": [tool.reference or f"?:{tool.name}" for tool in self.tools],
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
        ledger = past.ledger(state)
        if ledger.live or ledger.conflicts:
            output["standing"] = ledger.dump()
        return Outcome(state.get("answer"), evidence, output, state.get("failure"))

    def build(self) -> StateGraph:
        """recall -> route -> (gather -> answer | another ability | wonder -> ask -> route | where) -> remember"""
        graph = StateGraph(ChatState)
        for function in (
            self.recall,
            self.route,
            self.where,
            self.wonder,
            self.ask,
            self.gather,
            self.remember,
        ):
            graph.add_node(function.__name__, self.node(function))
        graph.add_node("answer", self.node(self.answer, step=True))
        others = [name for name in self.abilities if name not in ("answer", "ask")]
        for name in others:
            graph.add_node(name, self.node(self._doing(name)))
        abilities = ["gather", *others]
        graph.add_edge(START, "recall")
        graph.add_edge("recall", "route")
        graph.add_conditional_edges("route", _next, [*abilities, "where", "wonder"])
        graph.add_conditional_edges("where", _next, ["gather", "browse"])
        graph.add_edge("wonder", "ask")
        graph.add_conditional_edges("ask", _next, [*abilities, "where", "route"])
        graph.add_edge("gather", "answer")
        for name in ("answer", *others):
            graph.add_edge(name, "remember")
        graph.add_edge("remember", END)
        return graph

    # Nodes.

    async def recall(self, state: ChatState, context: Context) -> State:
        """Read what was said before: the turns that no digest holds, the digest, and earlier turns that matter now."""
        name = state.get("conversation")
        if name is None:
            earlier = state.get("past", [])
            return {"past": earlier, "said": past.said(earlier), "pictures": past.pictures_in(earlier)}

        async def fetch() -> State:
            return await self._recalled(name, state.get("task", ""), context)

        return await context.run.journal.read("conversation", {"name": name}, fetch)

    async def route(self, state: ChatState, context: Context) -> State:
        """Find out what the turn needs."""
        if state.get("url"):
            return self._routed(context, "browse")
        text, possible = past.said_in(state), self.possible(state)
        found = routing.settled(text, pictures=bool(state.get("images")))
        if found not in possible:
            model = await context.model("decide")
            before = past.last_said(state.get("past", []))

            async def choose() -> Route:
                near = await self.nearness()
                return await routing.choose(model, text, possible, before=before, nearness=near)

            found = await context.run.journal.read("route", {"text": text, "among": list(possible)}, choose)
        return {**self._routed(context, found), "url": routing.url_in(text)}

    async def wonder(self, state: ChatState, context: Context) -> State:
        """Find the question that an unclear turn raises."""
        offers = {name: self.abilities[name].offer for name in self.possible(state) if name != "ask"}
        found = await unclear(await context.model("decide"), past.said_in(state), list(offers.values()))
        return {"unclear": found.dump()}

    async def ask(self, state: ChatState, context: Context) -> State:
        """Ask what an unclear turn means. What was offered settles where it goes, other words are added to it."""
        question = Unclear(**state.get("unclear", {}))
        answer = ask_user(question.text, choices=question.choices, missing="meaning", why=LOST).strip()
        chosen = [name for name, ability in self.abilities.items() if ability.offer == answer]
        if chosen and answer in question.choices:
            return self._routed(context, chosen[0])
        return {"clarified": answer, "route": ""}

    async def where(self, state: ChatState, context: Context) -> State:
        """Ask for the page that a web task starts from; without one the turn is answered in words."""
        answer = ask_user(
            "Which web page should I open?", missing="url", why="The task names no address to start from."
        )
        url = routing.address_of(answer)
        return {"url": url} if url else self._routed(context, "answer")

    async def gather(self, state: ChatState, context: Context) -> State:
        """Condense what of the past is too long for the model: once, into the digest that is kept with the turns."""
        known = Past.of(state)
        model = await context.model("decide")
        room = self._room(state, model)
        count = known.overflow(room)
        if not count:
            return {}
        before = sum(map(tokens_of, known.window[:count]))
        digest, trouble = await extended(model, known, count)
        if trouble is not None:
            context.run.emit(Note(level="warning", text=f"condensed by rules: {trouble}"))
        after = sum(line.tokens for line in digest.lines if line.turn > known.digest.upto)
        context.run.emit(Condensed(turns=count, upto=digest.upto, by=digest.by, tokens=before, left=after))
        name, keys = state.get("conversation"), state.get("keys", [])
        if name is not None:
            last = keys[digest.upto - known.first - 1]

            async def store() -> None:
                await asyncio.to_thread(Beside(self.conversations).keep_digest, name, last, digest.dump())

            arguments = {"conversation": name, "upto": last}
            effect = Effect("condense", arguments, f"condense earlier turns of {name!r}", replayable=True)
            await context.run.journal.act(effect, store)
        return {"digest": digest.dump(), "upto": digest.upto}

    async def answer(self, state: ChatState, context: Context) -> State:
        """Answer from the conversation, streaming."""
        model = await context.model("decide")
        images = [context.run.get_image(digest) for digest in state.get("images", [])]
        shown = images if model.capabilities.images else []
        ledger = past.ledger(state)
        for conflict in ledger.conflicts:
            context.run.emit(Note(text=conflict.text))
        known, said = Past.of(state), past.said_in(state)
        earlier = past.shown(context.run, [message for turn in known.window for message in turn])
        notes = known.notes(said, self._room(state, model))
        question = past.question(said, shown)
        prompt = prompt_of(self.instructions, earlier, question, ledger, room_of(model), notes)
        edits = edits_of(model, ledger, self.boost)
        text = ""
        async for chunk in model.stream(prompt, sampling=SAMPLING, edits=edits):
            if chunk.reply is not None:
                text = chunk.reply.text.strip()
            elif chunk.text:
                context.run.emit(Said(text=chunk.text))
        return {"answer": text} if text else {"failure": "the model said nothing"}

    async def remember(self, state: ChatState, context: Context) -> State:
        """Store the turn, also one that failed: the user did say it."""
        name = state.get("conversation")
        if name is None:
            return {}
        images = [context.run.get_image(digest) for digest in state.get("images", [])]
        said = state.get("answer") or f"(This failed: {state.get('failure') or 'there was no answer'})"
        messages = [
            past.question(state.get("task", ""), images, state.get("clarified")),
            past.reply(said, trusted=state.get("route") in OWN_WORDS),
        ]
        run = str(context.run.folder.path.resolve())

        async def store() -> None:
            await asyncio.to_thread(self.conversations.add, name, run, messages)

        effect = Effect("remember", {"conversation": name}, f"remember the turn in {name!r}", replayable=True)
        await context.run.journal.act(effect, store)
        return {}

    # Inside.

    async def _recalled(self, name: str, query: str, context: Context) -> State:
        """Return what a conversation brings to a turn, in one read of it: plain data."""
        beside = Beside(self.conversations)
        whole = await asyncio.to_thread(beside.read, name)
        old, new = whole.turns[: whole.upto], whole.turns[whole.upto :]
        near = [{"turn": i + 1, "messages": old[i].messages} for i in await self._near(name, old, query)]
        tail = [message for turn in new for message in turn.messages]
        shown = [*tail, *(message for item in near for message in item["messages"])]
        await asyncio.to_thread(past.put_pictures, self.conversations, shown, context.run)
        return {
            "past": tail,
            "keys": [turn.key for turn in new],
            "first": len(old),
            "said": [text for turn in whole.turns for text in past.said(turn.messages)],
            "digest": whole.digest,
            "upto": whole.upto,
            "near": near,
            "pictures": past.pictures_in([message for turn in whole.turns for message in turn.messages]),
        }

    async def _near(self, name: str, turns: Sequence[Turn], query: str) -> list[int]:
        """Return the places of the earlier turns that matter to a query, the best first."""
        if not turns:
            return []
        near = await self.nearness()
        texts = [text_of(turn.messages) for turn in turns]
        if near is None:
            return nearest(query, texts)
        like = await asyncio.to_thread(
            likeness, near.embedder, Beside(self.conversations), name, turns, query
        )
        return nearest(query, texts, like)

    def _room(self, state: ChatState, model: Model) -> int:
        """Return the tokens that the past may have in a prompt: what instructions and the turn leave."""
        first = first_message(self.instructions, past.ledger(state))
        fixed = tokens_of(dump([first, past.question(past.said_in(state), [])]))
        return max(room_of(model) - fixed, 0)

    def _routed(self, context: Context, route: Route) -> State:
        context.run.emit(Note(text=f"route: {route}"))
        return {"route": route}

    def possible(self, state: ChatState) -> dict[Route, Ability]:
        """Return the abilities that the turn can go to: to look needs a picture, to search a source."""
        pictures = bool(state.get("images")) or bool(state.get("pictures"))
        missing = {
            "look": not pictures,
            "research": not self.sources and self.abilities["research"].agent is None,
            "tool": not self.abilities["tool"].shots,
            # One question is enough.
            "ask": "unclear" in state,
        }
        return {name: ability for name, ability in self.abilities.items() if not missing.get(name)}

    async def nearness(self) -> Nearness | None:
        """Return what compares turns with examples, where an embedder costs nothing more than the model does.

        That is beside a model of this process, which has loaded torch already, or when an embedder is chosen. A
        script's lines are there for every decision, this one too.
        """
        # The model itself: what records its replies would not say that it is a script.
        model = await self.cast.get("decide")
        local = model.capabilities.scoring and model.capabilities.attention
        if getattr(model, "in_order", False) or not (local or self.settings.embed):
            return None
        if self._nearness is None:
            try:
                self._nearness = Nearness(await self.cast.embedder())
            except MissingExtra:
                # The chat needs no more than a model: then the model chooses.
                return None
        return self._nearness

    def _doing(self, name: Route) -> Callable[[Any, Context], Awaitable[State]]:
        """Return the node of an ability: its agent does the turn's task inside it."""

        async def do(state: ChatState, context: Context) -> State:
            given = self._given(name, state, context)
            outcome = await run_inside(self.agent_of(name), context, past.said_in(state), given)
            if outcome.answer:
                context.run.emit(Said(text=outcome.answer))
            return {
                "answer": outcome.answer,
                "failure": outcome.failure,
                "output": outcome.output,
                "evidence": [item.model_dump() for item in outcome.evidence],
            }

        do.__name__ = name
        return do

    def _given(self, name: Route, state: ChatState, context: Context) -> dict[str, Any]:
        """Return the arguments of an ability's agent: of what there is, what it takes."""
        digests = state.get("images") or []
        if name == "look" and not digests:
            digests = state.get("pictures", [])[-1:]
        known = {
            "images": [context.run.get_image(digest) for digest in digests] or None,
            "url": state.get("url"),
            "conversation": state.get("conversation"),
        }
        takes = self.abilities[name].takes
        return {key: value for key, value in known.items() if key in takes and value is not None}

    def agent_of(self, name: Route) -> GraphAgent:
        """Return the agent of an ability, loaded when it is first needed."""
        ability = self.abilities[name]
        if ability.agent is not None:
            return ability.agent
        agent = self._made(name)
        self.abilities[name] = replace(ability, agent=agent)
        return agent

    def _made(self, name: Route) -> GraphAgent:
        common: dict[str, Any] = {"settings": self.settings, "cast": self.cast}
        if name == "look":
            from ..search import VisualSearchAgent

            return VisualSearchAgent(strategy=self.strategy, **common)
        if name == "browse":
            from ..web import WebAgent

            return WebAgent(**common)
        if name == "research":
            from ..research import ResearchAgent

            return ResearchAgent(sources=self.sources, **common)
        from ..general import Agent

        return Agent(tools=self.tools, **common)


def _next(state: ChatState) -> str:
    route = state.get("route", "answer")
    if route == "browse" and not state.get("url"):
        return "where"
    # An answer is given with what is gathered of the past. An unclear turn asks; one that has been told more is routed again.
    return {"ask": "wonder", "": "route", "answer": "gather"}.get(route, route)
