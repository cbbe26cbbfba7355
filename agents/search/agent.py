"""The visual search agent: SEAL's loop as a graph.

look at the whole picture -> what must be found? -> search for each -> answer from what was found.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Required, TypedDict

from langgraph.graph import END, START, StateGraph

from agentkit.content import Image
from agentkit.contracts.event import Found, Note
from agentkit.contracts.result import Evidence
from agentkit.errors import UsageError
from agentkit.models.base import Model
from agentkit.runtime.agent import GraphAgent, Outcome
from agentkit.runtime.budget import Budget
from agentkit.runtime.context import Context
from agentkit.runtime.run import Run

from .answer import Answer, Memory, look, recall
from .experts import ModelExpert
from .eyes import Crops, Eyes
from .strategies import DIRECT, STRATEGIES, MakeExpert
from .targets import targets_of
from .tree import Find, FocusTree
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

    ``strategy``: ``direct`` (one look at the whole picture), ``vstar`` (guided search, METHODS: V*), or ``grid``
    (a full scan). ``expert`` makes what says where exactly a thing is in a region (default: the model itself).
    ``max_looks`` ends the search for one thing after that many image-text pairs, with the best so far.

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
        strategy: str = "vstar",
        expert: MakeExpert | None = None,
        max_looks: int | None = None,
        **settings: Any,
    ) -> None:
        if strategy != DIRECT and strategy not in STRATEGIES:
            raise UsageError(
                f"there is no search strategy {strategy!r}", mend="one of " + ", ".join([DIRECT, *STRATEGIES])
            )
        super().__init__(model, **settings)
        self.strategy, self.max_looks = strategy, max_looks
        self.expert: MakeExpert = expert or ModelExpert

    def options(self) -> dict[str, Any]:
        """Return the constructor's own arguments; a caller's expert must be given again on resume."""
        return {"strategy": self.strategy, "max_looks": self.max_looks}

    def make_context(self, run: Run, budget: Budget) -> SearchContext:
        return SearchContext(run, budget, self.cast, self.control)

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
        graph.add_edge("look", "plan")
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
            "strategy": self.strategy,
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
        return {
            "images": [image.sha256 for image in images],
            "sizes": [list(image.size) for image in images],
            "direct": seen.dump(),
            "answer": seen.text,
        }

    async def _plan(self, state: SearchState, context: SearchContext) -> dict[str, Any]:
        model = await context.model("see")
        targets = await targets_of(state["task"], model)
        if not targets:
            context.run.emit(Note(text="the question names nothing to search for: the direct answer stands"))
        trees = []
        for target in targets:
            for digest in state["images"]:
                strategy = self._strategy(model, context, digest)
                trees.append(strategy.start(digest, context.picture(digest).size, target).dump())
        return {"targets": targets, "trees": trees}

    async def _search(self, state: SearchState, context: SearchContext) -> dict[str, Any]:
        """Do one step of the search for one thing in one picture."""
        model = await context.model("see")
        trees = [FocusTree.load(data) for data in state.get("trees", [])]
        tree = next(tree for tree in trees if not tree.done)
        eyes = self._eyes(model, context, tree.image)
        strategy = STRATEGIES[self.strategy](eyes, self.expert)
        visited = await strategy.step(tree)
        tree.looks += eyes.looks
        if self.max_looks is not None and tree.looks >= self.max_looks:
            strategy.finish(tree)
        for node in visited:
            context.run.emit(tree.looked(node))
        if tree.finds:
            _skip_other_pictures(tree, trees)
            for item in _evidence(tree):
                context.run.emit(Found(evidence=item))
        return {"trees": [tree.dump() for tree in trees]}

    async def _answer(self, state: SearchState, context: SearchContext) -> dict[str, Any]:
        model = await context.model("see")
        direct = Answer(**state.get("direct", {"text": ""}))
        trees = [FocusTree.load(data) for data in state.get("trees", [])]
        memory = [
            Memory(tree.about, context.picture(tree.image), find.box) for tree in trees for find in tree.finds
        ]
        if not trees:
            return _final(direct)
        if not memory:
            return _final(nothing_found(model, direct, len(state.get("targets", []))))
        images = [context.picture(digest) for digest in state["images"]]
        return _final(await recall(model, images, memory, state["task"], state.get("options", [])))

    def _eyes(self, model: Model, context: SearchContext, digest: str) -> Eyes:
        return Eyes(model, context.picture(digest), crops=context.crops, budget=context.budget)

    def _strategy(self, model: Model, context: SearchContext, digest: str) -> Any:
        return STRATEGIES[self.strategy](self._eyes(model, context, digest), self.expert)


def check_options(options: Sequence[Any]) -> None:
    """Raise ``UsageError`` unless the options are none, or at least two different texts."""
    if not options:
        return
    if any(not isinstance(option, str) or not option.strip() for option in options):
        raise UsageError("every option is a text, and none is empty")
    if len(options) < 2 or len({option.strip().lower() for option in options}) < len(options):
        raise UsageError(f"options are at least two different answers, got {list(options)}")


def nothing_found(model: Model, direct: Answer, targets: int) -> Answer:
    """Return the honest answer when the search found nothing.

    Asked whether one thing is there, that is no; a picked option stands, as one had to be picked; anything else
    is not visible.
    """
    if direct.options:
        return direct
    said = direct.text.lower().strip(" .")
    if targets == 1 and said in (model.card.yes, model.card.no):
        return Answer(model.card.no)
    return Answer(model.card.not_visible)


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


def _final(answer: Answer) -> dict[str, Any]:
    return {"final": answer.dump(), "answer": answer.text}


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
