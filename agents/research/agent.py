"""The research agent: OmniSearch's loop with restraint and a critic, as a graph.

plan -> (search, calculate, look closer, ask: side by side) -> judge: is it enough? -> plan again, or answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from agentkit.content import Image
from agentkit.contracts.event import Found, Note, Retrieved
from agentkit.contracts.result import Evidence
from agentkit.errors import MissingExtra, UsageError
from agentkit.models import Model
from agentkit.models.embed import Embedder
from agentkit.runtime.agent import GraphAgent, Outcome
from agentkit.runtime.ask import ask_user
from agentkit.runtime.context import Context
from agentkit.runtime.inner import run_inside
from agentkit.runtime.run import Run

from ...tools.retrieval import Source
from ...tools.retrieval.catalog import load_source, web_source
from ...tools.retrieval.reader import Reader as PageReader
from ..search import VisualSearchAgent
from . import answer as answering
from .critic import Critic, critic_of
from .judging import Judge, weakest
from .planning import Draft, Plan, Planner, View, free_actions, planner_of
from .reading import reader_of
from .state import Action, ActionKind, Finding, Judgement, ResearchState, findings
from .working import Worker

Strategy = Literal["plan", "two_step", "none"]
Writing = Literal["auto", "always", "never"]
STRATEGIES: tuple[Strategy, ...] = ("plan", "two_step", "none")
WEB = "web"


class ResearchAgent(GraphAgent):
    """Answers questions from sources, with a number for every source, or says what is missing.

    ``sources``: ``Source`` objects, or references: ``index:DIR``, ``web``, and others of ``tools.retrieval.catalog``.
    ``critic``: ``trained`` (shipped), ``trained:FILE``, ``prompted``, ``none``, or a ``Critic``.
    ``strategy``: ``plan``; ``none`` (no retrieval) and ``two_step`` (always the same two searches) are baselines.
    ``write``: whether the model writes plans, notes and the answer (OmniSearch), or ranks and quotes; ``auto``: it
    writes when it cannot score options. ``price``: what a search costs beside a right answer, which is worth 1.
    ``max_searches``, ``max_rounds``: then it answers with what there is, or refuses. ``own``: may answer from what
    the model knows, marked as such. ``pages`` reads web pages to the end; its policy says which addresses it may.

    ``run(question, images=[...])``. The result's answer has one source number or mark a sentence; its evidence is in
    the order of these numbers. Its output: ``short`` (the answer alone, None when refused), ``missing``, ``chain``,
    ``searches`` (made) and ``enough`` (how many of them the answer rests on), ``confidence``, ``as_of``, ``conflicts``.
    """

    kind = "research"

    def __init__(
        self,
        model: str | Model | None = None,
        sources: Sequence[str | Source] = (),
        critic: str | Critic | None = "trained",
        *,
        strategy: Strategy = "plan",
        write: Writing = "auto",
        price: float = 0.1,
        max_searches: int = 8,
        max_rounds: int = 6,
        own: bool = True,
        pages: PageReader | None = None,
        **common: Any,
    ) -> None:
        if strategy not in STRATEGIES:
            raise UsageError(f"there is no strategy {strategy!r}", mend="one of " + ", ".join(STRATEGIES))
        if write not in ("auto", "always", "never"):
            raise UsageError(f"write is auto, always or never, not {write!r}")
        super().__init__(model, **common)
        self.sources = [source_of(source) if isinstance(source, str) else source for source in sources]
        self._named = [source if isinstance(source, str) else f"?:{source.name}" for source in sources]
        self.critic = critic_of(critic) if isinstance(critic, str) or critic is None else critic
        self.strategy: Strategy = strategy
        self.write: Writing = write
        self.price, self.own = price, own
        self.pages = pages or PageReader()
        self.max_searches, self.max_rounds = max_searches, max_rounds
        if strategy != "none" and not self.sources:
            raise UsageError("there is nothing to search", mend="an index: --index DIR, or the web: --web")

    def options(self) -> dict[str, Any]:
        """Return the constructor's own arguments; sources and critics given as objects must be given again."""
        return {
            "sources": self._named,
            "critic": self.critic.reference if self.critic is not None else "none",
            "strategy": self.strategy,
            "write": self.write,
            "price": self.price,
            "max_searches": self.max_searches,
            "max_rounds": self.max_rounds,
            "own": self.own,
        }

    def keep(self, run: Run, arguments: dict[str, Any]) -> dict[str, Any]:
        images: Any = arguments.pop("images", None) or []
        if isinstance(images, (str, bytes, Path, Image)):
            images = [images]
        if arguments:
            raise UsageError(f"research takes no {', '.join(arguments)}", mend="images=[...]")
        opened = [Image.open(item) for item in images]
        for image in opened:
            _ = image.pixels
        return {"images": [run.put_image(image) for image in opened]}

    def begin(self, task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"task": task, "images": arguments.get("images", []), "round": 0, "done": {}, "judgements": []}

    def build(self) -> StateGraph:
        graph = StateGraph(ResearchState)
        graph.add_node("plan", self.node(self._plan, step=True))
        for name, function in (("work", self._work), ("look", self._look), ("ask", self._ask)):
            graph.add_node(name, self.node(function))
            graph.add_edge(name, "judge")
        graph.add_node("judge", self.node(self._judge))
        graph.add_node("answer", self.node(self._answer, step=True))
        graph.add_edge(START, "plan")
        graph.add_conditional_edges("plan", _fan_out, ["work", "look", "ask", "judge", "answer"])
        graph.add_conditional_edges("judge", lambda state: state["next"], ["plan", "answer"])
        graph.add_edge("answer", END)
        return graph

    def outcome(self, state: dict[str, Any]) -> Outcome:
        """Return the answer; of a run that was cut short, what the last draft would have been."""
        found = findings(state)
        made = sum(finding.searched for finding in found)
        final = state.get("final")
        if final is None:
            chain = [f for f in found if f.answer]
            evidence = [f.passage.evidence() for f in chain if f.passage is not None]
            return Outcome(None, evidence, {"short": None, "searches": made, "chain": _chain(found)})
        evidence = [Evidence.model_validate(item) for item in final["evidence"]]
        output = {key: value for key, value in final.items() if key not in ("text", "evidence")}
        return Outcome(final["text"], evidence, output | {"searches": made, "chain": _chain(found)})

    # Nodes.

    async def _plan(self, state: ResearchState, context: Context) -> dict[str, Any]:
        """Decide what to do in this round; round 0 is what needs no search."""
        model = await context.model("decide")
        today = state.get("today") or (await context.clock.now()).date().isoformat()
        round_ = state.get("round", 0)
        view = self._view(state, model, round_=round_, today=today)
        if round_ == 0 and self.strategy != "two_step":
            actions = free_actions(view, samples=self.own or self.strategy == "none")
            if actions or self.strategy == "none":
                return {
                    "today": today,
                    "round": 1,
                    "todo": [a.model_dump() for a in actions],
                    "next": "judge",
                }
        round_ = max(round_, 1)
        view = self._view(state, model, round_=round_, today=today)
        plan = await self._planner(model).plan(model, view)
        if plan.decided is not None:
            context.run.emit(plan.decided)
        if plan.thought:
            context.run.emit(Note(text=plan.thought))
        actions = self._allowed(plan, state, view)
        return {
            "today": today,
            "round": round_ + 1,
            "todo": [action.model_dump() for action in actions],
            "said": plan.answer or "",
            "next": "judge" if actions or plan.answer else "answer",
        }

    async def _work(self, state: dict[str, Any], context: Context) -> dict[str, Any]:
        model = await context.model("decide")
        action = Action.model_validate(state["todo"][0])
        reader = reader_of(model, rank=not self._writes(model), embedder=self._embedder)
        worker = Worker(self.sources, reader, model, context, self.pages)
        image = context.run.get_image(state["images"][0]) if state.get("images") else None
        found = await worker.do(action, findings(state), image, state["round"] - 1)
        return self._found(_with_pictures(found, context.run), context)

    async def _look(self, state: dict[str, Any], context: Context) -> dict[str, Any]:
        """Look closely at the given picture: a visual search of its own, inside this node."""
        action = Action.model_validate(state["todo"][0])
        inner = VisualSearchAgent(cast=self.cast, settings=self.settings)
        images = [context.run.get_image(digest) for digest in state["images"]]
        outcome = await run_inside(inner, context, action.query or action.ask, {"images": images})
        region = outcome.evidence[0] if outcome.evidence else None
        answer = outcome.answer if not (outcome.output or {}).get("missing") else None
        found = Finding(
            action=action,
            round=state["round"] - 1,
            origin="look",
            answer=answer,
            quote=answer or "",
            image=region.image if region else state["images"][0],
            box=region.box if region else None,
            probability=(region.score or 0.5) if region else 0.0,
            covers=0.5,
        )
        return self._found(found, context)

    async def _ask(self, state: dict[str, Any], context: Context) -> dict[str, Any]:
        action = Action.model_validate(state["todo"][0])
        answer = ask_user(
            action.query or action.ask, missing=action.ask, why="the sources can't tell"
        ).strip()
        found = Finding(
            action=action,
            round=state["round"] - 1,
            origin="user",
            answer=answer,
            quote=answer,
            covers=1.0,
            probability=1.0,
        )
        return self._found(found, context)

    async def _judge(self, state: ResearchState, context: Context) -> dict[str, Any]:
        """Weigh the draft answer: enough, or another round?"""
        model = await context.model("decide")
        view, draft = await self._draft(state, context)
        judge = Judge(self.strategy, self.critic, self.price)
        judgement = await judge.weigh(model, view, draft)
        more = self._may_search(view)
        enough = draft.answer is not None and draft.open == 0 and judge.enough(draft, judgement)
        on = more and not enough and self.strategy != "none"
        kept = [*state.get("judgements", []), judgement.model_dump()]
        said = f"draft: {draft.answer}; right with {judgement.probability:.2f}"
        context.run.emit(Note(text=said if draft.answer else "no answer yet"))
        return {"judgements": kept, "next": "plan" if on else "answer"}

    async def _answer(self, state: ResearchState, context: Context) -> dict[str, Any]:
        """Write the answer with its sources, or say what is missing."""
        model = await context.model("decide")
        view, draft = await self._draft(state, context)
        judged = [Judgement.model_validate(item) for item in state.get("judgements", [])]
        last = judged[-1] if judged else None
        judge = Judge(self.strategy, self.critic, self.price)
        if draft.answer is None or judge.refuses(draft, last):
            left = draft.left if draft.answer is None else weakest(draft)
            written = answering.refuse(state["task"], left, draft.chain, view.found)
        elif self._writes(model) and self.strategy == "plan" and draft.chain:
            written = await answering.write(model, state["task"], draft.answer, draft.chain)
        else:
            written = answering.compose(draft.answer, draft.chain)
        for item in written.evidence:
            context.run.emit(Found(evidence=item))
        final = {
            "text": written.text,
            "short": written.short,
            "sentences": written.sentences,
            "missing": written.missing,
            "as_of": written.as_of,
            "conflicts": written.conflicts,
            "judgements": state.get("judgements", []),
            "confidence": last.probability if last is not None else None,
            "enough": len({f.action.id for f in draft.chain if f.searched}),
            "evidence": [item.model_dump(mode="json") for item in written.evidence],
        }
        return {"final": final, "answer": written.text}

    # Inside.

    async def _embedder(self) -> Embedder | None:
        """Return what embeds sentences for the reader, None where none is installed."""
        try:
            return await self.cast.embedder()
        except MissingExtra:
            return None

    def _view(self, state: Any, model: Model, *, round_: int, today: str) -> View:
        can: set[ActionKind] = {"compute"}
        abilities = set().union(*(source.capabilities for source in self.sources)) if self.sources else set()
        pictures = bool(state.get("images"))
        if "text->text" in abilities:
            can |= {"text", "read"}
        if "text->image" in abilities:
            can.add("picture_by_text")
        if pictures and "image->image" in abilities:
            can.add("picture")
        # A look by the embedded model costs more than it tells of most pictures: only by a model that was chosen.
        if pictures and (model.capabilities.images or self.settings.see):
            can.add("look")
        if self._writes(model):
            can.add("ask")
        return View(state["task"], today, pictures, findings(state), round_, frozenset(can))

    async def _draft(self, state: ResearchState, context: Context) -> tuple[View, Draft]:
        model = await context.model("decide")
        # The round that has just been done.
        view = self._view(state, model, round_=state.get("round", 1) - 1, today=state.get("today", ""))
        return view, self._planner(model).draft(view, state.get("said") or None)

    def _may_search(self, view: View) -> bool:
        made = sum(finding.searched for finding in view.found)
        return view.round < self.max_rounds and made < self.max_searches

    def _allowed(self, plan: Plan, state: ResearchState, view: View) -> list[Action]:
        """Return the actions that are possible and not just made; the rest of the budget limits their number."""
        made = sum(finding.searched for finding in view.found)
        before = {(f.action.kind, f.action.ask, f.action.query) for f in view.found}
        actions = [a for a in plan.actions if a.kind in view.can and (a.kind, a.ask, a.query) not in before]
        return actions[: max(self.max_searches - made, 0)]

    def _planner(self, model: Model) -> Planner:
        return planner_of(self.strategy, write=self._writes(model))

    def _writes(self, model: Model) -> bool:
        return self.write == "always" or (self.write == "auto" and not model.capabilities.scoring)

    def _found(self, found: Finding, context: Context) -> dict[str, Any]:
        """Tell of a finding, and put it into the state under a name of its own."""
        action = found.action
        context.run.emit(
            Retrieved(
                action=action.kind,
                ask=action.ask,
                query=action.query or action.ask,
                searched=found.searched,
                answer=found.answer,
                quote=found.quote,
                confidence=found.probability,
                as_of=found.as_of,
                passages=[p.model_dump(mode="json") for p in found.passages],
                errors=found.errors,
            )
        )
        for error in found.errors:
            context.run.emit(Note(level="warning", text=error))
        return {"done": {action.id: found.model_dump(mode="json")}}


def source_of(reference: str) -> Source:
    """Return a source by name: ``web`` (this machine's web search), or see ``agentkit.tools.retrieval.catalog``."""
    return web_source() if reference == WEB else load_source(reference)


def _fan_out(state: ResearchState) -> list[Send] | str:
    """Send every action to a branch of its own."""
    todo = state.get("todo", [])
    if not todo:
        return state.get("next", "answer")
    homes = {"look": "look", "ask": "ask"}
    shared = {key: value for key, value in state.items() if key in ("task", "images", "round", "done")}
    return [Send(homes.get(action["kind"], "work"), {**shared, "todo": [action]}) for action in todo]


def _with_pictures(found: Finding, run: Run) -> Finding:
    """Keep the picture that a finding rests on in the run, so that its report can show it."""
    passage = found.passage
    if passage is None or passage.picture is None or "://" in passage.picture:
        return found
    path = Path(passage.picture)
    if not path.is_file():
        return found
    digest = run.put_image(Image.open(path))
    return found.model_copy(update={"passage": passage.model_copy(update={"image": digest})})


def _chain(found: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return the findings in short, for the result."""
    return [
        {
            "round": finding.round,
            "action": finding.action.kind,
            "ask": finding.action.ask,
            "query": finding.action.query,
            "searched": finding.searched,
            "answer": finding.answer,
            "quote": finding.quote,
            "confidence": finding.probability,
            "documents": [passage.document or passage.id for passage in finding.passages],
            "errors": finding.errors,
        }
        for finding in found
    ]
