"""The web agent on a small site in a real browser, decided by a list."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from langchain_core.runnables import RunnableConfig

from agentkit.agents.web import WebAgent
from agentkit.contracts.runfile import BudgetLimits
from agentkit.errors import UsageError
from agentkit.runtime.ask import Callback
from tests.results import output_of, question_of, run_of

from .chooser import REGISTER, TASK, Chooser


def agent(browser, *wanted: str, **more) -> WebAgent:
    return WebAgent(Chooser(*(wanted or REGISTER)), memory="off", browser=browser, **more)


def events(result, kind: str) -> list[dict]:
    lines = (Path(result.run) / "events.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["kind"] == kind]


async def test_a_form_is_filled_and_sent_once(site, browser) -> None:
    result = await agent(browser, approve="auto").arun(TASK, url=site.url)
    assert (result.status, result.answer, result.steps) == ("done", "Thank you", 3)
    assert site.received == [{"name": "Ada", "city": "Paris"}]
    assert [step["action"] for step in output_of(result)["steps"]] == list(REGISTER[:3])


async def test_what_decided_is_in_the_run(site, browser) -> None:
    result = await agent(browser, approve="auto").arun(TASK, url=site.url)
    decided = events(result, "decided")
    assert [event["choice"] for event in decided] == list(REGISTER)
    for event in decided[:3]:
        assert event["choice"] == max(zip(event["scores"], event["options"], strict=True))[1]
        assert "0.5" in event["rule"]
    # What the models said of each option is told beside it, and is not what decided.
    assert len(events(result, "model_called")) == 2 * len([e for e in decided if e["scores"]])


async def test_an_irreversible_action_waits_for_approval(site, browser) -> None:
    result = await agent(browser).arun(TASK, url=site.url)
    assert result.status == "needs_input"
    assert 'click button "Register"' in question_of(result).text
    assert site.received == []
    result = await agent(browser).aresume(result, "yes")
    assert result.status == "done"
    assert len(site.received) == 1


async def test_what_the_user_refuses_is_not_done(site, browser) -> None:
    answers = [Callback(lambda question: "no")]
    result = await agent(browser, answers=answers).arun(TASK, url=site.url)
    assert result.status == "done"
    assert site.received == []


async def test_deny_never_offers_what_can_not_be_undone(site, browser) -> None:
    result = await agent(browser, approve="deny").arun(TASK, url=site.url)
    assert result.status == "done"
    assert site.received == []


async def test_a_declared_sandbox_needs_no_approval(site, browser) -> None:
    result = await agent(browser).arun(TASK, url=site.url, sandbox=True)
    assert (result.status, len(site.received)) == ("done", 1)


async def test_a_missing_value_is_asked_for_once_and_used(site, browser) -> None:
    chooser = Chooser('type "Ada" into textbox "Name"', 'type the city into textbox "City"', *REGISTER[1:])
    asked = []

    def answer(question):
        asked.append(question)
        return "Paris"

    web = WebAgent(chooser, memory="off", browser=browser, approve="auto", answers=[Callback(answer)])
    result = await web.arun('Enter the name "Ada" and the city, then register.', url=site.url)
    assert result.status == "done"
    assert [question.missing for question in asked] == ["City"]
    # What is remembered holds the answer, so that it makes sense as an exemplar.
    assert output_of(result)["task"].endswith("(City: Paris)")
    assert site.received == [{"name": "Ada", "city": "Paris"}]


async def test_sending_a_form_with_a_gap_asks_first(site, browser) -> None:
    result = await agent(browser, 'click button "Register"', approve="auto").arun(
        'Enter the name "Ada" and the city, then register.', url=site.url
    )
    assert (result.status, question_of(result).missing) == ("needs_input", "City")
    assert site.received == []


async def test_a_clear_task_is_never_asked_about(site, browser) -> None:
    asked = []
    web = agent(browser, approve="auto", answers=[Callback(lambda question: asked.append(question))])
    await web.arun(TASK, url=site.url)
    assert asked == []


async def test_a_replay_needs_neither_browser_nor_model(site, browser) -> None:
    result = await agent(browser, approve="auto").arun(TASK, url=site.url)
    again = await WebAgent(memory="off", approve="auto").areplay(run_of(result))
    assert again.model_dump(exclude={"usage"}) == result.model_dump(exclude={"usage"})
    assert len(site.received) == 1


async def test_going_in_circles_ends(site, browser) -> None:
    result = await agent(browser, 'click link "About"', 'click link "Back"').arun(
        "Look around.", url=site.url
    )
    assert result.steps <= 8
    assert site.received == []


async def test_observations_are_in_the_run_with_their_pictures(site, browser) -> None:
    result = await agent(browser, approve="auto").arun(TASK, url=site.url)
    seen = events(result, "observed")
    assert [event["title"] for event in seen] == ["Registration"] * 3 + ["Thank you"]
    assert all(list((Path(run_of(result)) / "images").glob(event["image"] + ".*")) for event in seen)
    kept = (Path(run_of(result)) / "browser.json").stat()
    assert kept.st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "arguments", [{}, {"url": "file:///etc/passwd"}, {"url": "http://x/", "colour": "red"}]
)
async def test_wrong_arguments_are_usage_errors(browser, arguments) -> None:
    with pytest.raises(UsageError):
        await agent(browser).arun(TASK, **arguments)


async def test_a_page_that_is_not_there_fails_with_its_reason(browser) -> None:
    result = await agent(browser).arun(TASK, url="http://127.0.0.1:9/")
    assert result.status == "failed"
    assert result.error


async def test_the_graph_works_as_a_part_of_another(site, browser) -> None:
    web = agent(browser, approve="auto")
    config: RunnableConfig = {"configurable": {"thread_id": "outer"}}
    final = await web.graph.ainvoke({"task": TASK, "url": site.url}, config)
    assert final["answer"] == "Thank you"
    assert len(site.received) == 1
    await web.aclose()


async def test_a_run_can_be_stopped_and_goes_on(site, browser) -> None:
    web = agent(browser, approve="auto")
    web.hooks.append(lambda node, update: web.stop() if node == "act" else None)
    result = await web.arun(TASK, url=site.url)
    assert result.error == "stopped"
    web.hooks.clear()
    assert (await web.aresume(result)).status == "done"
    assert site.received == [{"name": "Ada", "city": "Paris"}]


async def test_a_spent_budget_is_a_result_with_what_was_done(site, browser) -> None:
    result = await agent(browser, approve="auto", budget=BudgetLimits(steps=2)).arun(TASK, url=site.url)
    assert result.status == "budget"
    assert [step["action"] for step in output_of(result)["steps"]] == list(REGISTER[:2])
    assert site.received == []
