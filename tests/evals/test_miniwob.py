"""MiniWoB++ through agentkit's own observation and actions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.agents.web.prompt import View
from agentkit.config import Settings
from agentkit.errors import ToolError, UsageError
from agentkit.evals.miniwob import (
    ALL64,
    DEMONSTRATED,
    SIMPLE,
    UNDEMONSTRATED,
    MiniWobServer,
    MiniWobTask,
    session_config,
    tasks_of,
)
from agentkit.evals.miniwob.ahead import paired
from agentkit.evals.miniwob.demonstrate import demonstrate
from agentkit.evals.miniwob.experts import EXPERTS, ExpertPolicy
from agentkit.evals.miniwob.runner import evaluate
from agentkit.evals.seeds import seeds_of
from agentkit.tools.browser import Action, BrowserSession, Snapshot, irreversible, observe, perform

SEED = 10001


@pytest.fixture(scope="module")
def server() -> Iterator[MiniWobServer]:
    with MiniWobServer() as running:
        yield running


@pytest.fixture(scope="module")
async def session(server: MiniWobServer, browser: Any) -> AsyncIterator[BrowserSession]:
    async with BrowserSession(session_config(server), browser=browser) as running:
        yield running


def id_of(page: Snapshot, name: str, role: str | None = None) -> str:
    found = [e.id for e in page.elements if e.name == name and role in (None, e.role)]
    assert found, f"no {name!r} in\n{page.text()}"
    return found[0]


async def act(
    session: BrowserSession, name: str, element: str | None = None, value: Any = None, role: str | None = None
):
    """Do one action on the element of a name, as an agent would: look, decide, act."""
    page = await observe(session)
    action = Action.on(page, name, id_of(page, element, role) if element else None, value)
    assert irreversible(page, action, sandbox=session.config.sandbox) is None
    return await perform(session, action)


# ---- the list ----


def test_the_64_tasks():
    assert (len(ALL64), len(DEMONSTRATED), len(UNDEMONSTRATED)) == (64, 48, 16)
    assert not set(DEMONSTRATED) & set(UNDEMONSTRATED)
    assert set(SIMPLE) < set(ALL64)
    assert tasks_of("all64") == ALL64
    assert tasks_of("click-test, click-link") == ("click-test", "click-link")
    for wrong in ("", "no-such-task", "click-test,nope"):
        with pytest.raises(UsageError):
            tasks_of(wrong)


# ---- every task can be seen ----


async def test_every_task_opens_and_has_something_to_act_on(server, session):
    for name in ALL64:
        utterance = await MiniWobTask(server, name, SEED).setup(session)
        page = await observe(session)
        assert page.elements, name
        assert utterance, name
        text = page.text()
        assert "Last reward" not in text, name
        assert "Time left" not in text, name
        assert utterance not in text, name
    assert [event.text for event in session.events.items if event.kind in ("blocked", "crash")] == []


async def test_a_seed_gives_the_same_episode_again(server, session):
    seen = set()
    for seed in (10001, 10002, 10001):
        task = MiniWobTask(server, "click-checkboxes-large", seed)
        utterance = await task.setup(session)
        seen.add((seed, utterance, tuple(e.name for e in (await observe(session)).elements)))
    assert len(seen) == 2


async def test_reward_comes_at_the_end(server, session):
    task = MiniWobTask(server, "click-test-2", SEED)
    await task.setup(session)
    assert await task.reward(session) is None
    assert not await task.done(session)
    await act(session, "click", "TWO")
    assert await task.done(session)
    assert await task.reward(session) == -1
    assert (await observe(session)).elements is not None


def test_a_task_that_is_not_of_the_64_is_a_usage_error(server):
    with pytest.raises(UsageError):
        MiniWobTask(server, "chase-circle", 1)


async def test_another_page_is_not_a_task(server, session):
    task = MiniWobTask(server, "click-test", SEED)
    await task.setup(session)
    await session.page.goto("about:blank")
    with pytest.raises(ToolError):
        await task.reward(session)


# ---- tasks are solved by observing and acting alone ----

# Of every kind of observation and action one; `agentkit eval miniwob --policy experts` plays all 48.
KINDS = {
    "book-flight": "suggestions, a calendar, a list of results",
    "click-menu": "menus that open under the mouse",
    "click-shades": "colours",
    "count-shape": "shapes by kind, colour and size",
    "email-inbox-nl-turk": "icons",
    "guess-number": "what was seen before",
    "login-user-popup": "a window that comes in between",
    "navigate-tree": "a tree",
    "search-engine": "pages of results",
    "social-media-some": "rows of the same buttons",
    "terminal": "keys",
    "text-transform": "distorted letters",
    "use-slider": "keys on a handle",
}


def test_every_demonstrated_task_has_an_expert_and_no_other():
    assert set(EXPERTS) == set(DEMONSTRATED)


@pytest.mark.parametrize("name", KINDS)
async def test_an_expert_solves_its_task_through_the_interface(server, session, name):
    task = MiniWobTask(server, name, SEED)
    exemplar = await demonstrate(session, task, EXPERTS[name])
    assert exemplar is not None, (await observe(session)).text()
    assert await task.reward(session) == 1
    assert exemplar.family == name


async def test_an_expert_has_no_move_where_the_task_leaves_out_what_it_needs():
    policy = ExpertPolicy()
    page = Snapshot("u", "t")
    assert policy.choose(View("Click on the button.", page), "click-button") is None
    assert policy.choose(View('Click on "x".', page), "click-test") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"policy": "guess"},
        {"policy": "experts", "tasks": "click-test"},
        {"tasks": "no-such-task"},
        {"seeds": "some"},
        {"policy": "rank", "seeds": "2-1"},
    ],
)
async def test_what_there_is_not_is_a_usage_error_before_anything_is_played(wrong, tmp_path):
    with pytest.raises(UsageError):
        await evaluate(Settings.load(), tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()


# ---- seeds ----


@given(st.lists(st.integers(0, 99999), min_size=1, max_size=8))
def test_seeds_are_read_as_written(numbers):
    assert seeds_of(",".join(map(str, numbers))) == list(dict.fromkeys(numbers))
    low, high = min(numbers), min(min(numbers) + 50, max(numbers))
    assert seeds_of(f"{low}-{high}") == list(range(low, high + 1))


@pytest.mark.parametrize("text", ["", "5-1", "one", "1:5", "1-", "-3"])
def test_what_names_no_seeds_is_a_usage_error(text):
    with pytest.raises(UsageError):
        seeds_of(text)


def test_looking_ahead_is_measured_over_the_same_episodes():
    def rows(*wins: bool, calls: int) -> list[dict[str, Any]]:
        costs = {"steps": 1, "calls": calls, "seconds": 1.0}
        return [{"task": "a", "seed": 10000 + n, "success": win, **costs} for n, win in enumerate(wins)]

    plain, ahead = rows(True, False, False, False, calls=2), rows(True, True, True, False, calls=5)
    found = paired(plain, ahead)
    assert (found["success/plain"].mean, found["success/ahead"].mean) == (0.25, 0.75)
    assert (found["success/difference"].mean, found["calls/difference"].mean) == (0.5, 3.0)
    with pytest.raises(UsageError):
        paired(plain, ahead[:3])
