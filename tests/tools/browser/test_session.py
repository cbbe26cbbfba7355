"""Sessions: the wall, tabs, dialogs, downloads, crashes. In a real browser, counted at real servers."""

from __future__ import annotations

import asyncio
import contextlib
from importlib import import_module

import pytest

from agentkit.errors import ToolError, UsageError
from agentkit.tools.browser import BrowserSession, SessionConfig, find_browser, observe
from agentkit.tools.browser import actions as act
from tests.waiting import until

from .conftest import look


def kinds(session: BrowserSession, kind: str) -> list[str]:
    return [event.text for event in session.events.items if event.kind == kind]


# ---- finding a browser ----


def test_a_named_browser_that_is_not_there_is_an_error_that_says_so(monkeypatch):
    monkeypatch.setenv("AGENTKIT_BROWSER", "/nowhere/chromium")
    with pytest.raises(UsageError, match="AGENTKIT_BROWSER"):
        find_browser()


def test_the_named_browser_comes_first(monkeypatch, tmp_path):
    program = tmp_path / "mine"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("AGENTKIT_BROWSER", str(program))
    assert find_browser() == program


async def test_without_a_browser_the_error_says_what_to_install(monkeypatch, tmp_path):
    for name in ("PATH", "PLAYWRIGHT_BROWSERS_PATH"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.delenv("AGENTKIT_BROWSER", raising=False)
    monkeypatch.setattr(import_module("agentkit.tools.browser.launch"), "FIXED", ())
    assert find_browser() is None
    with pytest.raises(UsageError, match=r"no browser was found .*apt-get install chromium"):
        await BrowserSession().__aenter__()


async def test_a_browser_that_can_have_no_sandbox_starts_without_one(monkeypatch, tmp_path):
    # As in a container without user namespaces; Chromium's own words.
    program, starts = tmp_path / "chromium", tmp_path / "starts"
    program.write_text(
        f"""#!/bin/sh
        echo "$*" >> {starts}
        case "$*" in *--no-sandbox*) exec {find_browser()} "$@";; esac
        echo "No usable sandbox!" >&2
        exit 1
        """
    )
    program.chmod(0o755)
    monkeypatch.setenv("AGENTKIT_BROWSER", str(program))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    async with BrowserSession() as session:
        assert await session.responds()
    assert ["--no-sandbox" in line for line in starts.read_text().splitlines()] == [False, True]


# ---- the wall ----


async def test_nothing_a_page_tries_reaches_a_host_that_is_not_allowed(visit, elsewhere):
    # Every way that a page has to ask for something: the server hears of requests, and of mere connections.
    session = await visit(f"/hostile.html?to={elsewhere.url}")
    await asyncio.sleep(0.7)
    assert elsewhere.log.requests == []
    assert elsewhere.connections == 0
    blocked = [e.data for e in session.events.items if e.kind == "blocked"]
    # Sub-resources: a host is named once.
    assert len([event for event in blocked if event["what"] != "navigation"]) == 1
    assert session.refused == [elsewhere.url.removeprefix("http://")]


@pytest.mark.parametrize(
    "name", ["Elsewhere", "Redirected elsewhere", "Elsewhere in a tab", "Send elsewhere"]
)
async def test_every_way_out_of_the_list_is_closed_and_the_page_stays(visit, elsewhere, name):
    session = await visit(f"/escape.html?to={elsewhere.url}")
    effect = await act.click(session, await look(session, name))
    await asyncio.sleep(0.2)
    assert elsewhere.log.requests == []
    assert effect.blocked
    if name != "Elsewhere in a tab":
        assert "Still here" in (await observe(session)).text()


async def test_goto_outside_the_list_and_other_schemes_are_refused(visit, elsewhere):
    session = await visit()
    for url in (
        elsewhere.url,
        "file:///etc/passwd",
        "data:text/html,x",
        "javascript:alert(1)",
        "chrome://version",
    ):
        with pytest.raises(ToolError):
            await act.goto(session, url)
    assert elsewhere.log.requests == []
    assert "Index" in (await observe(session)).text()


async def test_other_ports_of_this_machine_are_other_places(visit, site, elsewhere):
    session = await visit()
    assert not session.allow.allows_url(elsewhere.url)
    assert not session.allow.allows_url(site.localhost)
    assert session.allow.allows_url(site.url + "/x")


async def test_an_added_host_is_reached(visit, elsewhere):
    session = await visit(allow=(elsewhere.url,))
    effect = await act.goto(session, elsewhere.url + "/form.html")
    assert effect.navigated
    assert (await observe(session)).title == "Form"


async def test_assets_any_lets_pictures_in_but_no_documents_and_no_posts(visit, elsewhere):
    session = await visit(f"/hostile.html?to={elsewhere.url}", assets="any")
    reached = elsewhere.log.requests
    await until(lambda: ("GET", "/image?secret=1") in reached)
    # What else the page tries has its time, too.
    await asyncio.sleep(0.5)
    assert {method for method, _ in reached} == {"GET"}
    assert not {"/frame", "/socket", "/beacon"} & set(elsewhere.log.paths())
    await act.goto(session, session.url)


# ---- tabs ----


async def test_a_new_tab_becomes_the_active_one_and_can_be_left(visit):
    session = await visit("/tabs.html")
    effect = await act.click(session, await look(session, "Form in a tab"))
    assert effect.new_tabs == 1
    assert (await observe(session)).title == "Form"
    await act.close_tab(session)
    assert (await observe(session)).title == "Tabs"


async def test_many_tabs_are_held_to_the_limit(visit):
    session = await visit("/tabs.html", max_tabs=3)
    # Many windows keep the page busy for longer than a click may take.
    with contextlib.suppress(ToolError):
        await act.click(session, await look(session, "Many tabs"))
    await until(lambda: len(session.tabs) <= 3)
    await act.switch_tab(session, "0")
    assert (await observe(session)).title == "Tabs"
    with pytest.raises(ToolError, match="no tab 7"):
        await act.switch_tab(session, "7")


# ---- dialogs ----


async def test_an_alert_is_accepted_and_reported(visit):
    session = await visit("/dialogs.html")
    effect = await act.click(session, await look(session, "Alert"))
    assert "Careful" in effect.dialogs[0]
    assert "alerted" in (await observe(session)).text()


async def test_a_question_is_dismissed_unless_its_answer_was_chosen_before(visit):
    session = await visit("/dialogs.html")
    await act.click(session, await look(session, "Confirm"))
    assert "said no" in (await observe(session)).text()
    await act.answer_dialog(session, "accept")
    await act.click(session, await look(session, "Confirm"))
    assert "said yes" in (await observe(session)).text()
    await act.click(session, await look(session, "Confirm"))
    assert "said no" in (await observe(session)).text()
    await act.answer_dialog(session, "Ada")
    await act.click(session, await look(session, "Prompt"))
    assert "named Ada" in (await observe(session)).text()


async def test_dialogs_in_a_row_are_all_seen(visit):
    session = await visit("/dialogs.html")
    await act.click(session, await look(session, "Many"))
    assert len(kinds(session, "dialog")) == 30
    assert "all said" in (await observe(session)).text()


# ---- downloads ----


async def test_a_download_lands_in_its_folder_under_a_safe_name(visit, tmp_path):
    folder = tmp_path / "downloads"
    session = await visit(downloads=folder)
    for _ in range(2):
        await act.click(session, await look(session, "Download"))
    await until(lambda: len(kinds(session, "download")) == 2)
    assert sorted(path.name for path in folder.iterdir()) == ["data-2.csv", "data.csv"]
    assert (folder / "data.csv").read_text() == "a,b\n1,2\n"
    assert not (tmp_path / "data.csv").exists()


async def test_without_a_folder_a_download_is_refused(visit):
    session = await visit()
    await act.click(session, await look(session, "Download"))
    await until(lambda: any("refused" in text for text in kinds(session, "download")))
    assert "Index" in (await observe(session)).text()


# ---- pages that break ----


async def test_a_crash_is_an_error_the_model_sees_and_goto_recovers(visit, site):
    session = await visit()
    cdp = await session.context.new_cdp_session(session.page)
    crash = asyncio.ensure_future(cdp.send("Page.crash"))
    await until(lambda: kinds(session, "crash"))
    crash.cancel()
    await asyncio.gather(crash, return_exceptions=True)
    with pytest.raises(ToolError, match="crashed"):
        await observe(session)
    await act.goto(session, site.url + "/form.html")
    assert (await observe(session)).title == "Form"


async def test_a_page_that_hangs_is_an_error_and_goto_recovers(visit, site):
    session = await visit("/dynamic.html", action_timeout=2.0, settle_timeout=0.5, respond_timeout=3.0)
    hang = await look(session, "Hang")
    with contextlib.suppress(ToolError):
        await act.click(session, hang)
    with pytest.raises(ToolError):
        await observe(session)
    await session.fresh_page()
    await act.goto(session, site.url + "/form.html")
    assert (await observe(session)).title == "Form"


async def test_a_page_that_never_answers_is_an_error_and_the_old_one_stays(visit, site):
    session = await visit(load_timeout=2.5)
    with pytest.raises(ToolError):
        await act.goto(session, site.url + "/never")
    assert "Index" in (await observe(session)).text()


async def test_a_page_that_never_finishes_can_be_used_as_far_as_it_is(visit):
    session = await visit("/half", load_timeout=2.5)
    assert "Early" in (await observe(session)).text()


async def test_a_server_error_is_shown_as_the_page_it_is(visit, site):
    session = await visit()
    effect = await act.goto(session, site.url + "/error")
    assert "500" in effect.text
    assert "It broke" in (await observe(session)).text()


async def test_a_host_that_is_not_there_is_an_error(visit):
    session = await visit(allow=("127.0.0.1:1234",))
    with pytest.raises(ToolError):
        await act.goto(session, "http://127.0.0.1:1234/")
    assert "Index" in (await observe(session)).text()


async def test_a_session_starts_a_browser_of_its_own(site):
    async with BrowserSession(SessionConfig(start=site.url)) as session:
        await act.goto(session, site.url + "/form.html")
        picture = await session.screenshot()
        assert picture.size == session.config.viewport
