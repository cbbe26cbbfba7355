"""Focus tree and heat: round trips, paths, shares."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.agents.search.heat import Heat
from agentkit.agents.search.tree import Find, FocusTree
from agentkit.content import Box
from agentkit.errors import UsageError

coordinates = st.floats(-500, 1500, allow_nan=False)


def grown(steps: list[tuple[int, float, float, float, float]]) -> FocusTree:
    tree = FocusTree("d" * 64, (1000, 800), "red triangle")
    for above, x1, y1, x2, y2 in steps:
        box = Box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
        if box.clip(Box(0, 0, 1000, 800)).area > 0:
            node = tree.add(tree[above % len(tree)], box)
            node.scores["exists"] = 0.25
            node.heat = Heat.of([node.box], [2.0])
            if above % 2:
                tree.visit(node)
                node.find = Find(node.box, 0.4)
    return tree


@given(st.lists(st.tuples(st.integers(0, 30), *[coordinates] * 4), max_size=12))
def test_a_tree_survives_json_and_no_node_leaves_the_picture(
    steps: list[tuple[int, float, float, float, float]],
) -> None:
    tree = grown(steps)
    again = FocusTree.load(json.loads(json.dumps(tree.dump())))
    assert again.dump() == tree.dump()
    assert [n.box for n in again] == [n.box for n in tree]
    for node in tree:
        assert node.box.clip(tree.root.box) == node.box
        assert tree.path(node)[0] == tree.root.box
        assert tree.path(node)[-1] == node.box
        assert len(tree.path(node)) == node.depth + 1
        assert tree.looked(node).box == tuple(node.box)


def test_visits_are_numbered_in_order() -> None:
    tree = FocusTree("d", (100, 100), "cat")
    first, second = tree.add(tree.root, Box(0, 0, 50, 50)), tree.add(tree.root, Box(50, 0, 100, 50))
    for node in (tree.root, second, first, second):
        tree.visit(node)
    assert [tree.root.order, second.order, first.order] == [0, 1, 2]
    assert tree.visits == 3
    assert tree.candidates() == []


def test_a_box_outside_the_picture_is_refused() -> None:
    tree = FocusTree("d", (100, 100), "cat")
    with pytest.raises(UsageError):
        tree.add(tree.root, Box(200, 200, 300, 300))


def test_heat_is_clamped_normalised_and_shared() -> None:
    boxes = [Box(0, 0, 10, 10), Box(10, 0, 20, 10), Box(0, 10, 10, 20)]
    heat = Heat.of(boxes, [-3.0, 2.0, 4.0])
    assert heat.peak == 4.0
    assert [v for _, v in heat.normalised().cells] == [0.0, 0.5, 1.0]
    assert heat.share(boxes[2]) == pytest.approx(4 / 6)
    assert heat.share(Box(0, 0, 20, 20)) == pytest.approx(1)


def test_constant_heat_is_no_cue() -> None:
    heat = Heat.of([Box(0, 0, 1, 1), Box(1, 0, 2, 1)], [5.0, 5.0]).normalised()
    assert heat.mass == 0
    assert heat.share(Box(0, 0, 1, 1)) == 0


def test_without_cells_there_is_no_heat() -> None:
    assert Heat().peak == 0
    assert Heat().normalised() == Heat()
    assert Heat().share(Box(0, 0, 1, 1)) == 0
