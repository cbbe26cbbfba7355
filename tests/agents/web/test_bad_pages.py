"""Pages that misbehave, met by the agent: each is an event that it sees and can react to, and nothing is lost."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agentkit.agents.web import WebAgent
from agentkit.agents.web.candidates import FINISH, Candidate
from agentkit.contracts.result import Result
from agentkit.contracts.runfile import BudgetLimits
from agentkit.runtime.ask import Callback
from agentkit.tools.browser import Action, SessionConfig
from tests.results import output_of, run_of

QUICK = SessionConfig(
    load_timeout=3.0, action_timeout=3.0, settle_timeout=1.0, respond_timeout=6.0, dialogs="dismiss"
)


class Clicks:
    """A policy that clicks what has these names, one after the other, and keeps what it saw of the page and of the step."""

    name = "clicks"

    def __init__(self, *names: str) -> None:
        self._left = list(names)
        self.pages: list[str] = []
        self.results: list[str] = []

    def choose(self, view: Any, family: str) -> Candidate | None:
        self.pages.append(view.snapshot.text())
        if view.history:
            self.results.append(view.history[-1]["result"])
        if not self._left:
            return FINISH
        name = self._left.pop(0)
        found = [e for e in view.snapshot.elements if e.name == name]
        if not found:
            return Candidate(f"click {name}", Action("click", "e9999"))
        return Candidate(f"click {found[0].describe()}", Action.on(view.snapshot, "click", found[0].id))


async def run(
    browser: Any, url: str, *names: str, config: SessionConfig = QUICK, **more: Any
) -> tuple[Result, Clicks]:
    policy = Clicks(*names)
    web = WebAgent(
        policy=policy, memory="off", browser=config, budget=BudgetLimits(steps=8), approve="auto", **more
    )
    web.browser = browser
    return await web.arun("Look around.", url=url), policy


def notes(result: Result) -> str:
    lines = (Path(run_of(result)) / "events.jsonl").read_text().splitlines()
    return "\n".join(event["text"] for event in map(json.loads, lines) if event["kind"] == "note")


async def test_a_page_that_never_finishes_is_used_as_far_as_it_came(site, browser) -> None:
    result, policy = await run(browser, f"{site.url}/half", "Early")
    assert result.status == "done"
    assert "Early" in policy.pages[0]


async def test_a_page_that_never_answers_is_told_and_the_old_one_stays(site, browser) -> None:
    result, policy = await run(browser, f"{site.url}/index.html", "Page that never loads", "Broken page")
    assert "not answered" in policy.results[0] or "did not" in policy.results[0]
    assert "Form" in policy.pages[1]
    assert "It broke" in policy.pages[2]
    assert result.status == "done"


async def test_a_start_that_never_answers_fails_with_its_reason_and_can_be_resumed(site, browser) -> None:
    result, policy = await run(browser, f"{site.url}/never")
    assert (result.status, policy.pages) == ("failed", [])
    assert "/never" in (result.error or "")
    assert (await WebAgent(memory="off", browser=browser, policy=policy).aresume(result)).status == "failed"


async def test_a_page_that_reloads_itself_can_be_acted_on(site, browser) -> None:
    result, policy = await run(browser, f"{site.url}/reloading", "Press", "Press")
    assert result.status == "done"
    assert all("Press" in page for page in policy.pages)


async def test_a_flood_of_tabs_is_told_and_bounded(site, browser) -> None:
    # Fifty tabs at once take their time on a busy machine; a page that only is slow is not lost.
    patient = SessionConfig(respond_timeout=60, action_timeout=30, settle_timeout=30)
    result, policy = await run(browser, f"{site.url}/popups", "Open", config=patient)
    assert result.status == "done"
    assert "more than 5" in policy.results[0] or "more than 5" in notes(result)
    journal = (Path(run_of(result)) / "journal.jsonl").read_text().splitlines()
    tabs = [line["outcome"]["tabs"] for line in map(json.loads, journal) if line["name"] == "observe"]
    # The page from before is one of those that are left, and can be switched to.
    assert tabs[-1][0].endswith("/popups")
    assert len(tabs[-1]) <= 6


async def test_dialogs_without_end_cost_the_tab_and_not_the_run(site, browser) -> None:
    result, policy = await run(browser, f"{site.url}/loop", "Start", "About")
    assert "more than 50 dialogs" in notes(result)
    assert "the page is lost" in notes(result)
    assert "A place." in policy.pages[-1]
    assert result.status == "done"


async def test_an_element_that_left_between_looking_and_acting_is_told(site, browser) -> None:
    class Late(Clicks):
        def choose(self, view: Any, family: str) -> Candidate | None:
            choice = super().choose(view, family)
            # The page removes it now; the choice was made on what was seen.
            page = browser.contexts[-1].pages[-1]
            if choice is not None and "Catch" in choice.words:
                self.work = asyncio.ensure_future(page.evaluate("b.remove()"))
            return choice

    policy = Late("Catch me", "About")
    web = WebAgent(policy=policy, memory="off", browser=browser)
    result = await web.arun("Catch it.", url=f"{site.url}/fleeting")
    assert "no longer on the page" in policy.results[0]
    assert (result.status, "A place." in policy.pages[-1]) == ("done", True)


async def test_a_frame_that_goes_away_is_told(site, browser) -> None:
    class Late(Clicks):
        def choose(self, view: Any, family: str) -> Candidate | None:
            choice = super().choose(view, family)
            if choice is not None and "Frame" in choice.words:
                page = browser.contexts[-1].pages[-1]
                self.work = asyncio.ensure_future(page.evaluate("f.remove()"))
            return choice

    policy = Late("Frame button", "About")
    web = WebAgent(policy=policy, memory="off", browser=browser)
    result = await web.arun("Press it.", url=f"{site.url}/detached")
    assert any(word in policy.results[0] for word in ("gone with its frame", "no longer", "can't be read"))
    assert (result.status, "A place." in policy.pages[-1]) == ("done", True)


async def test_an_id_that_is_not_there_is_told(site, browser) -> None:
    result, policy = await run(browser, f"{site.url}/about", "Nothing of this name", "Back")
    assert "no element e9999" in policy.results[0]
    assert (result.status, "Register" in policy.pages[-1]) == ("done", True)


async def test_a_crash_is_told_and_the_page_opened_again(site, browser) -> None:
    policy = Clicks("About", "Back", "About")
    web = WebAgent(policy=policy, memory="off", browser=browser)
    crashed: list[str] = []

    async def crash(node: str, update: Any) -> None:
        if node == "act" and not crashed:
            crashed.append(node)
            page = browser.contexts[-1].pages[-1]
            cdp = await browser.contexts[-1].new_cdp_session(page)
            over = asyncio.Event()
            page.once("crash", lambda _: over.set())
            work = asyncio.ensure_future(cdp.send("Page.crash"))
            await asyncio.wait_for(over.wait(), 60)
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    web.hooks.append(crash)
    result = await web.arun("Look around.", url=site.url)
    assert "crashed" in notes(result)
    # Where it was: on the page to which the link led.
    assert "A place." in policy.pages[1]
    assert result.status == "done"


async def test_a_server_error_is_seen_as_the_page_it_is(site, browser) -> None:
    result, policy = await run(browser, f"{site.url}/index.html", "Broken page")
    assert "HTTP 500" in policy.results[0]
    assert "It broke" in policy.pages[-1]
    assert result.status == "done"


async def test_ten_megabytes_of_html_are_read_and_acted_on(site, browser) -> None:
    slow = replace(QUICK, load_timeout=30.0, respond_timeout=60.0, action_timeout=30.0)
    result, policy = await run(browser, f"{site.url}/huge", "At the end", config=slow)
    assert result.status == "done"
    assert 'button "At the end"' in policy.pages[0]
    # What is kept of it is what matters for the task.
    assert all(len(step["observation"]) < 5000 for step in output_of(result)["steps"])


@pytest.mark.parametrize("answer", ["yes", "no"])
async def test_a_question_of_the_page_is_dismissed_and_then_asked_about(site, browser, answer) -> None:
    asked: list[Any] = []

    def reply(question: Any) -> str:
        asked.append(question)
        return answer

    config = replace(QUICK, dialogs="ask")
    result, policy = await run(
        browser, f"{site.url}/dialogs.html", "Confirm", config=config, answers=[Callback(reply)]
    )
    assert result.status == "done"
    assert len(asked) == 1
    assert "Really?" in asked[0].text
    assert ("said yes" if answer == "yes" else "said no") in policy.pages[-1]


async def test_a_question_of_the_page_is_only_dismissed_by_default(site, browser) -> None:
    result, policy = await run(browser, f"{site.url}/dialogs.html", "Confirm", "Prompt")
    assert "'Really?' (dismissed)" in policy.results[0]
    assert "named null" in policy.pages[-1]
    assert result.status == "done"
