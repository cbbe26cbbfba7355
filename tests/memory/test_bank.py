"""The memory bank of conversations: matching, simplification, reflection."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.memory import BankStep, MemoryBank, Step
from agentkit.memory.bank import simplified
from agentkit.models.embed import load_embedder
from agentkit.models.script import ScriptModel

MINILM = load_embedder()
PAGE = "\n".join(
    [
        'heading "Shop"',
        "Welcome to our shop",
        'textbox "Search products"',
        'button "Search"',
        "Red shoes 20",
        'button "Add red shoes"',
        "Blue hat 9",
        'button "Add blue hat"',
        "Terms",
        "Imprint",
    ]
)


@pytest.fixture
def bank() -> MemoryBank:
    found = MemoryBank(embedder=MINILM)
    found.remember(
        "ann",
        "Find red shoes",
        [Step(observation=PAGE, action='type "red shoes" into textbox "Search products"')],
        run="r1",
    )
    found.remember(
        "ann",
        "Put them in the cart",
        [Step(observation=PAGE, action='click button "Add red shoes"')],
        run="r2",
    )
    found.remember(
        "ann", "Log out", [Step(observation='link "Log out"', action='click link "Log out"')], run="r3"
    )
    found.remember("bob", "Find red shoes", [Step(observation=PAGE, action="scroll down")], run="r4")
    return found


def test_turns_are_counted_and_conversations_are_apart(bank: MemoryBank) -> None:
    steps = bank.conversation("ann")
    assert [step.place for step in steps] == [(1, 1), (2, 1), (3, 1)]
    assert [step.run for step in steps] == ["r1", "r2", "r3"]
    assert len(bank.conversation("bob")) == 1


def test_the_same_run_again_is_the_same_turn(bank: MemoryBank) -> None:
    again = bank.remember("ann", "Log out", [Step(observation="x", action='click link "Log out"')], run="r3")
    assert again[0].turn == 3
    assert len(bank.conversation("ann")) == 3


def test_matching_takes_instruction_and_actions_of_this_conversation(bank: MemoryBank) -> None:
    found = bank.recall("ann", "Find a blue hat and put it in the cart", k=2)
    assert [match.entry.run for match in found] == ["r2", "r1"] or [m.entry.run for m in found] == [
        "r1",
        "r2",
    ]
    by_action = bank.recall("ann", "Do it", ['click link "Log out"'], k=1)
    assert by_action[0].entry.run == "r3"
    assert all(match.entry.conversation == "ann" for match in bank.recall("ann", "scroll down", k=9))
    in_time = bank.recall("ann", "Log out", k=3, order="time")
    assert [match.entry.run for match in in_time] == ["r1", "r2", "r3"]


def test_equal_steps_are_one_match_the_latest(bank: MemoryBank) -> None:
    bank.remember("ann", "Log out", [Step(observation="y", action='click link "Log out"')], run="r9")
    found = [match.entry for match in bank.recall("ann", "Log out", k=4)]
    assert [step.run for step in found if step.instruction == "Log out"] == ["r9"]


def test_a_page_is_reduced_to_what_bears_on_the_action(bank: MemoryBank) -> None:
    step = bank.conversation("ann")[1]
    lines = step.observation.splitlines()
    assert 'button "Add red shoes"' in lines
    assert len(lines) == 6
    assert "Imprint" not in lines


@given(
    st.lists(st.text("ab c\u0301é", max_size=8).map(lambda s: " ".join(s.split())), max_size=20),
    st.text(max_size=20),
    st.integers(1, 8),
)
def test_simplifying_keeps_lines_whole_and_in_order(lines: list[str], action: str, most: int) -> None:
    kept = simplified("\n".join(lines), "a b", action, most).splitlines()
    rest = iter("\n".join(lines).splitlines())
    assert all(line in rest for line in kept)
    assert len(kept) <= max(most, 0) or len("\n".join(lines).splitlines()) <= most


async def test_a_reflection_is_written_once_and_kept(bank: MemoryBank, tmp_path: Path) -> None:
    file = tmp_path / "replies.jsonl"
    file.write_text(json.dumps({"text": "The search box\nfinds products."}) + "\n")
    model = ScriptModel.load(file)
    step = bank.conversation("ann")[0]
    (reflected,) = await bank.reflect(model, [step])
    assert reflected.rationale == "The search box finds products."
    (kept,) = await bank.reflect(model, [bank.conversation("ann")[0]])
    assert kept == reflected
    assert model.left == 0


def test_a_step_is_shown_as_a_short_untrusted_trajectory(bank: MemoryBank) -> None:
    step = bank.conversation("ann")[0].model_copy(update={"rationale": "It searches."})
    shown = step.as_exemplar()
    assert (shown.task, shown.trust) == ("Find red shoes (It searches.)", "untrusted")
    assert shown.steps == (Step(observation=step.observation, action=step.action),)


def test_a_full_bank_loses_the_oldest_of_the_longest_conversation() -> None:
    bank = MemoryBank(embedder=MINILM, capacity=3)
    for number in range(3):
        bank.remember(
            "long", f"Do {number}", [Step(observation="", action=f"click {number}")], run=f"r{number}"
        )
    bank.remember("short", "Do it", [Step(observation="", action="click it")], run="s")
    assert [step.action for step in bank.conversation("long")] == ["click 1", "click 2"]
    assert len(bank.conversation("short")) == 1


def test_a_conversation_can_be_forgotten(bank: MemoryBank) -> None:
    assert bank.forget_conversation("ann") == 3
    assert bank.conversation("ann") == []
    assert len(bank.conversation("bob")) == 1


def test_what_was_done_before_in_the_turn_is_kept_with_each_step() -> None:
    bank = MemoryBank(embedder=MINILM)
    steps = [Step(observation="", action=action) for action in ("a", "b", "c")]
    kept = bank.remember("x", "Do all", steps)
    assert [step.before for step in kept] == [(), ("a",), ("a", "b")]
    assert all(isinstance(step, BankStep) and step.trust == "untrusted" for step in kept)
