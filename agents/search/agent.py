"""The visual search agent: SEAL's loop as a graph.

look at the whole picture -> what must be found? -> search for each -> answer from what was found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Required, TypedDict

from langgraph.graph import END, START, StateGraph

from agentkit.content import Image
from agentkit.contracts.event import Decided, Found, Note
from agentkit.errors import UsageError
from agentkit.models.base import Model
from agentkit.runtime.agent import GraphAgent, Outcome
from agentkit.runtime.budget import Budget
from agentkit.runtime.context import Context
from agentkit.runtime.run import Run

from .aim import Aim
from .answer import Answer, look
from .auto import choose
from .conclusion import Case, conclude
from .cues import ModelCue
from .evidence import evidence, found, missing, whole_picture
from .experts import MakeExpert, TextExpert, make_expert
from .eyes import Crops, Eyes
from .parts import Strategy
from .reading import can_read
from .strategies import (
    AUTO,
    CUES,
    DIRECT,
    OWN,
    STRATEGIES,
    Kit,
    MakeCue,
    MakeStrategy,
    make_vstar,
)
from .targets import aims_of
from .tree import FocusTree


class SearchState(TypedDict, total=False):
    """Plain data only. As a node of another graph: ``task`` and ``images`` in, ``answer`` out.

    ``images`` are digests of pictures of the run, or paths. ``trees``: a dumped focus tree a target and picture.
    """

    task: Required[str]
    images: Required[list[str]]
    sizes: list[list[int]]
    options: list[str]
    direct: dict[str, Any]
    chosen: str
    why: str
    targets: list[str]
    trees: list[dict[str, Any]]
    final: dict[str, Any]
    answer: str


@dataclass
class SearchContext(Context):
    """A run's dependencies, with its pictures decoded once and a bounded store of crops."""

    pictures: dict[str, Image] = field(default_factory=dict)
    crops: Crops = field(default_factory=Crops)

    def picture(self, name: str) -> Image:
        """Return a picture of the run by its digest; one that is named by its path joins the run."""
        if name not in self.pictures:
            known = re.fullmatch(r"[0-9a-f]{64}", name)
            image = self.run.get_image(name) if known else Image.open(name)
            self.pictures[self.run.put_image(image)] = self.pictures[name] = image
        return self.pictures[name]


class VisualSearchAgent(GraphAgent):
    """Answers questions about pictures, also about things too small to see in one look.

    ``strategy``: ``direct`` (one look at the whole picture), ``vstar``, ``dyfo`` or ``zoomeye`` (guided search),
    ``grid`` (a full scan), or ``auto`` (direct when the model is sure and the picture small, else ``vstar``; the
    result says why); or a function from ``Kit`` to a ``Strategy`` of one's own. ``expert`` says where exactly a thing is in a region: ``model`` (default), ``text``, ``hf:REF``,
    ``template:FILE``, or a function that makes one. ``cue`` says where to look next: ``model`` (its yes and no),
    ``attention`` (where a local model looked), or a function that makes one. ``constants``: changes to the strategy's
    configuration, by name. ``max_looks`` ends the search for one thing after that many image-text pairs, with the
    best so far.

    ``run(question, images=[...], options=[...])``: images are paths, bytes, Pillow images or ``Image``; with
    options the answer is one of them. The result's evidence has the regions in pixels of the original, with
    confidence and the path of boxes from the whole picture; its output has the direct answer beside the found
    things. Bad pictures raise ``ImageError``, no picture or senseless options ``UsageError``, before any call.
    """

    kind = "search"

    def __init__(
        self,
        model: str | Model | None = None,
        *,
        strategy: MakeStrategy | str = AUTO,
        expert: MakeExpert | str = "model",
        cue: MakeCue | str = "model",
        constants: Mapping[str, Any] | None = None,
        max_looks: int | None = None,
        **settings: Any,
    ) -> None:
        if isinstance(strategy, str):
            _known("search strategy", strategy, [AUTO, DIRECT, *STRATEGIES])
        if isinstance(cue, str):
            _known("cue", cue, CUES)
        super().__init__(model, **settings)
        self.strategy = strategy if isinstance(strategy, str) else OWN
        self.max_looks, self.constants = max_looks, dict(constants or {})
        given = {"strategy": strategy, "expert": expert, "cue": cue}
        self._named = {name: value for name, value in given.items() if isinstance(value, str)}
        self._make = STRATEGIES if isinstance(strategy, str) else {OWN: strategy}
        self.expert: MakeExpert = make_expert(expert) if isinstance(expert, str) else expert
        self.cue: MakeCue = CUES[cue] if isinstance(cue, str) else cue
        self._reader = TextExpert.maker()

    def options(self) -> dict[str, Any]:
        """Return the constructor's own arguments; a caller's own functions must be given again on resume."""
        return {"max_looks": self.max_looks, "constants": self.constants, **self._named}

    def make_context(self, run: Run, budget: Budget) -> SearchContext:
        context = SearchContext(run, budget, self.cast, self.control)
        # Large pictures are let go when the run is over, not when the garbage is next collected.
        context.stack.callback(context.pictures.clear)
        context.stack.callback(context.crops.clear)
        return context

    def keep(self, run: Run, arguments: dict[str, Any]) -> dict[str, Any]:
        """Check the arguments and keep the pictures in the run."""
        sources, options = arguments.get("images") or [], list(arguments.get("options") or [])
        if isinstance(sources, (str, bytes)) or not isinstance(sources, Sequence):
            sources = [sources]
        unknown = sorted(set(arguments) - {"images", "options"})
        if unknown:
            raise UsageError(f"the visual search takes images and options, not {', '.join(unknown)}")
        if not sources:
            raise UsageError("there is no picture to look at", mend="give images=[...], or --image FILE")
        check_options(options)
        images = [_own(Image.open(source)) for source in sources]
        for image in images:
            # Decoded now, so that a damaged picture is found before any call of a model.
            _ = image.pixels
        return {
            "images": [run.put_image(image) for image in images],
            "options": options,
        }

    def begin(self, task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"task": task, **arguments}

    def build(self) -> StateGraph:
        """look -> (plan -> search, one visited region a time -> answer)."""
        graph = StateGraph(SearchState)
        graph.add_node("look", self.node(self._look, step=True))
        graph.add_edge(START, "look")
        if self.strategy == DIRECT:
            graph.add_edge("look", END)
            return graph
        graph.add_node("plan", self.node(self._plan))
        graph.add_node("search", self.node(self._search, step=True))
        graph.add_node("answer", self.node(self._answer, step=True))
        graph.add_conditional_edges("look", _search_or_end, ["plan", END])
        graph.add_conditional_edges("plan", _next, ["search", "answer"])
        graph.add_conditional_edges("search", _next, ["search", "answer"])
        graph.add_edge("answer", END)
        return graph

    def outcome(self, state: dict[str, Any]) -> Outcome:
        """Return the answer from the finds, else the direct one; works on half-done states."""
        direct, final = state.get("direct"), state.get("final")
        trees = [FocusTree.load(data) for data in state.get("trees", [])]
        regions = [item for tree in trees for item in evidence(tree)]
        if not trees and direct is not None:
            pairs = zip(state["images"], state.get("sizes", []), strict=False)
            regions = [whole_picture(digest, size, direct) for digest, size in pairs]
        chosen = final or direct or {}
        output = {
            "strategy": state.get("chosen", self.strategy),
            "why": state.get("why"),
            "basis": chosen.get("basis"),
            "direct": direct,
            "found": [found(item) for item in regions if item.label],
            "missing": missing(state),
            "looks": sum(tree.looks for tree in trees),
        }
        return Outcome(
            answer=chosen.get("text"),
            evidence=regions,
            output=output | {"confidence": chosen.get("confidence")},
        )

    # Nodes.

    async def _look(self, state: SearchState, context: SearchContext) -> dict[str, Any]:
        model = await context.model("see")
        images = [context.picture(name) for name in state["images"]]
        seen = await look(model, images, state["task"], state.get("options", []))
        chosen, why = self.strategy, ""
        if self.strategy == AUTO:
            chosen, why = choose(seen, [image.size for image in images], model.card)
            context.run.emit(Decided(choice=chosen, options=[DIRECT, "vstar"], rule=why))
        return {
            "images": [image.sha256 for image in images],
            "sizes": [list(image.size) for image in images],
            "direct": seen.dump(),
            "answer": seen.text,
            "chosen": chosen,
            "why": why,
        }

    async def _plan(self, state: SearchState, context: SearchContext) -> dict[str, Any]:
        model = await context.model("see")
        aims = await aims_of(state["task"], model, reader=can_read())
        if not aims:
            context.run.emit(Note(text="the question names nothing to search for: the direct answer stands"))
        trees = []
        for aim in aims:
            for digest in state["images"]:
                strategy = self._strategy(state, self._eyes(model, context, digest), aim)
                trees.append(strategy.start(digest, context.picture(digest).size, aim).dump())
        return {"targets": [aim.about for aim in aims], "trees": trees}

    async def _search(self, state: SearchState, context: SearchContext) -> dict[str, Any]:
        """Do one step of the search for one thing in one picture."""
        model = await context.model("see")
        trees = [FocusTree.load(data) for data in state.get("trees", [])]
        tree = next(tree for tree in trees if not tree.done)
        eyes = self._eyes(model, context, tree.image)
        strategy = self._strategy(state, eyes, tree.aim)
        visited = await strategy.step(tree)
        tree.looks += eyes.looks
        if self.max_looks is not None and tree.looks >= self.max_looks:
            strategy.finish(tree)
        for node in visited:
            context.run.emit(tree.looked(node))
        if tree.done and tree.finds:
            if not tree.aim.every:
                _skip_other_pictures(tree, trees)
            for item in evidence(tree):
                context.run.emit(Found(evidence=item))
        return {"trees": [tree.dump() for tree in trees]}

    async def _answer(self, state: SearchState, context: SearchContext) -> dict[str, Any]:
        model = await context.model("see")
        case = Case(
            question=state["task"],
            options=state.get("options", []),
            direct=Answer(**state.get("direct", {"text": ""})),
            trees=[FocusTree.load(data) for data in state.get("trees", [])],
            pictures={digest: context.picture(digest) for digest in state["images"]},
            strategy=state.get("chosen", self.strategy),
            constants=self.constants,
        )
        final = await conclude(model, case)
        return {"final": final.dump(), "answer": final.text}

    def _eyes(self, model: Model, context: SearchContext, digest: str) -> Eyes:
        return Eyes(model, context.picture(digest), crops=context.crops, budget=context.budget)

    def _strategy(self, state: SearchState, eyes: Eyes, aim: Aim) -> Strategy:
        if aim.reads:
            # A reader reads the whole picture on its first visit; there is nothing to search on for.
            return make_vstar(Kit.of(eyes, self._reader, ModelCue))
        kit = Kit.of(eyes, self.expert, self.cue, self.constants)
        name = state.get("chosen", self.strategy)
        if name not in self._make:
            raise UsageError(
                "this run searches by a strategy of its own",
                mend="resume it in Python, with the same strategy=",
            )
        return self._make[name](kit)


def check_options(options: Sequence[Any]) -> None:
    """Raise ``UsageError`` unless the options are none, or at least two different texts."""
    if not options:
        return
    if any(not isinstance(option, str) or not option.strip() for option in options):
        raise UsageError("every option is a text, and none is empty")
    if len(options) < 2 or len({option.strip().lower() for option in options}) < len(options):
        raise UsageError(f"options are at least two different answers, got {list(options)}")


def _own(image: Image) -> Image:
    """Return a picture of its own for a crop: what lies outside of it is not to be searched."""
    return image if image.parent is None else Image.of_pixels(image.pixels)


def _known(what: str, name: str, names: Iterable[str]) -> None:
    if name not in names:
        raise UsageError(f"there is no {what} {name!r}", mend="one of " + ", ".join(names))


def _search_or_end(state: SearchState) -> str:
    return END if state.get("chosen") == DIRECT else "plan"


def _next(state: SearchState) -> str:
    return "search" if any(not tree["done"] for tree in state.get("trees", [])) else "answer"


def _skip_other_pictures(found: FocusTree, trees: Sequence[FocusTree]) -> None:
    for tree in trees:
        if tree.about == found.about and not tree.finds:
            tree.done = True
