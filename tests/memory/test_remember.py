"""What is kept of runs: exemplars, tips, and the record of tips."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from memory_runs import a_run
from PIL import Image as Pil
from PIL import ImageDraw

from agentkit.content import Image
from agentkit.contracts.result import Status
from agentkit.contracts.run import RunInfo
from agentkit.errors import ModelError, UsageError
from agentkit.memory import ExemplarMemory, Learned, Tip, TipMemory, learn_from_runs
from agentkit.memory.distil import Trial, contrast, distil, shape
from agentkit.memory.exemplar import Exemplar, Step
from agentkit.models.embed import load_embedder
from agentkit.models.script import ScriptModel
from agentkit.runs.folder import EVENTS, RunFolder

MINILM = load_embedder()
RIGHT = ['type "ann" into textbox "Name"', 'type "pw" into textbox "Password"', 'click button "Log in"']
HASTY = ['type "bob" into textbox "Name"', 'click button "Log in"']


def stores() -> tuple[ExemplarMemory, TipMemory]:
    return ExemplarMemory(embedder=MINILM), TipMemory(embedder=MINILM)


def learn(memories: tuple[ExemplarMemory, TipMemory], *runs: Path, model=None) -> Learned:
    return asyncio.run(learn_from_runs(memories[0], memories[1], runs, model))


def trial(
    actions: list[str], outcome: Status = "done", family: str = "login", tried: list[str] | None = None
) -> Trial:
    steps = tuple(Step(observation="page", action=action) for action in actions)
    exemplar = Exemplar(task="Log in", steps=steps, family=family, outcome=outcome, run=f"{outcome}-run")
    return Trial(exemplar, tuple(tried or actions))


def script(tmp_path: Path, *replies: str) -> ScriptModel:
    file = tmp_path / "replies.jsonl"
    file.write_text("".join(json.dumps({"text": reply}) + "\n" for reply in replies))
    return ScriptModel.load(file)


def picture(x: int) -> Image:
    page = Pil.new("RGB", (200, 100), "white")
    ImageDraw.Draw(page).rectangle((x, 20, x + 40, 60), outline="black", width=3)
    return Image.of_pixels(page)


def test_a_success_is_an_exemplar_with_its_screenshot(tmp_path) -> None:
    memories = stores()
    learned = learn(memories, a_run(tmp_path / "r", "Log in as ann", RIGHT, screen=picture(10)))
    (kept,) = memories[0].entries()
    assert learned.exemplars == [kept]
    assert learned.tips == []
    assert kept.screen.startswith("edges1:")
    assert (kept.run, kept.trust, kept.family) == ("r", "untrusted", "login")


def test_a_failure_beside_a_kept_success_gives_a_tip_of_where_they_part(tmp_path) -> None:
    memories = stores()
    learn(memories, a_run(tmp_path / "good", "Log in as ann", RIGHT))
    learned = learn(memories, a_run(tmp_path / "bad", "Log in as bob", HASTY, status="failed"))
    (tip,) = memories[1].entries()
    assert learned.tips == [tip]
    assert tip.text == 'Do this before click button "Log in": type ... into textbox "Password".'
    assert (tip.origin, tip.trust, tip.family) == ("contrast", "untrusted", "login")
    assert tip.runs == ("bad", "good")
    assert len(memories[0].entries()) == 1
    assert memories[1].recall("Log in as zoe")[0].entry == tip
    assert RunFolder.open(tmp_path / "bad").lines(EVENTS)[-1]["id"] == tip.id


def test_what_was_repeated_without_effect_is_a_tip_even_without_a_success(tmp_path) -> None:
    memories = stores()
    stuck = ['click button "Next"'] * 4
    run = a_run(tmp_path / "r", "Find it", stuck, status="budget", effective=[])
    (tip,) = learn(memories, run).tips
    assert 'click button "Next"' in tip.text
    assert tip.origin == "failure"


def test_nothing_is_kept_when_one_of_the_runs_is_none(tmp_path) -> None:
    memories = stores()
    good = a_run(tmp_path / "good", "Log in as ann", RIGHT)
    with pytest.raises(UsageError, match="not a run folder"):
        learn(memories, good, tmp_path / "nowhere")
    RunFolder.create(RunInfo(id="x", agent="web", task="t", created=0), tmp_path / "open")
    with pytest.raises(UsageError, match="has not ended"):
        learn(memories, good, tmp_path / "open")
    assert len(memories[0]) == len(memories[1]) == 0


def test_tips_are_credited_once_with_how_the_run_ended(tmp_path) -> None:
    memories = stores()
    tip = Tip(text="Fill in all fields.", task="Log in", family="login")
    memories[1].add(tip)
    good = a_run(tmp_path / "good", "Log in as ann", RIGHT, tips=[tip.id])
    assert learn(memories, good).credited == 1
    assert learn(memories, good).credited == 0
    bad = a_run(tmp_path / "bad", "Log in as bob", HASTY, status="failed", tips=[tip.id])
    assert learn(memories, bad).credited == 1
    assert learn(memories, bad).credited == 0
    kept = memories[1].show(tip.id)
    assert (kept.uses, kept.wins) == (2, 1)


@pytest.mark.parametrize(
    ("failed", "done", "text"),
    [
        (["a", "c"], ["a", "b"], "After a, do b, not c."),
        (["c"], ["b"], "Begin with b, not c."),
        (["a"], ["a", "b"], "After a, go on with b."),
        (["a", "b"], ["b"], "Begin with b, not a."),
        (["a", "b"], ["a"], "Stop after a."),
        (["b"], ["a", "b"], "Do this before b: a."),
        (["a"], ["a"], None),
    ],
)
def test_a_contrast_says_what_the_success_did_where_they_part(failed, done, text) -> None:
    tips = contrast(trial(failed, "failed"), trial(done))
    assert [tip.text for tip in tips] == ([text] if text else [])


def test_a_contrast_needs_a_failure_and_a_success_of_one_family() -> None:
    with pytest.raises(UsageError, match="failed and a successful"):
        contrast(trial(["a"]), trial(["a"]))
    with pytest.raises(UsageError, match="within one family"):
        contrast(trial(["a"], "failed"), trial(["a"], family="other"))


def test_the_values_of_one_task_are_not_in_advice() -> None:
    assert shape('type "s3cret" into textbox "Password"') == 'type ... into textbox "Password"'
    assert shape('select "Rome" and "Oslo" in combobox "Cities"') == 'select ... in combobox "Cities"'
    assert shape('click button "Log in"') == 'click button "Log in"'


async def test_a_model_writes_tips_and_takes_back_what_is_wrong(tmp_path) -> None:
    memory = TipMemory(embedder=MINILM)
    wrong = Tip(text="Log in without a password.", task="Log in", family="login", runs=("old",))
    memory.add(wrong)
    reply = json.dumps({"tips": ["Fill in the password before you log in."], "wrong": [1]})
    trials = [trial(HASTY, "failed"), trial(RIGHT)]
    found, back = await distil(script(tmp_path, reply), trials, [wrong])
    assert back == [wrong]
    assert [(tip.origin, tip.trust) for tip in found] == [("contrast", "untrusted")]

    run = a_run(tmp_path / "bad", "Log in as bob", HASTY, status="failed")
    learned = await learn_from_runs(ExemplarMemory(embedder=MINILM), memory, [run], script(tmp_path, reply))
    assert memory.entries() == learned.tips
    assert learned.tips[0].text == "Fill in the password before you log in."


async def test_the_users_own_tip_is_not_taken_back_by_a_model(tmp_path) -> None:
    memory = TipMemory(embedder=MINILM)
    own = Tip(text="Never save the password.", task="Log in", family="login", origin="user", trust="trusted")
    memory.add(own)
    run = a_run(tmp_path / "bad", "Log in as bob", HASTY, status="failed")
    model = script(tmp_path, json.dumps({"tips": [], "wrong": [1]}))
    await learn_from_runs(ExemplarMemory(embedder=MINILM), memory, [run], model)
    assert memory.entries() == [own]


async def test_a_reply_that_does_not_follow_the_schema_is_an_error_and_changes_nothing(tmp_path) -> None:
    memories = stores()
    run = a_run(tmp_path / "bad", "Log in as bob", HASTY, status="failed")
    with pytest.raises(ModelError, match="schema"):
        await learn_from_runs(*memories, [run], script(tmp_path, '{"advice": 1}'))
    assert len(memories[1]) == 0


def test_tips_that_say_the_same_strengthen_one_another() -> None:
    memory = TipMemory(embedder=MINILM)
    first = Tip(text="Fill in the password before you log in.", task="Log in", family="login", runs=("a",))
    again = Tip(text="Fill in the password before logging in.", task="Log in", family="login", runs=("b",))
    other = Tip(text="Close the advert first.", task="Log in", family="login", runs=("c",))
    memory.learn([first, again, other])
    assert {tip.runs for tip in memory.entries()} == {("a", "b"), ("c",)}


def test_success_decides_which_tip_comes_first_and_failure_which_is_not_shown() -> None:
    memory = TipMemory(embedder=MINILM)
    texts = ("Type the name first.", "Type the name slowly.", "Type the name twice.")
    tips = [Tip(text=text, task="Log in as ann", family="login") for text in texts]
    memory.add_all(tips)
    for _ in range(5):
        memory.credit([tips[1].id], True)
        memory.credit([tips[2].id], False)
    found = [match.entry.text for match in memory.recall("Log in as ann", family="login")]
    assert found == [texts[1], texts[0]]
    assert memory.recall("Solve the equation 3x = 9", family="algebra") == []


def test_a_full_memory_loses_the_worst_advice_but_not_the_users() -> None:
    memory = TipMemory(embedder=MINILM, capacity=2)
    own = Tip(text="Mine.", origin="user", trust="trusted", created="2020-01-01T00:00:00Z")
    good = Tip(text="Good.", uses=3, wins=3, created="2021-01-01T00:00:00Z")
    bad = Tip(text="Bad.", uses=3, wins=0, created="2022-01-01T00:00:00Z")
    memory.add_all([own, good])
    memory.add(bad)
    assert own in memory.entries()
    assert bad in memory.entries()
    memory.add(Tip(text="New.", created="2023-01-01T00:00:00Z"))
    assert {tip.text for tip in memory.entries()} == {"Mine.", "New."}
