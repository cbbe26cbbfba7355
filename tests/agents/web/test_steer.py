"""Taking part in a run: corrections are heard before the next decision, kept, replayed and resumed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.agents.search import VisualSearchAgent
from agentkit.agents.web import WebAgent
from agentkit.agents.web.steering import still_true, told
from agentkit.agents.web.values import values_in
from agentkit.content import Text
from agentkit.contracts.event import Decided, EventBase, NodeStarted
from agentkit.errors import UsageError
from agentkit.runtime.ask import Callback
from tests.results import output_of, run_of

from .chooser import REGISTER, TASK, Chooser

ROME = 'type "Rome" into textbox "City"'
WANTED = (REGISTER[0], ROME, *REGISTER[1:])


class Watching(Chooser):
    """A chooser that also keeps what it was told of the task."""

    def __init__(self, *wanted: str) -> None:
        super().__init__(*wanted)
        self.tasks: list[str] = []

    async def _score(self, requests, options):
        parts = [part for message in requests[0].messages for part in message.parts]
        told = [part.text for part in parts if isinstance(part, Text) and part.label == "instruction"]
        self.tasks += told
        return await super()._score(requests, options)


def agent(browser: Any, *wanted: str, **more: Any) -> WebAgent:
    return WebAgent(Watching(*(wanted or WANTED)), memory="off", browser=browser, approve="auto", **more)


def say(web: WebAgent, text: str, when: type[EventBase], **fields: Any) -> None:
    """Correct the agent once, when an event with these fields happens."""

    once(web, lambda: web.steer(text, by="terminal"), when, **fields)


def once(web: WebAgent, do: Callable[[], object], when: type[EventBase], **fields: Any) -> None:
    """Do something at the first event with these fields."""
    left = [do]

    def listen(event: EventBase) -> None:
        if left and isinstance(event, when) and all(getattr(event, k) == v for k, v in fields.items()):
            left.pop()()

    web.listeners.append(listen)


def events(run: str | Path, kind: str) -> list[dict[str, Any]]:
    lines = (Path(run) / "events.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["kind"] == kind]


def done(run: str | Path) -> list[str]:
    return [event["action"] for event in events(run, "acted") if event["state"] == "done"]


async def test_a_correction_changes_what_is_decided_and_replaces_what_was_typed(site, browser) -> None:
    web = agent(browser)
    # Paris is in its field already when the user changes their mind.
    say(web, "Rome, not Paris", Decided, choice=REGISTER[2])
    result = await web.arun(TASK, url=site.url)
    assert result.status == "done"
    assert done(run_of(result)) == [*REGISTER[:2], ROME, REGISTER[2]]
    assert site.received == [{"name": "Ada", "city": "Rome"}]
    heard = events(run_of(result), "corrected")
    assert [(event["text"], event["by"]) for event in heard] == [("Rome, not Paris", "terminal")]
    # So is whoever learns from this run.
    assert output_of(result)["task"] == f"{TASK}\nCorrection: Rome, not Paris"


async def test_the_model_is_told_with_the_task(site, browser) -> None:
    model = Watching(*WANTED)
    web = WebAgent(model, memory="off", browser=browser, approve="auto")
    say(web, "the city is Rome", NodeStarted, node="recall")
    await web.arun(TASK, url=site.url)
    assert model.tasks
    assert all(task == f"Task: {TASK}\nCorrection: the city is Rome" for task in model.tasks)
    assert site.received == [{"name": "Ada", "city": "Rome"}]


async def test_a_finish_that_the_user_does_not_agree_with_is_no_end(site, browser) -> None:
    about = 'click link "About"'
    web = agent(browser, REGISTER[0], "finish", about)
    say(web, "read the page About as well", Decided, choice="finish")
    result = await web.arun('Type the name "Ada".', url=site.url)
    assert result.status == "done"
    # Decided anew: the finish was dropped, and chosen again, since nothing else is wanted more.
    assert [event["choice"] for event in events(run_of(result), "decided")][1:] == ["finish", "finish"]


async def test_a_replay_hears_the_same_at_the_same_places(site, browser) -> None:
    web = agent(browser)
    say(web, "Rome, not Paris", Decided, choice=REGISTER[2])
    result = await web.arun(TASK, url=site.url)
    again = WebAgent(memory="off", approve="auto")
    seen: list[EventBase] = []
    again.listeners.append(seen.append)
    replayed = await again.areplay(run_of(result))
    assert replayed.model_dump(exclude={"usage"}) == result.model_dump(exclude={"usage"})
    texts = [getattr(event, "text", "") for event in seen if getattr(event, "kind", "") == "corrected"]
    assert texts == ["Rome, not Paris"]


async def test_a_correction_that_was_not_heard_any_more_is_heard_by_the_resumed_run(site, browser) -> None:
    web = agent(browser)

    def cut_off() -> None:
        web.steer("Rome, not Paris")
        web.stop()

    once(web, cut_off, Decided, choice=REGISTER[2])
    stopped = await web.arun(TASK, url=site.url)
    assert stopped.error == "stopped"
    assert events(run_of(stopped), "corrected") == []
    result = await agent(browser).aresume(stopped)
    assert result.status == "done"
    assert site.received == [{"name": "Ada", "city": "Rome"}]
    assert len(events(run_of(result), "corrected")) == 1


async def test_a_paused_run_goes_on_with_a_correction(site, browser) -> None:
    web = agent(browser)
    web.hooks.append(lambda node, update: web.pause() if node == "act" else None)
    paused = await web.arun(TASK, url=site.url)
    assert paused.status == "needs_input"
    result = await agent(browser).aresume(paused, correction="Rome, not Paris")
    assert result.status == "done"
    assert site.received == [{"name": "Ada", "city": "Rome"}]
    replayed = await WebAgent(memory="off", approve="auto").areplay(run_of(result))
    assert replayed.status == "done"


async def test_a_correction_takes_the_place_of_an_answer(site, browser) -> None:
    chooser = (REGISTER[0], 'type the city into textbox "City"', ROME, *REGISTER[1:])
    web = agent(browser, *chooser, answers=[Callback(lambda question: "Paris")])
    say(web, "the city is Rome", Decided, choice=REGISTER[2])
    result = await web.arun('Enter the name "Ada" and the city, then register.', url=site.url)
    assert result.status == "done"
    assert site.received == [{"name": "Ada", "city": "Rome"}]


async def test_a_held_run_does_nothing_until_it_is_released(site, browser) -> None:
    web, held = agent(browser), asyncio.Event()

    def hold() -> None:
        web.control.hold()
        held.set()

    once(web, hold, Decided, choice=REGISTER[0])
    work = asyncio.ensure_future(web.arun(TASK, url=site.url))
    await held.wait()
    await asyncio.sleep(0.5)
    assert web.last_run is not None
    assert done(web.last_run) == []
    web.steer("Rome, not Paris")
    web.control.release()
    assert (await work).status == "done"
    assert site.received == [{"name": "Ada", "city": "Rome"}]


async def test_who_can_not_be_corrected_says_so(browser) -> None:
    with pytest.raises(UsageError, match=r"no run is under way .*resume"):
        agent(browser).steer("stop that")
    with pytest.raises(UsageError, match="takes no corrections"):
        VisualSearchAgent().steer("look left")


async def test_an_empty_correction_is_refused(site, browser) -> None:
    web = agent(browser)
    refused: list[str] = []

    def nothing() -> None:
        with pytest.raises(UsageError, match="empty") as error:
            web.steer("  ")
        refused.append(str(error.value))

    once(web, nothing, Decided)
    assert (await web.arun(TASK, url=site.url)).status == "done"
    assert refused


@pytest.mark.parametrize(
    "correction",
    ["Rome, not Paris", "not Paris but Rome", "Rome instead of Paris", 'use "Rome" rather than "Paris"'],
)
def test_what_takes_the_place_of_a_value_is_said_of_the_same(correction) -> None:
    values = values_in(told('Register with the city "Paris".', [correction]))
    first = values[0]
    assert (first.text, first.source, first.cue.split()[-1]) == ("Rome", "correction", "city")
    assert "Paris" not in [value.text for value in values]


def test_a_later_correction_counts_more() -> None:
    values = values_in(told("Go.", ['the city is "Rome"', 'the city is "Oslo"']))
    assert [value.text for value in values][:2] == ["Oslo", "Rome"]


@given(st.text(max_size=60), st.lists(st.text(max_size=40), max_size=3))
def test_a_corrected_task_begins_as_it_was_and_names_each_value_once(task, corrections) -> None:
    text = told(task, corrections)
    assert text.startswith(task)
    assert text.count("\nCorrection: ") >= len(corrections)
    found = [value.text for value in values_in(text)]
    assert len(found) == len(set(found))


def test_answers_that_nothing_contradicts_stay() -> None:
    answers = [{"text": "Paris", "cue": "City"}, {"text": "Ada", "cue": "Name"}]
    assert still_true(answers, []) == answers
    assert still_true(answers, ['the city is "Rome"']) == answers[1:]
