"""Ambiguous MiniWoB++: what is left out, who answers, what is counted; two real episodes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentkit.config import Settings
from agentkit.contracts.result import Question
from agentkit.errors import UsageError
from agentkit.evals.ambiguous import CUTS, cuts_of
from agentkit.evals.ambiguous.metrics import metrics_of
from agentkit.evals.ambiguous.run import evaluate
from agentkit.evals.ambiguous.user import DONT_KNOW, SimulatedUser
from agentkit.evals.miniwob import ALL64, DEMONSTRATED

LOGIN = 'Enter the username "ada" and the password "x1" into the text fields and press login.'
FLIGHT = "Book the cheapest one-way flight from: CHO to: Atlanta, GA on 11/29/2016."


def test_what_is_left_out_is_not_said_and_the_rest_is():
    cuts = cuts_of("login-user", LOGIN)
    assert list(cuts) == list(CUTS["login-user"])
    for cut in cuts.values():
        kept = {"ada", "x1"} - set(cut.slots.values())
        assert cut.clear == LOGIN
        assert not any(f'"{value}"' in cut.text for value in cut.slots.values())
        assert all(f'"{value}"' in cut.text for value in kept)
    flight = cuts_of("book-flight", FLIGHT)
    assert flight["destination"].text == "Book the cheapest one-way flight from: CHO on 11/29/2016."
    assert dict(flight["destination"].slots) == {"destination": "Atlanta, GA"}


def test_what_leaves_nothing_open_is_no_cut():
    text = 'Click on the "ok" button.'
    assert list(cuts_of("click-button", text, {}, "<button>ok</button><button>no</button>")) == ["button"]
    assert cuts_of("click-button", text, {}, "<button>ok</button>") == {}
    assert cuts_of("click-test", "Click the button.") == {}
    assert cuts_of("simple-algebra", "Solve for x and type your answer into the textbox.") == {}
    delete = {"task": "delete", "by": "Ada"}
    assert list(
        cuts_of("email-inbox", "Find the email by Ada and click the trash icon to delete it.", delete)
    ) == ["sender"]


def test_cuts_are_of_tasks_that_there_are_and_most_demonstrated_ones_have_some():
    assert set(CUTS) <= set(ALL64)
    assert len(set(CUTS) & set(DEMONSTRATED)) >= 30


async def answer(user: SimulatedUser, missing: str, *choices: str) -> str:
    text = f"Which {missing}?"
    return await user.answer(Question(id="q", text=text, missing=missing, choices=list(choices)))


async def test_the_user_answers_what_is_asked_and_nothing_else():
    user = SimulatedUser(cuts_of("login-user", LOGIN)["username+password"])
    assert await answer(user, "Password") == "x1"
    assert await answer(user, "Birthday") == DONT_KNOW
    assert await answer(user, "Username") == "ada"
    assert [asked.slot for asked in user.asked] == ["password", "", "username"]
    link = SimulatedUser(cuts_of("click-link", 'Click on the link "Sed".')["link"])
    assert await answer(link, "thing", "Et", "Sed") == "Sed", "it is among the choices"
    assert await answer(SimulatedUser(None), "link", "Et") == DONT_KNOW


def row(variant: str, success: bool, slots: str = "", asked: str = "", seed: int = 1) -> dict[str, Any]:
    questions = [{"slot": "" if slot == "-" else slot} for slot in asked.split()]
    base = {"task": "click-link", "seed": seed, "variant": variant, "success": success}
    return {**base, "slots": slots.split(), "asked": questions}


def test_the_two_streams_are_counted_apart():
    rows = [
        row("clear", True),
        row("clear", False, asked="-", seed=2),
        row("link", True, "link", "link"),
        row("link", False, "link", "- link link", seed=2),
        row("link", False, "link", seed=3),
        {**row("link", False, seed=4), "skipped": True},
    ]
    found = metrics_of(rows)
    means = {name: (round(metric.mean, 3), metric.n) for name, metric in found.items()}
    assert means["ask/recall"] == (0.667, 3)
    assert means["ask/precision"] == (0.4, 5)
    assert means["ask/content"] == (0.5, 4)
    assert means["ask/clear"] == (0.5, 2)
    assert means["ask/per_slot"] == (1.333, 3)
    assert means["act/told"] == (0.5, 2)
    assert means["act/clear"] == (0.5, 2)
    assert means["act/difference"] == (0.0, 2)
    assert means["act/ambiguous"] == (0.333, 3)
    assert metrics_of([])["ask/recall"].n == 0


async def test_an_expert_is_told_what_the_agent_asked_for_and_a_killed_evaluation_goes_on(tmp_path):
    settings, out = Settings.load(), tmp_path / "out"
    lines: list[str] = []
    found = await evaluate(settings, out, tasks="enter-text-dynamic", seeds="10001", say=lines.append)
    clear, cut = found.rows
    assert (clear["variant"], clear["asked"], clear["success"]) == ("clear", [], True)
    assert (cut["utterance"], cut["slots"], cut["success"]) == (
        "Fill in the text field and press Submit.",
        ["text"],
        True,
    )
    assert [question["slot"] for question in cut["asked"]] == ["text"]
    assert found.metrics["ask/recall"].mean == 1
    file = out / "rows.jsonl"
    file.write_text(file.read_text().splitlines()[0] + '\n{"task": "enter-t')
    again = await evaluate(settings, out, tasks="enter-text-dynamic", seeds="10001", say=lines.append)
    assert again.rows[0] == json.loads(file.read_text().splitlines()[0])
    assert [line.split()[0] for line in lines] == ["1/2", "2/2", "2/2"]


@pytest.mark.parametrize("wrong", [{"policy": "guess"}, {"tasks": "click-test"}, {"seeds": "some"}])
async def test_what_there_is_not_is_a_usage_error(wrong, tmp_path):
    with pytest.raises(UsageError):
        await evaluate(Settings.load(), tmp_path / "out", **wrong)
