"""Edits compile to biases on columns; equal marks mean equal edits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.attention import Boost, Mute, Reweight
from agentkit.attention.compile import Plan, Row, compile_edits, make_plan, marks
from agentkit.attention.spans import Span, Spans
from agentkit.attention.target import Target
from agentkit.errors import UsageError

SPANS = Spans(
    (
        Span("system", "trusted", np.arange(0, 3)),
        Span("observation", "untrusted", np.arange(3, 8)),
        Span("instruction", "trusted", np.arange(8, 10)),
    )
)
TARGET = Target(SPANS, tokens=10, layers=4, heads=6, kv_heads=2, width=8, hidden=48)
EDITS = st.lists(
    st.builds(
        Reweight,
        st.sampled_from(["system", "observation", "instruction", "untrusted"]),
        st.floats(0.01, 100.0),
        st.none() | st.sets(st.integers(0, 3), min_size=1).map(tuple),
        st.none() | st.sets(st.integers(0, 5), min_size=1).map(tuple),
    ),
    max_size=4,
)


def plan_of(*rows: tuple[tuple[Reweight, ...], int], width: int = 10) -> Plan | None:
    """Return the plan of rows of (edits, left padding)."""
    return make_plan([Row(compile_edits(edits, TARGET), TARGET, offset) for edits, offset in rows], width)


def marked(edits: tuple[Reweight, ...]) -> np.ndarray:
    return marks(compile_edits(edits, TARGET), 10)


def total(edits: list[Reweight], layer: int, head: int) -> np.ndarray:
    """Return the summed bias (10 columns) that a plan gives to a head of a layer."""
    plan = plan_of((tuple(edits), 0))
    result = np.zeros(10)
    for bias in plan.layers[layer].biases if plan else ():
        if bias.heads is None or head in bias.heads:
            result += bias.columns[0].numpy()
    return result


@settings(deadline=None)  # the first example imports torch
@given(edits=EDITS, layer=st.integers(0, 3), head=st.integers(0, 5))
def test_factors_multiply_where_they_apply_and_nowhere_else(
    edits: list[Reweight], layer: int, head: int
) -> None:
    wanted = np.zeros(10)
    for edit in edits:
        if (edit.layers is None or layer in edit.layers) and (edit.heads is None or head in edit.heads):
            wanted[TARGET.find(edit.span)] += math.log(edit.factor)
    assert total(edits, layer, head) == pytest.approx(wanted, abs=1e-5)


def test_no_edit_is_no_plan() -> None:
    assert plan_of(((), 0), ((), 2), width=12) is None


def test_rows_have_their_own_edits_and_padding() -> None:
    plan = plan_of(((Boost("system", 2.0),), 0), ((), 1), ((Boost("system", 3.0),), 2), width=12)
    assert plan is not None
    (bias,) = plan.layers[0].biases
    assert bias.heads is None
    wanted = np.zeros((3, 12))
    wanted[0, 0:3], wanted[2, 2:5] = math.log(2), math.log(3)
    assert bias.columns.numpy() == pytest.approx(wanted, abs=1e-6)


def test_naming_every_head_is_naming_none() -> None:
    plan = plan_of(((Boost("system", 2.0, heads=tuple(range(6))),), 0))
    assert plan is not None
    assert plan.layers[0].biases[0].heads is None


@pytest.mark.parametrize("where", [{"layers": (4,)}, {"heads": (6,)}, {"layers": (-1,)}, {"heads": ()}])
def test_layers_and_heads_that_are_not_there(where: dict[str, tuple[int, ...]]) -> None:
    with pytest.raises(UsageError, match=r"there is no (layer|head)"):
        compile_edits([Reweight("system", 2.0, **where)], TARGET)


@pytest.mark.parametrize("factor", [0.0, -1.0, math.inf, math.nan])
def test_factors_are_positive_and_finite(factor: float) -> None:
    with pytest.raises(UsageError, match="positive finite"):
        Boost("system", factor)


def test_marks_tell_edits_apart_only_where_they_touch() -> None:
    none, boosted = marked(()), marked((Boost("instruction", 2.0),))
    assert (none == 0).all()
    assert (boosted[:8] == 0).all()
    assert (boosted[8:] != 0).all()
    others = [
        (Boost("instruction", 3.0),),
        (Mute("instruction", 0.5),),
        (Boost("instruction", 2.0, layers=(1,)),),
        (Boost("instruction", 2.0, heads=(1,)),),
        (Boost("instruction", 2.0), Boost("instruction", 2.0)),
    ]
    numbers = {int(marked(edits)[9]) for edits in others}
    assert len(numbers) == len(others)
    assert int(boosted[9]) not in numbers
