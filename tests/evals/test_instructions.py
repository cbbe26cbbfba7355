"""Standing instructions over 20 turns: the dialogues, what is counted, and an evaluation that goes on."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.agents.chat.ledger import Ledger
from agentkit.config import Settings
from agentkit.errors import ModelError, UsageError
from agentkit.evals.instructions import make_dialogue
from agentkit.evals.instructions.metrics import metrics_of, table_of
from agentkit.evals.instructions.rules import MATTERS, Rule
from agentkit.evals.instructions.run import evaluate


def rule(matter: str, holds: str) -> Rule:
    rng = random.Random(0)
    return next(found for _ in range(200) if holds in (found := MATTERS[matter](rng)).given)


@pytest.mark.parametrize(
    ("matter", "holds", "kept", "broken"),
    [
        ("ending", "'indeed'", "Yes, indeed!", "Indeed, yes."),
        ("start", "'Well'", "Well, yes.", "Yes, well."),
        ("case", "capital", "YES, 7.", "Yes."),
        ("case", "lower", "yes, 7.", "Yes."),
        ("length", "two", "Yes. It is!", "Yes, it is."),
        ("list", "list", "- one\n* two", "one\n- two"),
        ("brackets", "brackets", "[Yes.]", "[Yes]."),
        ("commas", "comma", "Yes.", "Yes, so."),
        ("avoided", "'the'", "Other things.", "THE thing."),
        ("mentioned", "'lemon'", "A Lemon.", "Lemons."),
    ],
)
def test_a_program_says_whether_a_rule_is_kept(matter, holds, kept, broken):
    found = rule(matter, holds)
    assert found.kept(kept)
    assert not found.kept(broken)
    assert not found.kept("...")


@given(st.integers(10_000, 19_999))
def test_the_ledger_holds_what_the_dialogue_says_holds(seed):
    dialogue = make_dialogue(seed)
    said = []
    for turn in dialogue.turns:
        said.append(turn.text)
        wanted = {r.once if r.once and r.once in turn.text else r.given for r in turn.rules}
        assert {item.text for item in Ledger.of(said).live} == wanted


def test_dialogues_add_change_limit_and_end():
    events = [turn.event for seed in range(10_000, 10_020) for turn in make_dialogue(seed).turns]
    assert {"add", "change", "once", "end"} <= set(events)
    assert max(len(turn.rules) for turn in make_dialogue(10_000).turns) > 2


def test_what_is_counted():
    def row(arm: str, sample: int, turn: int, followed: int, rules: int = 2) -> dict:
        base = {"seed": 1, "arm": arm, "sample": sample, "turn": turn, "answered": True}
        return {**base, "rules": rules, "followed": followed}

    rows = [
        *(row("plain", 0, turn, followed) for turn, followed in ((1, 1), (2, 2))),
        *(row("plain", 1, turn, followed) for turn, followed in ((1, 0), (2, 2))),
        # A turn in which nothing holds does not count.
        *(row("plain", sample, 3, 0, 0) for sample in (0, 1)),
        *(row("ledger", sample, turn, 2) for sample in (0, 1) for turn in (1, 2)),
    ]
    found = metrics_of(rows)
    assert found["plain/pif"].mean == pytest.approx(0.625)
    assert [found[f"plain/pif-2-{k}"].mean for k in (1, 2)] == [0.5, 0.5]
    assert found["ledger-plain/pif"].mean == pytest.approx(0.375)
    assert "| ledger/pif-2-2 | 1.000 |" in table_of(found)


async def test_an_evaluation_goes_on_where_it_was_stopped(tmp_path):
    file = tmp_path / "replies.jsonl"

    def settings(replies: int) -> Settings:
        file.write_text((json.dumps({"text": "WELL, INDEED"}) + "\n") * replies)
        return Settings.load(decide=f"script:{file}", runs=tmp_path / "runs")

    seeds, arms = "10000", "plain,ledger"
    with pytest.raises(ModelError):
        await evaluate(settings(25), tmp_path / "out", seeds=seeds, policy=arms)
    found = await evaluate(settings(15), tmp_path / "out", seeds=seeds, policy=arms)
    assert found.items == 40
    assert found.metrics["ledger-plain/pif"].mean == 0.0
    assert 0 < found.metrics["plain/pif"].mean < 1
    with pytest.raises(UsageError):
        await evaluate(settings(1), None, policy="guess")
