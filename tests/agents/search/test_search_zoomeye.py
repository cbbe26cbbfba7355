"""ZoomEye: weights by depth, thresholds and budget, the two types of search, and its view of several regions."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow
from search_oracle import Oracle, Thing

from agentkit.agents.search import Aim, Eyes, Find, FocusNode, FocusTree, ZoomEye, ZoomEyeConfig
from agentkit.agents.search.cues import ModelCue
from agentkit.agents.search.eyes import logit
from agentkit.agents.search.frame import frame, merge_near
from agentkit.agents.search.zoomeye import INTERNVL, LLAVA, QWEN, kept
from agentkit.content import Box, Image

PICTURE = Image.of_pixels(Pillow.new("RGB", (800, 800), (90, 90, 90)))


class Table(Eyes):
    """Confidences (2 p - 1) from tables by what is shown: existence, latent, and answering the question."""

    def __init__(self, answering: dict[int, float], existence: dict[int, float] | None = None) -> None:
        super().__init__(Oracle(), PICTURE)
        self.answering, self.existence = answering, existence or {}

    def asks(self, kind: str) -> bool:
        return True

    def view(self, box: Box, margin: float = 1.0) -> Box:
        return box

    async def exists(self, views: Sequence[Box], thing: str) -> list[float]:
        return [logit((self.existence.get(int(v.width), -0.8) + 1) / 2) for v in views]

    async def latent(self, views: Sequence[Box], thing: str) -> list[float] | None:
        return [0.0] * len(views)

    async def answerable(self, box: Box, question: str) -> float:
        return logit((self.answering.get(int(box.width), -0.9) + 1) / 2)


class Finds:
    async def find(self, node: FocusNode) -> list[Find]:
        return [Find(node.box, 0.9)]


def start(eyes: Eyes, aim: Aim | str = "cat", **changes: float) -> tuple[ZoomEye, FocusTree]:
    config = ZoomEyeConfig(**{"input_side": 150, **changes})  # type: ignore[arg-type]
    strategy = ZoomEye(eyes, ModelCue(eyes), Finds(), config)
    return strategy, strategy.start("d", (800, 800), aim)


@pytest.mark.parametrize("bias", [0.2, 0.6])
def test_weights_run_from_the_bias_to_one(bias: float) -> None:
    config = ZoomEyeConfig(bias=bias)
    assert config.weight(0, 4) == bias
    assert config.weight(4, 4) == 1
    assert config.weight(2, 4) == pytest.approx(bias + (1 - bias) / 4)
    assert config.weight(3, 0) == 1


def test_the_published_constants() -> None:
    assert (LLAVA.upper, LLAVA.lower, LLAVA.decrements) == (0.6, 0.0, (0.1, 0.1, 0.2))
    assert (INTERNVL.upper, INTERNVL.lower) == (0.2, -0.2)
    assert (QWEN.upper, QWEN.decrements) == (0.95, (0.05, 0.1, 0.2))
    assert ZoomEyeConfig(input_side=448).deepest((4000, 3000)) == 4
    assert ZoomEyeConfig(input_side=100).deepest((8000, 8000)) == 5
    assert ZoomEyeConfig().deepest((300, 200)) == 0


async def test_thresholds_fall_when_the_budget_is_spent_until_the_best_seen_is_enough() -> None:
    strategy, tree = start(Table({800: 0.25}), pops=1)
    thresholds = []
    while not tree.done:
        await strategy.step(tree)
        thresholds.append(round(tree.memo["upper"], 2))
    # Three levels give a budget of three pops; then one fall every two pops: 0.6, 0.5, 0.4, 0.2.
    assert thresholds == [0.6, 0.6, 0.5, 0.5, 0.4, 0.4, 0.2]
    assert tree.memo["budget"] == 3 + 3 * 2
    assert tree.finds[0].box == tree.root.box


async def test_the_search_ends_without_hope_below_the_lower_threshold() -> None:
    strategy, tree = start(Table({}), pops=1)
    while not tree.done:
        await strategy.step(tree)
    assert tree.finds == []
    assert tree.memo["upper"] < 0


async def test_a_node_that_answers_ends_the_search_for_one_thing() -> None:
    strategy, tree = start(Table({400: 0.7}))
    while not tree.done:
        await strategy.step(tree)
    assert tree.finds == [Find(tree.nodes[1].box, 0.9)]
    assert tree.visits == 2


async def test_with_several_things_the_search_goes_on_to_a_leaf() -> None:
    strategy, tree = start(Table({400: 0.7}, {200: 0.2, 100: 0.4}), Aim("cat", alone=False))
    while not tree.done:
        await strategy.step(tree)
    assert any(n.visited and n.box.width == 100 for n in tree)
    assert tree.places == [next(n.id for n in tree if "candidate" in n.scores)]


def test_regions_that_hold_some_of_all() -> None:
    tree = FocusTree("d", (800, 800), Aim("cats", every=True))
    near, far = tree.add(tree.root, Box(0, 0, 400, 400)), tree.add(tree.root, Box(400, 0, 800, 400))
    inner = tree.add(near, Box(0, 0, 200, 200))
    for node, exists in ((tree.root, 0.9), (near, 0.9), (far, 0.7), (inner, 0.95)):
        node.scores["exists"] = exists
    assert kept(tree, 0.6) == [inner]
    far.scores["exists"] = 0.85
    assert kept(tree, 0.6) == [far, inner]
    inner.scores["exists"] = 0.5
    assert kept(tree, 0.6) == [tree.root, near, far]


def test_boxes_merge_where_their_borders_of_fifty_pixels_touch() -> None:
    a, b, c = Box(0, 0, 10, 10), Box(50, 0, 60, 10), Box(300, 0, 310, 10)
    assert sorted(merge_near([a, b, c])) == [Box(0, 0, 60, 10), c]
    # Merged again: the joint box comes near the third.
    assert merge_near([a, b, Box(105, 0, 115, 10)]) == [Box(0, 0, 115, 10)]
    assert merge_near([a, Box(10 + 51, 0, 90, 10)]) == [a, Box(61, 0, 90, 10)]
    assert merge_near([]) == []


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(1, 80)), max_size=8))
def test_merging_loses_no_box_and_leaves_none_near_another(rows: list[tuple[int, int, int]]) -> None:
    boxes = [Box(x, y, x + side, y + side) for x, y, side in rows]
    merged = merge_near(boxes)
    for box in boxes:
        assert any(joint.union(box) == joint for joint in merged)
    assert sorted(merge_near(merged)) == sorted(merged)


def test_the_whole_is_framed_where_the_zoom_is() -> None:
    image = Image.of_pixels(Pillow.new("RGB", (1600, 800), (90, 90, 90)))
    whole, zoom = frame(image, [Box(400, 200, 600, 400)], 300)
    assert whole.size == (448, 224)
    assert whole.pixels.getpixel((112, 80)) == (255, 0, 0)
    assert whole.pixels.getpixel((140, 84)) == (90, 90, 90)
    assert zoom.box == Box(320, 120, 680, 480)


async def test_a_model_without_words_for_it_answers_as_far_as_it_sees() -> None:
    model = Oracle([Thing("red triangle", Box(10, 10, 60, 60))])
    eyes = Eyes(model, PICTURE)
    seen = await eyes.answerable(Box(0, 0, 200, 200), "what colour is the triangle?")
    blind = await eyes.answerable(Box(400, 400, 800, 800), "what colour is the triangle?")
    assert seen > 1
    assert blind < -1


class Doubts:
    """An expert that is sure of one region only, and doubtful everywhere else."""

    def __init__(self, sure: Box) -> None:
        self.sure = sure

    async def find(self, node: FocusNode) -> list[Find]:
        return [Find(node.box, 0.9 if node.box == self.sure else 0.2)]


async def test_a_candidate_that_the_expert_doubts_is_put_back() -> None:
    strategy, tree = start(Table({400: 0.7}))
    strategy.expert = Doubts(Box(400, 400, 800, 800))
    while not tree.done:
        await strategy.step(tree)
    assert tree.finds == [Find(Box(400, 400, 800, 800), 0.9)]
    assert sum("refuted" in node.scores for node in tree) == 3
