"""Element choice: fair items."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from agentkit.evals.attention.choice import ElementChoice, make_choice


@given(st.integers(0, 20_000))
def test_a_choice_has_one_right_button(seed: int) -> None:
    choice = make_choice(random.Random(seed))
    assert len(set(choice.options)) == 4
    verb, noun = choice.buttons[choice.right]
    assert verb in choice.task.lower()
    assert noun in choice.task


@given(st.integers(0, 20_000))
def test_the_item_of_a_seed_is_always_the_same(seed: int) -> None:
    family = ElementChoice()
    item = family.item(seed)
    assert item == family.item(seed)
    page, task = item.messages[-1].parts[1], item.messages[-1].parts[0]
    assert (task.label, page.label, page.trust) == ("instruction", "observation", "untrusted")
