"""What every strategy does, whatever its control flow: one suite over all of them."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from search_oracle import Oracle, Thing, told

from agentkit.agents.search import (
    STRATEGIES,
    Aim,
    Eyes,
    Find,
    FocusNode,
    FocusTree,
    Kit,
    ModelExpert,
    Strategy,
)
from agentkit.agents.search.cues import ModelCue
from agentkit.content import Box, Image
from agentkit.contracts.runfile import BudgetLimits
from agentkit.errors import UsageError
from agentkit.runtime.budget import Budget, BudgetError

PICTURE = Image.of_pixels(Pillow.new("RGB", (1200, 800), (90, 90, 90)))
every_strategy = pytest.mark.parametrize("name", list(STRATEGIES))
MOST_STEPS = 2000


def searcher(
    name: str, model: Oracle, image: Image = PICTURE, aim: Aim | str = "red triangle", **more: object
) -> tuple[Strategy, FocusTree, Eyes]:
    eyes = Eyes(model, image, **more)  # type: ignore[arg-type]
    strategy = STRATEGIES[name](Kit.of(eyes, ModelExpert, ModelCue))
    return strategy, strategy.start(image.sha256, image.size, aim), eyes


async def search(strategy: Strategy, tree: FocusTree) -> None:
    for _ in range(MOST_STEPS):
        if tree.done:
            return
        await strategy.step(tree)
    raise AssertionError("the search does not end")


@every_strategy
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(left=st.integers(0, 1170), top=st.integers(0, 770), side=st.integers(22, 30))
async def test_a_small_thing_is_found_wherever_it_is(name: str, left: int, top: int, side: int) -> None:
    box = Box(left, top, min(left + side, 1200), min(top + side, 800))
    strategy, tree, _ = searcher(name, Oracle([Thing("red triangle", box)]))
    await search(strategy, tree)
    assert tree.finds[0].box.iou(box) > 0.5
    assert tree.finds[0].confidence > 0.5


@every_strategy
async def test_an_absent_thing_is_not_found(name: str) -> None:
    strategy, tree, _ = searcher(name, Oracle([Thing("blue circle", Box(10, 10, 50, 50))]))
    await search(strategy, tree)
    assert tree.finds == []


@every_strategy
async def test_a_model_without_likelihoods_searches_too(name: str) -> None:
    box = Box(750, 150, 778, 178)
    strategy, tree, _ = searcher(name, told(Oracle([Thing("red triangle", box)])))
    await search(strategy, tree)
    assert tree.finds[0].box.iou(box) > 0.5


@every_strategy
async def test_all_of_a_kind_are_found_once_each(name: str) -> None:
    boxes = [Box(40, 40, 66, 66), Box(640, 500, 668, 528), Box(1100, 90, 1126, 116)]
    model = Oracle([Thing("red triangle", box) for box in boxes])
    strategy, tree, _ = searcher(name, model, aim=Aim("red triangle", "how many?", every=True))
    await search(strategy, tree)
    assert len(tree.finds) == 3
    assert all(max(find.box.iou(box) for find in tree.finds) > 0.5 for box in boxes)
    assert len(tree.places) == 3


@every_strategy
@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1), (3, 2)])
async def test_extreme_pictures(name: str, size: tuple[int, int]) -> None:
    image = Image.of_pixels(Pillow.new("RGB", size))
    model = Oracle([Thing("red triangle", Box(0, 0, 1, 1))])
    strategy, tree, _ = searcher(name, model, image)
    await search(strategy, tree)
    for _, shown in model.asked:
        assert Box(*shown).clip(image.box) == Box(*shown)
        assert Box(*shown).area >= 1


@every_strategy
async def test_a_search_goes_on_from_its_dump_after_any_step(name: str) -> None:
    model = Oracle(
        [Thing("red triangle", Box(1100, 700, 1126, 726)), Thing("boat", Box(9, 9, 200, 200), ("triangle",))]
    )
    strategy, whole, _ = searcher(name, model)
    await search(strategy, whole)
    again, tree, _ = searcher(name, model)
    while not tree.done:
        await again.step(tree)
        tree = FocusTree.load(json.loads(json.dumps(tree.dump())))
    assert tree.dump() == whole.dump()


@every_strategy
async def test_a_budget_is_never_exceeded_and_leaves_the_best_so_far(name: str) -> None:
    for calls in (1, 2, 5, 9, 17, 30):
        model = Oracle([Thing("red triangle", Box(1100, 700, 1126, 726))])
        budget = Budget(BudgetLimits(calls=calls))
        strategy, tree, eyes = searcher(name, model, budget=budget)
        try:
            while not tree.done:
                before = eyes.looks
                await strategy.step(tree)
                budget.used.calls += eyes.looks - before
        except BudgetError:
            strategy.finish(tree)
        assert tree.done
        assert all(find.box.clip(PICTURE.box) == find.box for find in tree.finds)


class Wild:
    """An expert that says anything."""

    def __init__(self, finds: list[Find]) -> None:
        self.finds = finds

    async def find(self, node: FocusNode) -> list[Find]:
        node.scores.setdefault("exists", 0.5)
        return self.finds


NUMBER = st.floats(-1e6, 1e6) | st.just(float("nan")) | st.just(float("inf"))


@every_strategy
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(NUMBER, NUMBER, NUMBER, NUMBER, st.floats(-1, 2) | st.just(float("nan"))), max_size=4
    )
)
async def test_what_an_expert_says_outside_the_picture_never_comes_out(
    name: str, rows: list[tuple[float, float, float, float, float]]
) -> None:
    image = Image.of_pixels(Pillow.new("RGB", (300, 200)))
    eyes = Eyes(Oracle(), image)
    wild = Wild([Find(Box(*row[:4]), row[4]) for row in rows])
    strategy = STRATEGIES[name](Kit.of(eyes, lambda eyes: wild, ModelCue))
    tree = strategy.start(image.sha256, image.size, "red triangle")
    await search(strategy, tree)
    for find in tree.finds:
        assert find.box.area > 0
        assert find.box.clip(image.box) == find.box
        assert 0 <= find.confidence <= 1


@every_strategy
def test_a_constant_that_a_strategy_does_not_have_is_refused(name: str) -> None:
    eyes = Eyes(Oracle(), PICTURE)
    with pytest.raises(UsageError, match="has no constant 'hurry'"):
        STRATEGIES[name](Kit.of(eyes, ModelExpert, ModelCue, {"hurry": 1}))


def test_crops_stay_bounded_over_hundreds_of_visits() -> None:
    from agentkit.agents.search.eyes import Crops

    crops = Crops(pixels=50_000)
    for left in range(0, 1100, 4):
        crops.get(PICTURE, Box(left, 0, left + 100, 100))
        assert crops.held <= 50_000
