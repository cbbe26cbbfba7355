"""Where turns go: the two sets, what is counted, and an evaluation that goes on where it was stopped."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from agentkit.agents.chat.ability import examples
from agentkit.config import Settings
from agentkit.errors import ModelError, ToolError, UsageError
from agentkit.evals.routing import items_of
from agentkit.evals.routing.run import evaluate, metrics_of, table_of
from agentkit.evals.routing.tools import convert, tools


def test_the_sets_are_apart_from_each_other_and_from_the_examples():
    held, tuning = items_of("heldout"), items_of("tuning")
    assert len(held) == 200
    assert min(Counter(item.route for item in held).values()) >= 30
    assert len({item.id for item in held}) == 200
    shown = {shot.casefold() for shots in examples().values() for shot in shots}
    texts = {item.text.casefold() for item in held}
    # A few words ("And now?") can be said in one way only.
    assert not {text for text in texts & shown if len(text.split()) > 2}
    assert not texts & {item.text.casefold() for item in tuning}
    with pytest.raises(UsageError):
        items_of("training")


def test_the_tools_do_what_they_say():
    assert convert(72.0, "kg", "lb") == pytest.approx(158.7, abs=0.1)
    assert convert(convert(25.0, "C", "F"), "F", "C") == pytest.approx(25.0)
    with pytest.raises(ToolError):
        convert(1.0, "kg", "km")
    assert tools().names == ("now", "calculate", "convert", "add_task")


def test_what_is_counted():
    rows = [
        {"expected": "answer", "route": "answer", "right": True, "settled": False},
        {"expected": "answer", "route": "look", "right": False, "settled": False},
        {"expected": "look", "route": "look", "right": True, "settled": True},
    ]
    metrics = metrics_of(rows)
    assert metrics["accuracy"].mean == pytest.approx(2 / 3)
    assert (metrics["accuracy/unsettled"].mean, metrics["accuracy/look"].n) == (0.5, 1)
    assert "| answer | 1 | 1 | 2 |" in table_of(rows)


async def test_an_evaluation_goes_on_where_it_was_stopped(tmp_path):
    file = tmp_path / "scores.jsonl"

    def settings(turns: int) -> Settings:
        lines = [{"scores": [0.0, -9.0, -9.0, -9.0, -9.0, -9.0]}, {"scores": [-1.0] * 6}] * turns
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return Settings.load(decide=f"script:{file}", runs=tmp_path / "runs")

    out = tmp_path / "out"
    with pytest.raises(ModelError):
        await evaluate(settings(2), out, family=["tuning"], policy="model", items=3)
    found = await evaluate(settings(1), out, family=["tuning"], policy="model", items=3)
    assert (found.items, found.metrics["accuracy"].mean) == (3, 1.0)
    assert json.loads((out / "evaluation.json").read_text())["items"] == 3
    with pytest.raises(UsageError):
        await evaluate(settings(0), None, policy="guess")
