"""DyFo: the formulas of its tree search, its two actions, and its vote."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from PIL import Image as Pillow
from search_oracle import Oracle, Thing

from agentkit.agents.search.dyfo import DyFo, DyFoConfig
from agentkit.agents.search.heat import Heat
from agentkit.agents.search.tree import Find, FocusNode, FocusTree
from agentkit.agents.search.vote import Focus, focuses, vote
from agentkit.content import Box, Image

SIZE = (1000, 1000)


class Table:
    """A cue and expert from tables: what is found, and how likely the thing is, by the node's box."""

    def __init__(
        self,
        exists: dict[tuple[float, ...], float] | None = None,
        finds: dict[tuple[float, ...], list[Find]] | None = None,
        context: Heat | None = None,
    ) -> None:
        self.table, self.finds, self.heat = exists or {}, finds or {}, context or Heat()

    async def glance(self, nodes: Sequence[FocusNode]) -> None:
        for node in nodes:
            node.scores["exists"] = self.table.get(tuple(node.box), 0.0)

    async def target(self, node: FocusNode, parts: Sequence[FocusNode]) -> Heat:
        return Heat()

    async def context(self, node: FocusNode) -> Heat:
        return self.heat if node.parent is None else Heat()

    async def find(self, node: FocusNode) -> list[Find]:
        await self.glance([node])
        return self.finds.get(tuple(node.box), [])


def start(table: Table, **changes: float) -> tuple[DyFo, FocusTree]:
    strategy = DyFo(table, table, DyFoConfig(**{"least_side": 250, **changes}))  # type: ignore[arg-type]
    return strategy, strategy.start("d", SIZE, "cat")


def test_the_whole_picture_has_no_reward_and_small_regions_nearly_all() -> None:
    config = DyFoConfig(area_exponent=0.5)
    assert config.area_term(Box(0, 0, 1000, 1000), SIZE) == 0
    assert config.area_term(Box(0, 0, 500, 500), SIZE) == pytest.approx(0.5)
    assert config.area_term(Box(0, 0, 100, 100), SIZE) == pytest.approx(0.9)


async def test_a_reward_is_agreement_times_area_and_goes_back_along_the_path() -> None:
    quarter = (0.0, 0.0, 500.0, 500.0)
    doubtful = Find(Box(100, 100, 140, 140), 0.4)
    strategy, tree = start(Table({quarter: 0.6}, {quarter: [doubtful]}))
    await strategy.step(tree)
    assert tree.root.scores["reward"] == 0
    (node,) = await strategy.step(tree)
    assert tuple(node.box) == quarter
    assert node.scores["reward"] == pytest.approx(0.4 * 0.5)
    assert tree.root.scores["value"] == pytest.approx(0.4 * 0.5 / 2)
    assert tree.root.scores["visits"] == 2


async def test_only_the_model_sees_it_counts_half() -> None:
    quarter = (0.0, 0.0, 500.0, 500.0)
    strategy, tree = start(Table({quarter: 0.6}))
    await strategy.step(tree)
    (node,) = await strategy.step(tree)
    assert node.scores["reward"] == pytest.approx(0.5 * 0.6 * 0.5)


def test_the_upper_confidence_bound() -> None:
    strategy, tree = start(Table(), exploration=0.7)
    above, node = tree.root, tree.add(tree.root, Box(0, 0, 10, 10))
    above.scores["visits"], node.scores["visits"], node.scores["value"] = 9.0, 4.0, 0.3
    assert strategy._bound(above, node) == pytest.approx(0.3 + 0.7 * math.sqrt(math.log(9) / 4))


async def test_semantic_focus_covers_all_doubtful_finds_and_scatter_widens() -> None:
    quarter = (0.0, 0.0, 500.0, 500.0)
    finds = [Find(Box(100, 100, 110, 110), 0.45), Find(Box(150, 150, 160, 160), 0.4)]
    strategy, tree = start(Table({quarter: 0.9}, {quarter: finds}), least_side=20, scatter_from=0.2)
    await strategy.step(tree)
    (node,) = await strategy.step(tree)
    below = [child for child in tree.children(node) if child.scores.get("prior", 0) > 0]
    focus = next(child for child in below if child.scores["prior"] == 1.0)
    assert focus.box == Box(40, 40, 220, 220)
    scattered = next(child for child in below if child.scores["prior"] == 0.5)
    assert scattered.box == Box(0, 0, 750, 750)


async def test_the_likely_place_is_looked_at_first() -> None:
    place = Heat.of([Box(600, 600, 900, 900)], [1.0])
    strategy, tree = start(Table(context=place))
    await strategy.step(tree)
    (node,) = await strategy.step(tree)
    assert node.box == Box(600, 600, 900, 900)


async def test_no_more_focuses_are_scored_than_allowed() -> None:
    strategy, tree = start(Table(), iterations=7)
    while not tree.done:
        await strategy.step(tree)
    assert tree.visits == 7


def test_the_heaviest_focuses_vote() -> None:
    tree = FocusTree("d", SIZE, "cat")
    for index, reward in enumerate((0.0, 0.3, 0.2, 0.6)):
        node = tree.root if index == 0 else tree.add(tree.root, Box(0, 0, 100 * index, 100 * index))
        tree.visit(node)
        node.scores["reward"] = reward
    tree.end(tree.root, [Find(Box(500, 500, 520, 520), 0.9)])
    chosen = focuses(tree, DyFoConfig(voters=3), times=3.0, square=True)
    assert [round(focus.weight, 2) for focus in chosen] == [0.85, 0.79, 0.6]
    assert chosen[0].box == Box(480, 480, 540, 540)
    assert chosen[1].box == Box(450, 450, 570, 570)


async def test_blind_focuses_abstain_and_the_heavier_side_wins() -> None:
    image = Image.of_pixels(Pillow.new("RGB", (2000, 1000), (90, 90, 90)))
    model = Oracle(
        [Thing("red triangle", Box(100, 100, 140, 140)), Thing("blue triangle", Box(1500, 500, 1540, 540))]
    )
    near, far, blind = Box(60, 60, 180, 180), Box(1460, 460, 1580, 580), Box(600, 0, 900, 300)
    question = "what colour is the triangle?"
    voters = [Focus(near, 0.9), Focus(blind, 5.0)]
    said = await vote(model, image, voters, question, ["red", "blue"])
    assert said.text == "red"
    free = await vote(model, image, [Focus(near, 0.4), Focus(blind, 9.0)], question)
    assert (free.text, free.confidence) == ("red", 1.0)
    assert (await vote(model, image, [Focus(blind, 1.0)], question)).text == "not visible"
    assert far.area == near.area
