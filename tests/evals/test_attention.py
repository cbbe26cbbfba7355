"""The choice evaluation: fair items, and a whole small run on the real model."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from agentkit.evals.attention.choice import make_choice, measure, prompt_of
from agentkit.evals.registry import BENCHES, EVALS
from agentkit.models import load_model


@given(st.integers(0, 10_000))
def test_a_choice_has_one_right_button(seed: int) -> None:
    choice = make_choice(random.Random(seed))
    assert len(set(choice.options)) == 4
    verb, noun = choice.buttons[choice.right]
    assert verb in choice.task.lower()
    assert noun in choice.task
    assert prompt_of(seed) == prompt_of(seed)


async def test_scores_become_shares_and_paired_gains(tmp_path) -> None:
    lines = []
    for seed in (10_001, 10_002):
        right = prompt_of(seed)[1].right
        plain = [-1.0 if i == (right + 1) % 4 else -2.0 for i in range(4)]
        boosted = [-1.0 if i == right else -2.0 for i in range(4)]
        lines += [f'{{"scores": {plain}}}', f'{{"scores": {boosted}}}']
    (tmp_path / "s.jsonl").write_text("\n".join(lines))
    found = await measure(load_model(f"script:{tmp_path / 's.jsonl'}"), (10_001, 10_002), (1.0, 15.0))
    assert found.metrics["right.1"].mean == 0
    assert found.metrics["right.15"].mean == 1
    assert found.metrics["gain.15"].mean == 1


def test_every_registered_name_can_be_loaded() -> None:
    from importlib import import_module

    for place in (*EVALS.values(), *BENCHES.values()):
        module, _, name = place.partition(":")
        assert callable(getattr(import_module(module), name))
