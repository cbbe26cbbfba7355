"""Looking ahead: what actions lead to is tried on real pages beside the run's, from which nothing is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.agents.web import LookAhead, WebAgent
from agentkit.agents.web.lookahead import Judge, judge_for
from agentkit.agents.web.lookahead.ahead import shares
from agentkit.agents.web.lookahead.branch import HELD
from agentkit.agents.web.prompt import View
from agentkit.contracts.result import Usage
from agentkit.contracts.runfile import BudgetLimits
from agentkit.errors import UnsupportedCapability, UsageError
from agentkit.models import Capabilities, Model, Reply, Request, Scores, VisionCard
from agentkit.runs.report import write_report
from agentkit.tools.browser import Snapshot
from tests.results import events_of, output_of, run_of

from .chooser import Chooser

DOORS = tuple(f'click link "Door {letter}"' for letter in "ABC")
TASK = "Find the treasure."


def stop_at_first(agent: WebAgent) -> None:
    """Stop the run when it has decided, and done nothing."""
    agent.hooks.append(lambda node, update: agent.stop() if node == "decide" else None)


class Seer(Chooser):
    """Ranks by a list, and says yes of a page the surer, the further down a list of words the word on it stands."""

    def __init__(self, *wanted: str, signs: Sequence[str] = ("Dark", "Green", "treasure is here")) -> None:
        super().__init__(*wanted)
        self.signs = signs
        self.valued = 0

    async def _score(self, requests: Sequence[Request], options: tuple[str, ...]) -> list[Scores]:
        if options != ("yes", "no"):
            return await super()._score(requests, options)
        self.valued += len(requests)
        return [Scores(options, (self._odds(r), 0.0), (1, 1), Usage(calls=1)) for r in requests]

    def _odds(self, request: Request) -> float:
        text = str(request.messages)
        known = [number for number, sign in enumerate(self.signs, start=1) if sign in text]
        return 0.0 if "(no task" in text else float(max(known, default=0)) - 1


async def test_the_way_that_leads_on_is_found_though_another_looks_likelier(maze, browser) -> None:
    model = Seer(DOORS[0], DOORS[1], 'click link "Gate"', "finish")
    agent = WebAgent(model, memory="off", browser=browser, look_ahead=LookAhead(depth=2, width=3, budget=6))
    result = await agent.arun(TASK, url=maze.url)
    assert (result.status, result.answer) == ("done", "Treasure")
    assert [step["action"] for step in output_of(result)["steps"]] == [DOORS[1], 'click link "Gate"']

    first = events_of(result, "looked_ahead")[0]
    assert first["choice"] == DOORS[1]
    nodes = {node["node"]: node for node in first["nodes"]}
    best = nodes[first["best"]]
    assert (best["title"], best["depth"], best["action"]) == ("Treasure", 2, 'click link "Gate"')
    assert nodes[best["above"]]["action"] == DOORS[1]
    assert sum(node["tried"] for node in first["nodes"][1:]) <= 6
    assert all(
        (Path(run_of(result)) / "images" / f"{n['image']}.png").exists()
        for n in nodes.values()
        if n.get("image")
    )
    decided = events_of(result, "decided")[0]
    assert decided["choice"] == max(zip(decided["scores"], decided["options"], strict=True))[1]
    # What it cost is in the usage: every call that was made has its event.
    assert result.usage.calls == sum(event["usage"]["calls"] for event in events_of(result, "model_called"))

    # A replay has neither browser nor model.
    again = await WebAgent(memory="off", look_ahead=agent.look_ahead).areplay(run_of(result))
    assert again.model_dump(exclude={"usage"}) == result.model_dump(exclude={"usage"})


async def test_nothing_is_sent_from_pages_that_are_looked_at_ahead(maze, browser) -> None:
    sends = [f'click button "{name}"' for name in ("Go on", "Tell", "Signal")]
    agent = WebAgent(Seer(*sends), memory="off", browser=browser, look_ahead=LookAhead(depth=2))
    stop_at_first(agent)
    # The run's own page says that it is left when it is closed.
    before: list[str] = []
    agent.hooks.append(lambda node, update: before.extend(maze.sent))
    result = await agent.arun("Go on with the order.", url=maze.url + "order", sandbox=True)
    assert result.error == "stopped"
    assert before == []
    assert set(maze.sent) <= {"/left"}
    tree = events_of(result, "looked_ahead")[0]["nodes"][1:]
    assert {node["action"]: node["why"] for node in tree if node["depth"] == 1} == dict.fromkeys(sends, HELD)
    assert not any(node["tried"] for node in tree)
    # What is not known counts as the page it starts from: the likeliest is chosen, and done only by the agent itself.
    assert events_of(result, "decided")[0]["choice"] == sends[0]


async def test_what_may_be_irreversible_is_not_tried(maze, browser) -> None:
    agent = WebAgent(
        Seer('click button "Go on"'), memory="off", browser=browser, approve="auto", look_ahead=LookAhead()
    )
    stop_at_first(agent)
    result = await agent.arun("Go on with the order.", url=maze.url + "order")
    nodes = {node["action"]: node for node in events_of(result, "looked_ahead")[0]["nodes"]}
    assert "submits a form by POST" in nodes['click button "Go on"']["why"]
    assert not nodes['click button "Go on"']["tried"]


async def test_a_page_that_can_not_be_opened_a_second_time_is_not_looked_ahead_from(maze, browser) -> None:
    agent = WebAgent(Seer(DOORS[1]), memory="off", browser=browser, look_ahead=LookAhead())
    stop_at_first(agent)
    result = await agent.arun(TASK, url=maze.url + "odd")
    assert [event["choice"] for event in events_of(result, "decided")] == [DOORS[1]]
    assert not events_of(result, "looked_ahead")
    assert "can't be opened a second time" in events_of(result, "note")[-1]["text"]


async def test_what_was_done_on_the_page_is_done_again_before_looking_ahead(maze, browser) -> None:
    typed, pick = 'type "Ada" into textbox "Name"', 'click button "Pick the apple"'
    agent = WebAgent(
        Seer(typed, pick, "finish", signs=("Ada", "Picked")),
        memory="off",
        browser=browser,
        look_ahead={"depth": 1},
    )
    result = await agent.arun('Type "Ada" into the name, then pick the apple.', url=maze.url + "panel")
    assert not [event for event in events_of(result, "note") if "not looking ahead" in event["text"]]
    second = events_of(result, "looked_ahead")[1]["nodes"]
    assert all('value="Ada"' in node["page"] for node in second if node["page"])


async def test_a_look_ahead_is_held_to_its_own_budget_and_to_the_runs(maze, browser) -> None:
    model = Seer(*DOORS)
    agent = WebAgent(
        model, memory="off", browser=browser, look_ahead=LookAhead(budget=1), budget=BudgetLimits(calls=8)
    )
    result = await agent.arun(TASK, url=maze.url)
    assert result.status == "budget"
    (tree,) = events_of(result, "looked_ahead")
    assert [node["tried"] for node in tree["nodes"]] == [True, True, False, False]
    assert result.usage.calls <= 10


class Sign:
    """Values a page by one word on it."""

    name = "by a sign"

    async def values(self, model: Model, views: Sequence[View]) -> list[float]:
        return [0.9 if "Green" in view.page else 0.1 for view in views]


async def test_a_judge_of_ones_own_values_pages(maze, browser) -> None:
    agent = WebAgent(
        Chooser(*DOORS), memory="off", browser=browser, look_ahead=LookAhead(depth=1, judge=Sign())
    )
    stop_at_first(agent)
    result = await agent.arun(TASK, url=maze.url)
    assert events_of(result, "decided")[0]["choice"] == DOORS[1]
    assert "by a sign" in events_of(result, "decided")[0]["rule"]


def test_settings_are_checked_and_kept_in_the_run() -> None:
    agent = WebAgent(look_ahead=LookAhead(depth=3, width=2), memory="off")
    again = WebAgent(**{**agent.options(), "policy": "rank"})
    assert again.look_ahead == agent.look_ahead
    assert WebAgent(memory="off").options()["look_ahead"] is None
    for wrong in ({"depth": 0}, {"sure": 2}, {"speed": 1}):
        with pytest.raises(UsageError):
            WebAgent(look_ahead=wrong, memory="off")
    with pytest.raises(UsageError, match="nothing to look ahead over"):
        WebAgent(policy=_Fixed(), look_ahead=LookAhead(), memory="off")


class _Fixed:
    name = "fixed"

    def choose(self, view: View, family: str) -> None:
        return None


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=8))
def test_shares_are_a_distribution_in_the_order_of_the_scores(scores) -> None:
    found = shares(scores)
    assert sum(found) == pytest.approx(1.0)
    assert [found[i] for i in sorted(range(len(scores)), key=scores.__getitem__)] == sorted(found)


@given(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
async def test_a_value_is_a_probability_and_a_yes_without_a_task_counts_for_nothing(said, without) -> None:
    class Fixed(Seer):
        def _odds(self, request: Request) -> float:
            return without if "(no task" in str(request.messages) else said

    view = View("t", Snapshot("u", "t"))
    judge = judge_for(Fixed())
    (value,) = await judge.values(Fixed(), [view])
    assert 0 <= value <= 1
    if said == without:
        assert value == 0.5


def test_a_model_that_neither_scores_nor_writes_json_values_nothing() -> None:
    class Mute(Chooser):
        capabilities = Capabilities()

    with pytest.raises(UnsupportedCapability):
        judge_for(Mute())
    assert isinstance(judge_for(Seer()), Judge)


async def test_a_report_draws_the_tree_with_all_words_escaped(maze, browser) -> None:
    agent = WebAgent(Seer(*DOORS), memory="off", browser=browser, look_ahead=LookAhead(depth=1))
    stop_at_first(agent)
    result = await agent.arun("Find <b>the treasure</b>.", url=maze.url)
    page = write_report(run_of(result)).read_text()
    assert "Looking ahead" in page
    assert "chose click link &#34;Door B&#34;" in page
    assert page.count('<line class="branch way"') == 1
    assert "<b>the treasure</b>" not in page


class Author(Model):
    """Writes several actions at once, the links in their order, and values pages by what is on them."""

    reference = "test:author"
    capabilities = Capabilities(schema=True)
    card = VisionCard()

    async def _generate(self, request: Request) -> Reply:
        assert request.schema is not None
        asked = request.schema["properties"]
        text = request.messages[-1].text
        data: dict = {"value": 90 if "treasure is here" in text else 60 if "Green" in text else 10}
        if "next" in asked:
            data |= {"next": "go on", "result": "more"}
        if "actions" in asked:
            links = re.findall(r"\[(e\d+)\] link", text)
            actions = [{"action": "click", "element": link} for link in links]
            done = {"action": "finish", "answer": "It is here."}
            data = {
                "actions": [*actions, {"action": "click", "element": "e999"}, done][
                    : asked["actions"]["maxItems"]
                ]
            }
        return Reply(json.dumps(data), data=data, usage=Usage(calls=1))


@pytest.mark.parametrize("imagine", [False, True])
async def test_a_model_that_writes_looks_ahead_over_several_actions(maze, browser, imagine) -> None:
    look = LookAhead(depth=2, width=3, budget=8, imagine=imagine)
    agent = WebAgent(Author(), policy="generate", memory="off", browser=browser, look_ahead=look)
    result = await agent.arun(TASK, url=maze.url)
    assert (result.status, result.answer, result.error) == ("done", "It is here.", None)
    assert [step["action"] for step in output_of(result)["steps"]] == [DOORS[1], 'click link "Gate"']
    assert [event["choice"] for event in events_of(result, "decided")] == [
        DOORS[1],
        'click link "Gate"',
        "finish",
    ]
    assert maze.sent == []
