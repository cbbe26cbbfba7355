"""Going round in circles, taking back, giving up: what the agent notices of itself."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agentkit.agents.web import WebAgent
from agentkit.agents.web.candidates import FINISH, Candidate, candidates_of
from agentkit.agents.web.generate import action_schema
from agentkit.agents.web.giving_up import PATIENCE, reason, stuck
from agentkit.agents.web.loops import LONGEST, PageKey, circle, countless, steady
from agentkit.agents.web.prompt import View
from agentkit.agents.web.state import Done, first_state
from agentkit.agents.web.undo import WORDS, kept, undone
from agentkit.contracts.result import Usage
from agentkit.contracts.runfile import BudgetLimits
from agentkit.models import Capabilities, Model, Reply, Request, VisionCard
from agentkit.tools.browser import Action, Line, Snapshot
from tests.results import events_of, output_of, run_of

from .chooser import Chooser


def notes(result) -> str:
    return "\n".join(event["text"] for event in events_of(result, "note"))


def done(words: str, state: str = "s", *, loose: str = "", changed: bool = True, **more: Any) -> Done:
    return Done(
        url="u",
        page="p",
        state=state,
        loose=loose or state,
        words=words,
        changed=changed,
        result="",
        sent=False,
        **more,
    )


def key(exact: str, loose: str = "") -> PageKey:
    return PageKey(exact, loose or exact)


# ---- circles ----


@given(st.integers(1, LONGEST), st.lists(st.sampled_from("xyz"), max_size=3))
def test_a_round_that_begins_a_third_time_is_a_circle(length, before) -> None:
    ring = [(f"do {number}", f"s{number}") for number in range(length)]
    history = [*(done(word, "before") for word in before), *(done(*step) for step in ring * 2)]
    words, state = ring[0]
    found = circle(history, words, key(state))
    assert found is not None
    assert (set(found.words), found.rounds) == ({word for word, _ in ring}, 2)
    assert circle(history[:-1], *_next(ring, -1)) is None
    assert circle(history, "something else", key(state)) is None
    assert circle(history, words, key("another page")) is None


def _next(ring, index):
    words, state = ring[index]
    return words, key(state)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("st")), max_size=12))
def test_what_is_called_a_circle_repeats(steps) -> None:
    *history, (words, state) = [*steps, ("a", "s")]
    found = circle([done(*step) for step in history], words, key(state))
    if found is not None:
        told = [*history, (words, state)]
        length = len(found.words)
        assert length <= LONGEST
        assert told[-1] == told[-1 - length] == told[-1 - 2 * length]


def test_where_only_numbers_change_a_circle_is_left_more_time() -> None:
    ring = [("next", "list"), ("add", "item")]
    steps = [done(word, f"{state}{n}", loose=state) for n in range(3) for word, state in ring]
    assert circle(steps[:4], "next", key("list9", "list")) is None
    assert circle(steps, "next", key("list9", "list")) is not None
    # One button that counts up may be what the task asks for.
    assert (
        circle([done("plus", str(n), loose="counter") for n in range(7)], "plus", key("8", "counter")) is None
    )


def test_a_clock_does_not_make_another_page_and_a_value_does() -> None:
    assert steady("It is 12:01:59 pm, 3 minutes ago") == steady("It is 12:02:07 pm, 11 minutes ago")
    assert steady('textbox "Time" value="12:01"') != steady('textbox "Time" value="12:02"')
    assert countless('Cart (3) 12.50 button "Item 4"') == countless('Cart (17) 9 button "Item 4"')
    assert countless('button "Item 4"') != countless('button "Item 5"')
    first, second = (Snapshot("u", "t", lines=(Line((f"Visitor {n}, 10:0{n}",)),)) for n in (1, 2))
    assert PageKey.of(first, "x").exact != PageKey.of(second, "x").exact
    assert PageKey.of(first, "x").loose == PageKey.of(second, "x").loose


async def test_a_page_with_a_clock_and_a_counter_is_left_in_the_end(maze, browser) -> None:
    agent = WebAgent(Chooser('click link "Again"'), memory="off", browser=browser)
    result = await agent.arun("Look around.", url=maze.url + "clock")
    assert result.steps <= 9
    assert 'left out, as it goes round in circles: click link "Again"' in notes(result)


class FirstLink(Model):
    """Clicks the first thing that the schema lets it click."""

    reference = "test:first"
    capabilities = Capabilities(schema=True)
    card = VisionCard()

    async def _generate(self, request: Request) -> Reply:
        assert request.schema is not None
        clicks = request.schema["anyOf"][0]["properties"]["element"]["enum"]
        data = {"action": "click", "element": clicks[0]}
        return Reply(json.dumps(data), data=data, usage=Usage(calls=1))


async def test_a_model_that_writes_is_told_of_its_circle_once(maze, browser) -> None:
    agent = WebAgent(FirstLink(), policy="generate", memory="off", browser=browser)
    result = await agent.arun("Look around.", url=maze.url)
    assert result.status == "failed"
    assert (result.steps, len(events_of(result, "model_called"))) == (4, 6)
    assert "it goes round in circles" in (result.error or "")
    assert 'click link "Door A"' in (result.error or "")
    last = json.dumps(events_of(result, "model_called")[-1]["prompt"])
    assert "These go round in circles; choose another action" in last


class Round:
    """Clicks the first link, whatever comes."""

    name = "round"

    def choose(self, view: View, family: str) -> Candidate | None:
        return candidates_of(view.snapshot, view.task, view.values)[0]


async def test_a_policy_of_ones_own_is_only_warned(maze, browser) -> None:
    agent = WebAgent(policy=Round(), memory="off", browser=browser, budget=BudgetLimits(steps=6))
    result = await agent.arun("Look around.", url=maze.url)
    assert (result.status, result.steps) == ("budget", 6)
    assert "round goes round in circles" in notes(result)


# ---- taking back ----


def test_what_was_taken_back_does_not_count_as_done() -> None:
    history = [done("a"), done("b"), done(WORDS), done("c", changed=False), done("d")]
    assert undone(history) == {1}
    assert [step["words"] for step in kept(history)] == ["a", "d"]


async def test_a_link_that_led_away_is_taken_back_and_not_tried_again(maze, browser) -> None:
    wanted = ('click link "Door A"', WORDS, 'click link "Door B"', 'click link "Gate"', "finish")
    agent = WebAgent(Chooser(*wanted), memory="off", browser=browser)
    result = await agent.arun("Find the door to the treasure gate.", url=maze.url)
    assert (result.status, result.answer) == ("done", "Treasure")
    assert [step["action"] for step in output_of(result)["steps"]] == list(wanted[2:4])
    assert [event["title"] for event in events_of(result, "observed")] == [
        "Hall", "Cellar", "Hall", "Garden", "Treasure"
    ]  # fmt: skip
    again = await WebAgent(memory="off").areplay(run_of(result))
    assert again.model_dump(exclude={"usage"}) == result.model_dump(exclude={"usage"})


async def test_taking_back_keeps_what_was_done_before_on_the_page(maze, browser) -> None:
    task = 'Type "Ada" into the name, then pick the apple from the list.'
    typed, hide, pick = (
        'type "Ada" into textbox "Name"',
        'click button "Hide the list"',
        'click button "Pick the apple"',
    )
    agent = WebAgent(Chooser(typed, WORDS, hide, pick), memory="off", browser=browser)
    agent.hooks.append(lambda node, update: agent.stop() if len(update.get("history", ())) == 3 else None)
    result = await agent.arun(task, url=maze.url + "panel")
    assert result.error == "stopped"
    agent.hooks.clear()
    # A browser that is opened anew repeats what stands, and not what was taken back.
    result = await agent.aresume(result)
    assert [step["action"] for step in output_of(result)["steps"]][:2] == [typed, pick]
    texts = [event["text"] for event in events_of(result, "observed")]
    assert all('value="Ada"' in text for text in texts[1:])
    assert ["Pick the apple" in text for text in texts[:4]] == [True, True, False, True]
    assert "Hide the list" not in notes(result)


async def test_what_was_sent_is_not_taken_back(maze, browser) -> None:
    agent = WebAgent(Chooser('click button "Go on"', WORDS), memory="off", browser=browser)
    result = await agent.arun("Go on with the order.", url=maze.url + "order", sandbox=True)
    assert maze.sent.count("/sent") == 1
    assert all(WORDS not in event["options"] for event in events_of(result, "decided"))
    assert WORDS not in json.dumps(output_of(result))


def test_a_model_that_writes_may_take_back_where_there_is_something() -> None:
    view = View("t", Snapshot("u", "t"))
    back = replace(view, undo=Candidate(WORDS, Action("undo", value="0")))
    names = [kind["properties"]["action"]["const"] for kind in action_schema(back)["anyOf"]]
    assert "undo" in names
    assert "undo" not in str(action_schema(view))


# ---- giving up ----


def test_after_many_actions_without_effect_nothing_is_expected() -> None:
    idle = [done(f"do {n}", changed=False) for n in range(PATIENCE)]
    assert stuck(idle)
    assert not stuck([*idle, done("x")])
    assert not stuck(idle[1:])


def test_a_reason_says_what_was_tried_and_what_would_help() -> None:
    state: Any = first_state("x")
    state |= {
        "page": {"title": "Shop", "url": "http://shop/"},
        "history": [done("a"), done("b"), done(WORDS), done('click link "Elsewhere"', changed=False)],
        "blocked": ["other.example"],
        "refused": ["pay"],
    }
    told = reason(state, "nothing is left", denied=["delete"])
    for part in (
        "gave up after 4 actions on Shop (http://shop/): nothing is left",
        "taken back: b",
        'without effect: click link "Elsewhere"',
        "refused by you: pay",
        "approval policy: delete",
        "other.example (allow with --allow HOST)",
    ):
        assert part in told
    many = [done(f"do {n}", changed=False) for n in range(20)]
    state["history"] = many
    assert "and 14 more" in reason(state, "x")


async def test_a_run_with_nothing_left_fails_with_its_reason(maze, browser) -> None:
    class Lost:
        name = "lost"

        def choose(self, view: View, family: str) -> Candidate | None:
            links = candidates_of(view.snapshot, view.task, view.values)
            return links[0] if not view.history else None if links else FINISH

    result = await WebAgent(policy=Lost(), memory="off", browser=browser).arun("Look.", url=maze.url)
    assert result.status == "failed"
    assert (result.error or "").startswith("gave up after 1 actions on Cellar")
    assert 'done: click link "Door A"' in (result.error or "")
