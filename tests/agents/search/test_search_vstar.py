"""V*: the checks of the published control flow, then whole searches over a model that knows the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from search_oracle import Oracle, Thing, told

from agentkit.agents.search.cues import ModelCue
from agentkit.agents.search.experts import ModelExpert
from agentkit.agents.search.eyes import Crops, Eyes
from agentkit.agents.search.geometry import split
from agentkit.agents.search.heat import Heat
from agentkit.agents.search.tree import Find, FocusNode, FocusTree
from agentkit.agents.search.vstar import VStar, VStarConfig, next_node, priority
from agentkit.content import Box, Image
from agentkit.contracts.result import Usage
from agentkit.contracts.runfile import BudgetLimits
from agentkit.runtime.budget import Budget, BudgetError


class Fixed:
    """A cue and expert from tables: by the depth and place of a node."""

    def __init__(
        self,
        *,
        odds: Sequence[float] = (0.0, 0.0, 0.0, 0.0),
        context: Heat | None = None,
        finds: dict[int, list[Find]] | None = None,
    ) -> None:
        self.odds, self.likely, self.finds = odds, context or Heat(), finds or {}
        self.contexts: list[int] = []

    async def target(self, node: FocusNode, parts: Sequence[FocusNode]) -> Heat:
        return Heat.of([part.box for part in parts], self.odds)

    async def context(self, node: FocusNode) -> Heat:
        self.contexts.append(node.id)
        return self.likely

    async def glance(self, nodes: Sequence[FocusNode]) -> None:
        pass

    async def find(self, node: FocusNode) -> list[Find]:
        return self.finds.get(node.id, [])


async def search(strategy: VStar, tree: FocusTree) -> list[int]:
    visited = []
    while not tree.done:
        visited += [node.id for node in await strategy.step(tree)]
    return visited


def start(fixed: Fixed, size: tuple[int, int] = (1000, 1000), **changes: float) -> tuple[VStar, FocusTree]:
    strategy = VStar(fixed, fixed, VStarConfig(**changes))  # type: ignore[arg-type]
    return strategy, strategy.start("d", size, "cat")


def test_thresholds_per_level() -> None:
    assert [VStarConfig().threshold(d) for d in range(5)] == pytest.approx([6, 4.2, 3, 3, 3])


def test_smallest_region() -> None:
    assert VStarConfig().smallest((4800, 3200)) == 800
    assert VStarConfig().smallest((600, 400)) == 224
    assert VStarConfig.for_input(336) == VStarConfig(size_floor=336)
    assert VStarConfig.for_input(None) == VStarConfig()
    assert VStarConfig.for_input(128).smallest((4800, 3200)) == 400
    assert VStarConfig.for_input(128).smallest((300, 200)) == 128


def test_uniform_heat_at_the_root_gives_a_sixteenth() -> None:
    tree = FocusTree("d", (100, 100), "cat")
    tree.root.heat = Heat.of([tree.root.box], [1.0])
    parts = [tree.add(tree.root, box) for box in split(tree.root.box)]
    assert [priority(tree, part) for part in parts] == pytest.approx([1 / 16] * 4)
    inner = tree.add(parts[0], split(parts[0].box)[0])
    parts[0].heat = Heat.of([parts[0].box], [3.0])
    assert priority(tree, inner) == pytest.approx(1 / 64 + 1 / 64)


async def test_target_heat_above_the_threshold_guides_and_below_it_the_context_does() -> None:
    strong = Fixed(odds=(0, 7, 0, 6))
    strategy, tree = start(strong)
    await strategy.step(tree)
    assert strong.contexts == []
    assert next_node(tree).box == Box(500, 0, 1000, 500)  # type: ignore[union-attr]
    assert tree[2].scores["priority"] == pytest.approx(7 / 13 / 4)
    weak = Fixed(odds=(0, 5.9, 0, 0), context=Heat.of([Box(0, 500, 100, 600)], [1.0]))
    strategy, tree = start(weak)
    await strategy.step(tree)
    assert weak.contexts == [0]
    assert next_node(tree).box == Box(0, 500, 500, 1000)  # type: ignore[union-attr]


async def test_several_instances_only_in_the_first_visit() -> None:
    many = [Find(Box(0, 0, 9, 9), 0.9), Find(Box(20, 0, 29, 9), 0.6), Find(Box(40, 0, 49, 9), 0.5)]
    strategy, tree = start(Fixed(finds={0: many}))
    assert await search(strategy, tree) == [0]
    assert tree.finds == many[:2]
    strategy, tree = start(Fixed(finds={2: many}, odds=(0, 9, 0, 0)))
    assert await search(strategy, tree) == [0, 2]
    assert tree.finds == many[:1]
    assert tree.places == [2]


async def test_the_queue_is_global_and_the_best_doubtful_find_is_the_fallback() -> None:
    finds = {1: [Find(Box(1, 1, 9, 9), 0.29)], 3: [Find(Box(2, 600, 9, 700), 0.31)]}
    strategy, tree = start(Fixed(finds=finds), (400, 400), size_floor=224)
    visited = await search(strategy, tree)
    assert visited == [0, 1, 2, 3, 4]
    assert tree.finds == finds[3]
    assert tree.places == [3]


async def test_below_the_low_confidence_nothing_is_found() -> None:
    strategy, tree = start(Fixed(finds={1: [Find(Box(1, 1, 9, 9), 0.29)]}), (400, 400))
    await search(strategy, tree)
    assert tree.finds == []
    assert tree.places == []


async def test_no_result_at_all_is_not_a_crash() -> None:
    strategy, tree = start(Fixed(), (1, 1))
    assert await search(strategy, tree) == [0]
    assert tree.finds == []


async def test_regions_of_the_smallest_size_are_not_cut() -> None:
    strategy, tree = start(Fixed(), (1792, 1792))
    await search(strategy, tree)
    assert {n.depth for n in tree} == {0, 1, 2}
    assert len(tree) == 1 + 4 + 16


@dataclass
class Spender(Oracle):
    """Counts its calls in a budget, as the models of a run do."""

    purse: Budget = field(default_factory=Budget)

    def answer(self, image: Image, question: str) -> str:
        self.purse.spend(Usage(calls=1))
        return super().answer(image, question)


# Whole searches.

PICTURE = Image.of_pixels(Pillow.new("RGB", (2400, 1600), (90, 90, 90)))


def searcher(model: Oracle, image: Image = PICTURE, **more: object) -> tuple[VStar, FocusTree, Eyes]:
    eyes = Eyes(model, image, **more)  # type: ignore[arg-type]
    strategy = VStar(ModelCue(eyes), ModelExpert(eyes), VStarConfig.for_input(model.card.input_size))
    return strategy, strategy.start(image.sha256, image.size, "red triangle"), eyes


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2360), st.integers(0, 1560), st.integers(32, 60))
async def test_a_small_thing_is_found_wherever_it_is(left: int, top: int, side: int) -> None:
    box = Box(left, top, min(left + side, 2400), min(top + side, 1600))
    model = Oracle([Thing("red triangle", box)])
    strategy, tree, _ = searcher(model)
    await search(strategy, tree)
    assert tree.finds
    assert tree.finds[0].box.iou(box) > 0.5
    assert tree.finds[0].confidence > 0.5
    for _, shown in model.asked:
        assert Box(*shown).clip(Box(0, 0, 2400, 1600)) == Box(*shown)


async def test_context_leads_to_the_thing_with_few_looks() -> None:
    box, host = Box(2101, 1301, 2137, 1337), Box(1980, 1220, 2280, 1400)
    things = [Thing("red triangle", box), Thing("brown boat", host, ("triangle",))]
    strategy, tree, eyes = searcher(Oracle(things))
    visited = await search(strategy, tree)
    assert tree.finds[0].box.iou(box) > 0.5
    blind, lost, more = searcher(Oracle(things[:1]))
    assert len(visited) < len(await search(blind, lost))
    assert eyes.looks < more.looks


async def test_children_are_scored_in_one_batch() -> None:
    model = Oracle([Thing("red triangle", Box(10, 10, 50, 50))])
    strategy, tree, _ = searcher(model)
    await search(strategy, tree)
    assert set(model.batches) <= {1, 4}
    assert 4 in model.batches


async def test_an_absent_thing_is_not_found() -> None:
    strategy, tree, _ = searcher(Oracle([Thing("blue circle", Box(10, 10, 50, 50))]))
    await search(strategy, tree)
    assert tree.finds == []
    assert all(n.visited or n.closed for n in tree)


async def test_a_false_alarm_is_refuted_by_the_second_look() -> None:
    box = Box(2000, 1400, 2036, 1436)
    model = Oracle([Thing("red triangle", box)], alarms=[Box(100, 100, 220, 220)])
    strategy, tree, _ = searcher(model)
    await search(strategy, tree)
    assert tree.finds[0].box.iou(box) > 0.5


async def test_a_model_without_likelihoods_searches_too() -> None:
    box = Box(1500, 300, 1540, 340)
    strategy, tree, _ = searcher(told(Oracle([Thing("red triangle", box)])))
    await search(strategy, tree)
    assert tree.finds[0].box.iou(box) > 0.5


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1), (3, 2)])
async def test_extreme_pictures(size: tuple[int, int]) -> None:
    image = Image.of_pixels(Pillow.new("RGB", size))
    model = Oracle([Thing("red triangle", Box(0, 0, 1, 1))])
    strategy, tree, _ = searcher(model, image)
    await search(strategy, tree)
    for _, shown in model.asked:
        assert Box(*shown).clip(image.box) == Box(*shown)
        assert Box(*shown).area >= 1


async def test_a_budget_of_calls_is_never_exceeded() -> None:
    for calls in range(1, 30):
        budget = Budget(BudgetLimits(calls=calls))
        model = Spender([Thing("red triangle", Box(2300, 1500, 2340, 1540))], purse=budget)
        strategy, tree, _ = searcher(model, budget=budget)
        try:
            await search(strategy, tree)
        except BudgetError:
            strategy.finish(tree)
        assert len(model.asked) <= calls
        assert tree.done


def test_crops_are_kept_by_content_up_to_a_number_of_pixels() -> None:
    crops = Crops(pixels=100_000)
    image = Image.of_pixels(Pillow.new("RGB", (1000, 1000)))
    first = crops.get(image, Box(0, 0, 100, 100))
    assert crops.get(image, Box(0, 0, 100, 100)) is first
    assert crops.get(image, Box(0, 0, 1000, 1000)) is image
    for step in range(50):
        crops.get(image, Box(step, 0, step + 200, 100))
    assert crops.held <= 100_000


def test_hopeless_regions_by_level() -> None:
    config = VStarConfig(hopeless=(0.3, 0.1))
    size = (1600, 1600)
    assert [config.least(Box(0, 0, side, side), size) for side in (1600, 800, 400, 200)] == [
        0.0,
        0.1,
        0.3,
        0.3,
    ]
    assert VStarConfig(hopeless=()).least(Box(0, 0, 9, 9), size) == 0.0
    assert config.least(Box(0, 0, 1, 1), (1, 1)) == 0.3
