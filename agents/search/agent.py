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
from agentkit.contracts.result import Evidence
from agentkit.errors import UsageError
from agentkit.models.base import Model
from agentkit.runtime.agent import GraphAgent, Outcome
from agentkit.runtime.budget import Budget
from agentkit.runtime.context import Context
from agentkit.runtime.run import Run

from .aim import Aim
from .answer import Answer, Memory, conclude, look, prove
from .auto import choose
from .cues import ModelCue
from .experts import MakeExpert, TextExpert, make_expert
from .eyes import Crops, Eyes
from .frame import answer_framed
from .parts import Strategy
from .places import count_answer
from .reading import can_read
from .strategies import AUTO, CUES, DIRECT, STRATEGIES, Kit, MakeCue, dyfo_config, make_vstar
from .targets import aims_of
from .tree import Find, FocusTree
from .vote import focuses, vote
from .vstar import VStarConfig


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
    result says why). ``expert`` says where exactly a thing is in a region: ``model`` (default), ``text``, ``hf:REF``,
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
        strategy: str = AUTO,
        expert: MakeExpert | str = "model",
        cue: MakeCue | str = "model",
        constants: Mapping[str, Any] | None = None,
        max_looks: int | None = None,
        **settings: Any,
    ) -> None:
        _known("search strategy", strategy, [AUTO, DIRECT, *STRATEGIES])
        if isinstance(cue, str):
            _known("cue", cue, CUES)
        super().__init__(model, **settings)
        self.strategy, self.max_looks, self.constants = strategy, max_looks, dict(constants or {})
        self._named = {
            name: value for name, value in (("expert", expert), ("cue", cue)) if isinstance(value, str)
        }
        self.expert: MakeExpert = make_expert(expert) if isinstance(expert, str) else expert
        self.cue: MakeCue = CUES[cue] if isinstance(cue, str) else cue
        self._reader = TextExpert.maker()

    def options(self) -> dict[str, Any]:
        """Return the constructor's own arguments; a caller's own expert or cue must be given again on resume."""
        return {
            "strategy": self.strategy,
            "max_looks": self.max_looks,
            "constants": self.constants,
            **self._named,
        }

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
        found = [item for tree in trees for item in _evidence(tree)]
        if not trees and direct is not None:
            pairs = zip(state["images"], state.get("sizes", []), strict=False)
            found = [_whole(digest, size, direct) for digest, size in pairs]
        chosen = final or direct or {}
        output = {
            "strategy": state.get("chosen", self.strategy),
            "why": state.get("why"),
            "basis": chosen.get("basis"),
            "direct": direct,
            "found": [_found(item) for item in found if item.label],
            "missing": missing(state),
            "looks": sum(tree.looks for tree in trees),
        }
        return Outcome(
            answer=chosen.get("text"),
            evidence=found,
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
            for item in _evidence(tree):
                context.run.emit(Found(evidence=item))
        return {"trees": [tree.dump() for tree in trees]}

    async def _answer(self, state: SearchState, context: SearchContext) -> dict[str, Any]:
        model = await context.model("see")
        direct = Answer(**state.get("direct", {"text": ""}))
        trees = [FocusTree.load(data) for data in state.get("trees", [])]
        question, options = state["task"], state.get("options", [])
        memory = [
            Memory(tree.about, context.picture(tree.image), find.box, find.confidence, find.text)
            for tree in trees
            for find in tree.finds
        ]
        if not trees:
            return _final(direct)
        if not memory:
            return _final(nothing_found(model, direct, [tree.aim for tree in trees], question, options))
        images = [context.picture(digest) for digest in state["images"]]
        (first, *others) = [tree for tree in trees if tree.finds]
        if state.get("chosen") == "dyfo" and not others and first.aim.alone and _one_of_a_kind(first):
            proved = await prove(memory, question, options, model.card)
            return _final(proved or await self._vote(model, context, first, question, options))
        if state.get("chosen") == "zoomeye" and not others and not model.card.vocabulary:
            boxes = [find.box for find in first.finds]
            proved = await prove(memory, question, options, model.card)
            return _final(proved or await answer_framed(model, memory[0].image, boxes, question, options))
        return _final(await conclude(model, images, memory, question, options))

    async def _vote(
        self, model: Model, context: SearchContext, tree: FocusTree, question: str, options: Sequence[str]
    ) -> Answer:
        eyes = self._eyes(model, context, tree.image)
        config = dyfo_config(eyes, self.constants)
        voters = focuses(tree, config, times=model.card.close_up, square=model.card.square)
        return await vote(model, eyes.image, voters, question, options)

    def _eyes(self, model: Model, context: SearchContext, digest: str) -> Eyes:
        return Eyes(model, context.picture(digest), crops=context.crops, budget=context.budget)

    def _strategy(self, state: SearchState, eyes: Eyes, aim: Aim) -> Strategy:
        if aim.reads:
            # A reader reads the whole picture on its first visit; there is nothing to search on for.
            return make_vstar(Kit.of(eyes, self._reader, ModelCue))
        kit = Kit.of(eyes, self.expert, self.cue, self.constants)
        return STRATEGIES[state.get("chosen", self.strategy)](kit)


def check_options(options: Sequence[Any]) -> None:
    """Raise ``UsageError`` unless the options are none, or at least two different texts."""
    if not options:
        return
    if any(not isinstance(option, str) or not option.strip() for option in options):
        raise UsageError("every option is a text, and none is empty")
    if len(options) < 2 or len({option.strip().lower() for option in options}) < len(options):
        raise UsageError(f"options are at least two different answers, got {list(options)}")


def nothing_found(
    model: Model, direct: Answer, aims: Sequence[Aim], question: str, options: Sequence[str]
) -> Answer:
    """Return the honest answer when the search found nothing.

    Asked whether one thing is there, that is no; how many there are, none; another picked option stands, as one had
    to be picked; anything else is not visible.
    """
    yes, no = model.card.yes, model.card.no
    counted = count_answer(question, options, 0) if any(aim.every for aim in aims) else None
    if counted is not None:
        return Answer(counted, basis="search")
    asked = {option.lower().strip(" .") for option in options} or {direct.text.lower().strip(" .")}
    if len({aim.about for aim in aims}) == 1 and no in asked and asked <= {yes, no} | {no}:
        said = next((option for option in options if option.lower().strip(" .") == no), no)
        return Answer(said, basis="search")
    return direct if direct.options else Answer(model.card.not_visible, basis="search")


def missing(state: Any) -> list[str]:
    """Return the targets whose search has ended without a find."""
    trees = [FocusTree.load(data) for data in state.get("trees", [])]
    return [
        target
        for target in state.get("targets", [])
        if all(tree.done and not tree.finds for tree in trees if tree.about == target)
    ]


def _own(image: Image) -> Image:
    """Return a picture of its own for a crop: what lies outside of it is not to be searched."""
    return image if image.parent is None else Image.of_pixels(image.pixels)


def _known(what: str, name: str, names: Iterable[str]) -> None:
    if name not in names:
        raise UsageError(f"there is no {what} {name!r}", mend="one of " + ", ".join(names))


def _one_of_a_kind(tree: FocusTree) -> bool:
    return len(tree.finds) == 1 and not tree.aim.every and not tree.aim.reads


def _final(answer: Answer) -> dict[str, Any]:
    return {"final": answer.dump(), "answer": answer.text}


def _search_or_end(state: SearchState) -> str:
    return END if state.get("chosen") == DIRECT else "plan"


def _next(state: SearchState) -> str:
    return "search" if any(not tree["done"] for tree in state.get("trees", [])) else "answer"


def _skip_other_pictures(found: FocusTree, trees: Sequence[FocusTree]) -> None:
    for tree in trees:
        if tree.about == found.about and not tree.finds:
            tree.done = True


def _evidence(tree: FocusTree) -> list[Evidence]:
    """Return the finds of a search; of an unfinished one, its best so far if that is not hopeless."""
    pairs = list(zip(tree.finds, tree.places, strict=True))
    if not tree.done and not pairs:
        best = tree.best()
        if best is not None and best[1].confidence >= VStarConfig.confidence_low:
            pairs = [(best[1], best[0].id)]
    return [_region(tree, find, [tuple(box) for box in tree.path(tree[at])]) for find, at in pairs]


def _region(tree: FocusTree, find: Find, path: list[Any]) -> Evidence:
    left, top, right, bottom = find.box
    return Evidence(
        kind="region",
        image=tree.image,
        box=(left, top, right, bottom),
        label=tree.about,
        score=find.confidence,
        path=path,
    )


def _whole(digest: str, size: Sequence[int], direct: dict[str, Any]) -> Evidence:
    box = (0.0, 0.0, float(size[0]), float(size[1]))
    return Evidence(kind="region", image=digest, box=box, score=direct.get("confidence"))


def _found(item: Evidence) -> dict[str, Any]:
    return {
        "target": item.label,
        "image": item.image,
        "box": list(item.box or ()),
        "confidence": item.score,
        "path": [list(box) for box in item.path],
    }
