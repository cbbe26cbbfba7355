"""How the browser is opened is part of a run: kept in it, used again when it goes on, told in its report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import async_playwright

from agentkit.agents.web import WebAgent
from agentkit.cli.kinds import remake
from agentkit.config import Settings
from agentkit.errors import UsageError
from agentkit.runs.folder import RunFolder
from agentkit.runs.report import write_report
from agentkit.tools.browser import SessionConfig, find_browser, launch
from agentkit.tools.browser.video import _folder
from tests.results import output_of, run_of

from .chooser import REGISTER, TASK, Chooser


def agent(browser: Any, *wanted: str) -> WebAgent:
    return WebAgent(Chooser(*(wanted or REGISTER)), memory="off", approve="auto", browser=browser)


def made_again(run: str | Path) -> WebAgent:
    """Return the agent of a run as ``agentkit resume`` makes it."""
    found = remake(RunFolder.open(Path(run)).info, Settings.load())
    assert isinstance(found, WebAgent)
    return found


def files_with(text: bytes, folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text in path.read_bytes()]


async def test_a_run_on_a_profile_goes_on_with_it(site, tmp_path) -> None:
    profile = tmp_path / "ada"
    web = agent(SessionConfig(profile=profile))
    web.hooks.append(lambda node, update: web.stop() if node == "act" else None)
    stopped = await web.arun(TASK, url=site.url)
    assert stopped.error == "stopped"
    # The profile keeps what the page left; the run holds no cookies.
    assert not (Path(run_of(stopped)) / "browser.json").exists()
    assert json.loads((Path(run_of(stopped)) / "run.json").read_text())["settings"]["browser"] == {
        "profile": str(profile)
    }
    again = made_again(run_of(stopped))
    assert again.opening.profile == profile
    result = await agent(again.opening).aresume(stopped)
    assert result.status == "done"
    assert site.received == [{"name": "Ada", "city": "Paris"}]
    assert "registered" in (profile / "agentkit-session.json").read_text()


async def test_a_browser_that_somebody_closes_ends_the_run_which_goes_on_in_another(site, browser) -> None:
    async with async_playwright() as playwright:
        window = await launch(playwright)
        web = agent(window)

        async def close(node: str, update: Any) -> None:
            if node == "act":
                await window.close()

        web.hooks.append(close)
        failed = await web.arun(TASK, url=site.url)
    assert failed.status == "failed"
    assert failed.error is not None
    assert "the browser was closed" in failed.error
    result = await agent(browser).aresume(failed)
    assert result.status == "done"
    assert site.received == [{"name": "Ada", "city": "Paris"}]


async def test_blocked_hosts_are_told_once(site, browser) -> None:
    other = site.localhost.removeprefix("http://")
    result = await agent(browser, "finish").arun("Look.", url=f"{site.url}/hostile.html?to=http://{other}")
    assert output_of(result)["blocked"] == [other]
    assert (
        f"Blocked, since they are not on the allow-list: {other}." in write_report(run_of(result)).read_text()
    )
    again = await WebAgent(memory="off", approve="auto").areplay(run_of(result))
    assert output_of(again) == output_of(result)


async def test_videos_are_in_the_run_and_in_its_report(site, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("AGENTKIT_BROWSER", str(find_browser()))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "browsers"))
    program = _folder() / "ffmpeg-linux"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\nfor last; do :; done\nexec cat > "$last"\n')
    program.chmod(0o755)
    result = await agent({"video": "video"}, 'click link "About"', "finish").arun(
        "Look around.", url=site.url
    )
    assert (Path(run_of(result)) / "video" / "tab-1.webm").stat().st_size > 0
    assert '<a href="video/tab-1.webm">tab-1.webm</a>' in write_report(run_of(result)).read_text()


async def test_a_proxys_credentials_are_nowhere_in_the_run(site, browser, monkeypatch) -> None:
    monkeypatch.setenv("AGENTKIT_PROXY", "http://ada:geheim@127.0.0.1:9")
    web = agent(SessionConfig(proxy="http://ada:geheim@127.0.0.1:9"))
    web.browser = browser
    result = await web.arun(TASK, url="http://shop.test/")
    assert result.status == "failed"
    assert "the proxy 127.0.0.1:9 does not answer" in str(result.error)
    assert files_with(b"geheim", Path(run_of(result))) == []
    opening = made_again(run_of(result)).opening
    assert opening.proxy == "http://ada:geheim@127.0.0.1:9"
    monkeypatch.delenv("AGENTKIT_PROXY")
    with pytest.raises(UsageError, match="needs its credentials again"):
        made_again(run_of(result))


async def test_a_run_in_a_window_goes_on_without_one_where_there_is_no_display(site, browser, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    web = WebAgent(Chooser(*REGISTER), memory="off", browser=SessionConfig(headed=True))
    web.browser = browser
    paused = await web.arun(TASK, url=site.url)
    assert paused.status == "needs_input"
    again = WebAgent(Chooser(*REGISTER), memory="off", browser=SessionConfig(headed=True))
    result = await again.aresume(paused, "yes")
    assert (result.status, len(site.received)) == ("done", 1)
    assert "without a window" in (Path(run_of(result)) / "events.jsonl").read_text()


async def test_what_is_lost_of_a_page_is_told_when_the_run_goes_on(site, browser):
    def kept(node: str, update: Any) -> None:
        if node == "observe":
            agent.stop()

    agent = WebAgent(Chooser("finish", 'click link "About"'), memory="off", browser=browser)
    agent.hooks.append(kept)
    stopped = await agent.arun("Read about it.", url=site.url)
    site.page = lambda path, query: "<title>Moved</title><p>Nothing is here any more</p>"
    again = WebAgent(Chooser("finish"), memory="off", browser=browser)
    result = await again.aresume(stopped)
    assert "is not as it was left" in (Path(run_of(result)) / "events.jsonl").read_text()
