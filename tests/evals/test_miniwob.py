"""MiniWoB++ through agentkit's own observation and actions."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

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


async def click_test(session: BrowserSession, task: str) -> None:
    await act(session, "click", "Click Me!")


async def click_link(session: BrowserSession, task: str) -> None:
    await act(session, "click", re.findall(r'"(.+)"', task)[0])


async def enter_text(session: BrowserSession, task: str) -> None:
    field = next(e for e in (await observe(session)).elements if e.role == "textbox")
    await perform(session, Action("fill", field.id, re.findall(r'"(.+)"', task)[0]))
    await act(session, "click", "Submit")


async def click_checkboxes(session: BrowserSession, task: str) -> None:
    wanted = re.findall(r"Select (.+) and click", task)[0]
    for name in [] if wanted == "nothing" else wanted.split(", "):
        await act(session, "click", name)
    await act(session, "click", "Submit")


async def choose_list(session: BrowserSession, task: str) -> None:
    value = re.findall(r"Select (.+) from", task)[0]
    select = next(e for e in (await observe(session)).elements if e.options)
    await perform(session, Action("select_option", select.id, value))
    await act(session, "click", "Submit")


async def click_scroll_list(session: BrowserSession, task: str) -> None:
    values = re.findall(r"Select (.+) from", task)[0].split(", ")
    for value in values:
        select = next(e for e in (await observe(session)).elements if e.options)
        await perform(session, Action("select_option", select.id, value))
    await act(session, "click", "Submit")


async def login_user(session: BrowserSession, task: str) -> None:
    name, word = re.findall(r'"(.+?)"', task)
    await act(session, "fill", "Username", name)
    await act(session, "fill", "Password", word)
    await act(session, "click", "Login")


async def enter_date(session: BrowserSession, task: str) -> None:
    month, day, year = re.findall(r"(\d+)/(\d+)/(\d+)", task)[0]
    field = (await observe(session)).elements[0]
    await perform(session, Action("fill", field.id, f"{year}-{month}-{day}"))
    await act(session, "click", "Submit")


async def use_autocomplete(session: BrowserSession, task: str) -> None:
    start = re.findall(r'starts with "(.+?)"', task)[0]
    end = re.findall(r'ends with "(.+?)"', task)
    field = (await observe(session)).elements[0]
    await perform(session, Action("fill", field.id, start))
    names = [e.name for e in (await observe(session)).elements if e.name.startswith(start)]
    await act(session, "click", next(name for name in names if not end or name.endswith(end[0])))
    await act(session, "click", "Submit")


async def click_tab_2(session: BrowserSession, task: str) -> None:
    link = re.findall(r'"(.+)"', task)[0]
    for tab in [e.name for e in (await observe(session)).elements if e.role == "tab"]:
        await act(session, "click", tab, role="tab")
        page = await observe(session)
        if any(e.name == link and e.role == "clickable" for e in page.elements):
            await act(session, "click", link, role="clickable")
            return


async def use_slider(session: BrowserSession, task: str) -> None:
    wanted = int(re.findall(r"Select (-?\d+)", task)[0])
    handle = next(e for e in (await observe(session)).elements if "slider" in e.name)
    for _ in range(250):
        page = await observe(session)
        now = int(next(line.words for line in page.lines if re.fullmatch(r"-?\d+", line.words)))
        if now == wanted:
            break
        await perform(session, Action("press", handle.id, "ArrowRight" if now < wanted else "ArrowLeft"))
    await act(session, "click", "Submit")


async def terminal(session: BrowserSession, task: str) -> None:
    ending = re.findall(r"extension (\.\w+)", task)[0]
    field = next(e for e in (await observe(session)).elements if e.role == "textbox")
    await perform(session, Action("type", field.id, "ls"))
    await perform(session, Action("press", None, "Enter"))
    words = (await observe(session)).text().split()
    await perform(
        session,
        Action(
            "type", field.id, "rm " + next(word for word in words if word.endswith(ending) and word != ending)
        ),
    )
    await perform(session, Action("press", None, "Enter"))


async def click_shape(session: BrowserSession, task: str) -> None:
    words = task.lower().split()
    for shape in [e for e in (await observe(session)).elements if e.role == "shape"]:
        small = shape.box.width <= 12
        size_fits = ("small" not in words or small) and ("large" not in words or not small)
        kind_fits = words[-1] in ("item", "shape") or words[-1] in shape.name.split()
        colours = {"red", "green", "blue", "aqua", "black", "magenta", "yellow", "cyan"} & set(words)
        if (
            size_fits
            and kind_fits
            and all(c in shape.name or (c == "aqua" and "cyan" in shape.name) for c in colours)
        ):
            await perform(session, Action("click", shape.id))
            return


async def choose_date(session: BrowserSession, task: str) -> None:
    month, day, _ = map(int, re.findall(r"(\d+)/(\d+)/(\d+)", task)[0])
    months = "January February March April May June July August September October November December"
    await act(session, "click", "Date")
    for _ in range(13):
        text = (await observe(session)).text()
        now = next(i for i, name in enumerate(months.split(), 1) if f"{name} " in text)
        if now == month:
            break
        await act(session, "click", "Prev" if now > month else "Next")
    await act(session, "click", str(day))
    await act(session, "click", "Submit")


EXPERTS = {
    "click-test": click_test,
    "click-link": click_link,
    "enter-text": enter_text,
    "click-checkboxes": click_checkboxes,
    "choose-list": choose_list,
    "click-scroll-list": click_scroll_list,
    "login-user": login_user,
    "enter-date": enter_date,
    "use-autocomplete": use_autocomplete,
    "click-tab-2": click_tab_2,
    "use-slider": use_slider,
    "terminal": terminal,
    "click-shape": click_shape,
    "choose-date": choose_date,
}


@pytest.mark.parametrize("name", EXPERTS)
async def test_a_task_is_solved_through_the_interface(server, session, name):
    task = MiniWobTask(server, name, SEED)
    utterance = await task.setup(session)
    await EXPERTS[name](session, utterance)
    assert await task.reward(session) == 1, (utterance, (await observe(session)).text())
