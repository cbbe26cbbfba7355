"""The web agent behind BrowserGym's interface, on observations recorded from Chromium in BrowserGym's format."""

from __future__ import annotations

import ast
import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentkit.agents.web.menu import chosen
from agentkit.config import Settings
from agentkit.errors import ModelError, ToolError, UsageError
from agentkit.evals.browsergym import BrowserGymAgent
from agentkit.evals.browsergym.action import action_string
from agentkit.evals.browsergym.observation import Bids, goal_of, picture_of, snapshot_of
from agentkit.tools.browser import Action
from tests.results import output_of

RECORDED = Path(__file__).parent / "recorded" / "browsergym_login.json"
GOAL = 'Log in with the name "Ada" in the country Chile and agree to the terms'


@pytest.fixture
def observations() -> list[dict[str, Any]]:
    """A login page as it is, filled in, with the country, with the box checked, and the page after it."""
    found = json.loads(RECORDED.read_text())
    for observation in found:
        observation["screenshot"] = np.zeros((48, 64, 3), np.uint8)
        observation["dom_object"] = {"strings": []}
    return found


def agent(tmp_path: Path, replies: list[dict[str, Any]], **more: Any) -> BrowserGymAgent:
    file = tmp_path / "replies.jsonl"
    file.write_text("".join(json.dumps({"text": json.dumps(reply)}) + "\n" for reply in replies))
    settings = Settings.load(decide=f"script:{file}", runs=tmp_path / "runs")
    return BrowserGymAgent(settings=settings, policy="generate", memory="off", **more)


def called(text: str) -> tuple[str, list[Any]]:
    """Return an action string as its name and arguments, read as BrowserGym reads it: a call of literals."""
    call = ast.parse(text, mode="eval").body
    assert isinstance(call, ast.Call)
    assert isinstance(call.func, ast.Name)
    return call.func.id, [ast.literal_eval(argument) for argument in call.args]


def ids(observation: dict[str, Any]) -> dict[str, str]:
    """Return how a model writes the elements of a first observation, by name."""
    snapshot = snapshot_of(observation, Bids())
    return {element.name: chosen(snapshot, element) for element in snapshot.elements}


def test_a_page_is_read_from_the_accessibility_tree(observations) -> None:
    bids = Bids()
    first, third = snapshot_of(observations[0], bids), snapshot_of(observations[2], bids)
    assert {(e.role, e.name) for e in first.elements} == {
        ("textbox", "Name"),
        ("combobox", "Country"),
        ("checkbox", "I agree to the terms"),
        ("clickable", "Help"),
        ("button", "Log in"),
    }
    assert "Log in to the shop" in first.text()
    assert (first.title, first.url) == ("Shop login", "http://shop.example/login")
    by_name = {element.name: element for element in third.elements}
    assert by_name["Name"].value == "Ada"
    assert by_name["Country"].options == ("Norway", "Chile")
    assert by_name["Country"].value == "Chile"
    assert [e.id for e in first.elements] == [e.id for e in third.elements], "ids stay the same"
    assert all(e.box.width > 0 and e.in_view for e in first.elements)
    checked = {e.name: e.states for e in snapshot_of(observations[3], bids).elements}
    assert "checked" in checked["I agree to the terms"]


def test_a_task_is_done_one_action_at_a_time(tmp_path, observations) -> None:
    at = ids(observations[0])
    playing = agent(
        tmp_path,
        [
            {"action": "fill", "element": at["Name"], "value": "Ada"},
            {"action": "select_option", "element": at["Country"], "value": "Chile"},
            {"action": "click", "element": at["I agree to the terms"]},
            {"action": "click", "element": at["Log in"]},
            {"action": "finish", "answer": "Signed in as Ada."},
        ],
    )
    bid = {
        name: node["browsergym_id"]
        for node in observations[0]["axtree_object"]["nodes"]
        if (name := (node.get("name") or {}).get("value")) and "browsergym_id" in node
    }
    actions = []
    for observation in observations:
        text, info = playing.get_action(playing.obs_preprocessor(observation))
        actions.append(called(text))
        assert info["extra_info"]["run"]
    assert actions == [
        ("fill", [bid["Name"], "Ada"]),
        ("select_option", [bid["Country"], "Chile"]),
        ("click", [bid["I agree to the terms"]]),
        ("click", [bid["Log in"]]),
        ("send_msg_to_user", ["Signed in as Ada."]),
    ]
    assert playing.result is not None
    assert (playing.result.status, playing.result.steps) == ("done", 4)
    assert playing.get_action(observations[-1])[0] == "noop()"
    output = output_of(playing.result)
    assert output["steps"][0]["action"] == 'type "Ada" into textbox "Name"'
    playing.close()


def test_a_question_goes_over_the_chat_and_its_answer_is_waited_for(tmp_path, observations) -> None:
    at = ids(observations[0])
    playing = agent(
        tmp_path,
        [
            {"action": "ask", "missing": "the name"},
            {"action": "fill", "element": at["Name"], "value": "Eve"},
            {"action": "finish", "answer": "done"},
        ],
    )
    first = observations[0]
    asked = called(playing.get_action(first)[0])
    assert asked[0] == "send_msg_to_user"
    assert "the name" in asked[1][0]
    echoed = copy.deepcopy(first)
    echoed["chat_messages"].append({"role": "assistant", "timestamp": 1.0, "message": asked[1][0]})
    assert playing.get_action(echoed)[0] == "noop()"
    answered = copy.deepcopy(echoed)
    answered["chat_messages"].append({"role": "user", "timestamp": 2.0, "message": "Eve"})
    assert called(playing.get_action(answered)[0])[1][1] == "Eve"
    assert called(playing.get_action(observations[1])[0]) == ("send_msg_to_user", ["done"])
    playing.close()


def test_an_error_of_the_environment_is_seen_by_the_agent(tmp_path, observations) -> None:
    at = ids(observations[0])
    click = {"action": "click", "element": at["Log in"]}
    playing = agent(tmp_path, [click, {"action": "finish", "answer": "gave up"}])
    playing.get_action(observations[0])
    failed = {**observations[0], "last_action_error": "TimeoutError: Locator.click: Timeout 500ms exceeded."}
    playing.get_action(failed)
    assert playing.result is not None
    assert output_of(playing.result)["steps"] == []
    playing.close()


def test_what_cannot_be_done_is_reported_as_infeasible(tmp_path, observations) -> None:
    at = ids(observations[0])
    click = {"action": "click", "element": at["Help"]}
    playing = agent(tmp_path, [click] * 6)
    actions = [called(playing.get_action(observations[0])[0]) for _ in range(4)]
    assert actions[-1][0] in ("report_infeasible", "noop")
    ended = next(action for action in actions if action[0] == "report_infeasible")
    assert "circles" in ended[1][0]
    playing.close()


def test_a_failing_model_is_an_error_where_the_action_is_asked_for(tmp_path, observations) -> None:
    playing = agent(tmp_path, [])
    with pytest.raises(ModelError, match="run out"):
        playing.get_action(observations[0])
    playing.close()


def test_an_agent_can_be_closed_in_the_middle(tmp_path, observations) -> None:
    at = ids(observations[0])
    playing = agent(tmp_path, [{"action": "click", "element": at["Help"]}])
    playing.get_action(observations[0])
    playing.close()
    playing.close()
    assert playing.result is None


@pytest.mark.parametrize(
    ("action", "text"),
    [
        (Action("goto", value="http://x/?a='b'"), ("goto", ["http://x/?a='b'"])),
        (Action("back"), ("go_back", [])),
        (Action("press", value="Enter"), ("keyboard_press", ["Enter"])),
        (Action("press", "e1", "Enter"), ("press", ["a7", "Enter"])),
        (Action("fill", "e1", 'say "hi"\n'), ("fill", ["a7", 'say "hi"\n'])),
        (Action("select_option", "e1", ("A", "B")), ("select_option", ["a7", ["A", "B"]])),
        (Action("drag_and_drop", "e1", to="e2"), ("drag_and_drop", ["a7", "b1"])),
        (Action("check", "e2"), ("click", ["b1"])),
        (Action("click_at", value="10,20"), ("mouse_click", [10, 20])),
        (Action("drag", value="1,2,3,4"), ("mouse_drag_and_drop", [1, 2, 3, 4])),
        (Action("scroll"), ("scroll", [0, 648])),
        (Action("scroll", value="-300"), ("scroll", [0, -300])),
        (Action("switch_tab", value="1"), ("tab_focus", [1])),
    ],
)
def test_every_action_is_a_call_that_browsergym_reads(action, text) -> None:
    bids = Bids()
    assert (bids.id_of("a7"), bids.id_of("b1")) == ("e1", "e2")
    assert called(action_string(action, bids)) == text


def test_what_browsergym_does_not_have_is_told() -> None:
    with pytest.raises(ToolError, match="no action for answer_dialog"):
        action_string(Action("answer_dialog", value="accept"), Bids())


def test_goals_in_both_forms_and_pictures(observations) -> None:
    assert goal_of(observations[0]) == GOAL
    assert goal_of({"goal": "old"}) == "old"
    assert goal_of({"chat_messages": [{"role": "user", "message": "said"}]}) == "said"
    assert picture_of(observations[0]).size == (64, 48)
    assert picture_of({}).size == (1, 1)


def test_the_action_set_is_the_environments(tmp_path) -> None:
    own = object()
    assert agent(tmp_path, [], action_set=own).action_set is own
    with pytest.raises(UsageError, match="browsergym is not installed"):
        _ = agent(tmp_path, []).action_set
    with pytest.raises(UsageError, match="no goal"):
        agent(tmp_path, []).get_action({"goal": ""})
