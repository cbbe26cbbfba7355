"""Episodes of MiniWoB++ in a real browser, decided by a list; memory across episodes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentkit.agents.web import WebAgent
from agentkit.errors import UsageError
from agentkit.evals.miniwob import MiniWobServer
from agentkit.evals.miniwob.play import play, play_on, reward_of
from agentkit.evals.miniwob.runner import Setup, run, summary
from agentkit.memory import ExemplarMemory
from agentkit.runtime.ask import Callback
from tests.results import question_of, run_of

from .chooser import Chooser

SUBMIT = 'click button "Submit"'


@pytest.fixture(scope="module")
def server():
    with MiniWobServer() as found:
        yield found


async def text_of(server, browser, name: str, seed: int) -> str:
    """Return the task of an episode, by playing it with nothing to do."""
    web = WebAgent(Chooser(), memory="off", browser=browser)
    return (await play(web, server, name, seed)).task


async def test_an_episode_ends_by_its_own_rules_and_the_judge_has_the_reward(server, browser) -> None:
    text = await text_of(server, browser, "enter-text", 20_001)
    value = text.split('"')[1]
    web = WebAgent(Chooser(f'type "{value}" into textbox "tt"', SUBMIT), memory="off", browser=browser)
    played = await play(web, server, "enter-text", 20_001)
    assert (played.result.status, played.success, played.result.steps) == ("done", True, 2)
    # Nothing of the judge's is in what the model was shown or in what the run keeps.
    assert "reward" not in (Path(run_of(played.result)) / "journal.jsonl").read_text()
    again = await WebAgent(memory="off").areplay(run_of(played.result))
    assert again.model_dump(exclude={"usage"}) == played.result.model_dump(exclude={"usage"})


async def test_a_value_cut_from_the_task_is_asked_for(server, browser) -> None:
    text = await text_of(server, browser, "enter-text", 20_002)
    value = text.split('"')[1]
    web = WebAgent(
        Chooser('type the tt into textbox "tt"', f'type "{value}" into textbox "tt"', SUBMIT),
        memory="off",
        browser=browser,
    )
    cut = text.replace(f'"{value}"', "the text")
    played = await play(web, server, "enter-text", 20_002, task=cut)
    assert (played.result.status, question_of(played.result).missing) == ("needs_input", "text")
    played = await play_on(web, played, value)
    assert (played.result.status, played.success) == ("done", True)
    assert reward_of(web) == 1.0


async def test_an_episode_that_was_cut_off_starts_again_with_its_seed(server, browser) -> None:
    text = await text_of(server, browser, "enter-text", 20_003)
    value = text.split('"')[1]
    web = WebAgent(Chooser(f'type "{value}" into textbox "tt"', SUBMIT), memory="off", browser=browser)
    web.hooks.append(lambda node, update: web.stop() if node == "check" else None)
    played = await play(web, server, "enter-text", 20_003)
    assert (played.result.status, played.result.error) == ("failed", "stopped")
    web.hooks.clear()
    result = await web.aresume(played.result)
    assert (result.status, reward_of(web)) == ("done", 1.0)
    with pytest.raises(UsageError, match="episode"):
        await WebAgent(Chooser(), memory="off", browser=browser).aresume(played.result)


async def test_a_remembered_run_is_recalled_for_its_sibling_and_shown(server, browser, tmp_path) -> None:
    memory = ExemplarMemory(tmp_path / "exemplars")
    first = await text_of(server, browser, "enter-text", 20_004)
    value = first.split('"')[1]
    web = WebAgent(Chooser(f'type "{value}" into textbox "tt"', SUBMIT), memory=memory, browser=browser)
    played = await play(web, server, "enter-text", 20_004)
    kept = web.remember(run_of(played.result))
    assert [step.action for step in kept.steps] == [f'type "{value}" into textbox "tt"', SUBMIT]
    sibling = await play(web, server, "enter-text", 20_005)
    events = [
        json.loads(line) for line in (Path(run_of(sibling.result)) / "events.jsonl").read_text().splitlines()
    ]
    (recalled,) = [event for event in events if event["kind"] == "recalled"]
    assert recalled["items"][0]["id"] == kept.id
    shown = [event["prompt"] for event in events if event["kind"] == "model_called"]
    parts = [part for message in shown[0] for part in message["parts"] if part["label"] == "exemplar"]
    assert any(f'type "{value}"' in part["text"] for part in parts)
    assert {part["trust"] for part in parts if "Page:" in part["text"]} == {"untrusted"}


async def test_rows_are_kept_and_not_played_again(tmp_path) -> None:
    setup, said = Setup(memory="off"), []
    rows = await run(["click-test"], [10_000], setup, out=tmp_path)
    assert rows[0]["success"]
    assert rows[0]["tokens"] == rows[0]["calls"] == 0  # there is one candidate
    assert await run(["click-test"], [10_000], setup, out=tmp_path) == rows
    # Rows of another setup are others' rows; a broken last line costs that line.
    file = tmp_path / "rows.jsonl"
    file.write_text(file.read_text() + '{"task": "click-te')
    experts = Setup(policy="experts")
    found = await run(
        ["click-button", "click-link"], [10_000, 10_001], experts, out=tmp_path, workers=2, say=said.append
    )
    assert [(row["task"], row["seed"], row["success"], row["calls"]) for row in found] == [
        ("click-button", 10_000, True, 0),
        ("click-button", 10_001, True, 0),
        ("click-link", 10_000, True, 0),
        ("click-link", 10_001, True, 0),
    ]
    assert len(said) == 4
    assert len({row["run"] for row in found}) == 4
    assert len(file.read_text().splitlines()) == 5
    assert await run(["click-test"], [10_000], setup, out=tmp_path) == rows
    metrics = summary(rows)
    assert metrics["success"].mean == 1.0
    assert metrics["success"].low < 0.5


async def test_the_wrong_answerer_is_not_asked_about_a_clear_task(server, browser) -> None:
    asked = []
    web = WebAgent(
        Chooser(), memory="off", browser=browser, answers=[Callback(lambda question: asked.append(question))]
    )
    for name in (
        "click-button",
        "enter-text",
        "login-user",
        "choose-list",
        "click-option",
        "multi-layouts",
        "enter-date",
    ):
        await play(web, server, name, 20_010)
    assert asked == []
