"""``agentkit login``: a person logs in by hand in a profile, and web tasks then are logged in."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
from typing import Any

import pytest
from playwright.async_api import async_playwright

from agentkit.tools.browser import BrowserSession, SessionConfig
from agentkit.tools.browser.actions import goto
from tests.site import Site

COMMAND = (sys.executable, "-m", "agentkit.cli.main", "login")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


async def cookies_of(site: Site, profile: Any) -> str:
    async with BrowserSession(SessionConfig(start=site.url, profile=profile)) as session:
        await goto(session, site.url + "/index.html")
        return await session.page.evaluate("document.cookie")


@pytest.mark.parametrize("ended_by", ["ctrl-c", "closing the browser"])
async def test_what_a_person_logs_in_to_from_another_machine_stays(tmp_path, ended_by) -> None:
    port, profile = free_port(), tmp_path / "me"
    with Site() as site:
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            f"{site.url}/index.html",
            "--profile",
            str(profile),
            "--port",
            str(port),
            "--json",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        assert f"localhost:{port}" in (await process.stderr.readline()).decode()
        async with async_playwright() as playwright:
            person = await _attach(playwright, port)
            page = person.contexts[0].pages[0]
            await page.wait_for_url("**/index.html")
            # A cookie without an end, as most log-ins leave it.
            await page.evaluate("document.cookie = 'login=ada'")
            if ended_by == "ctrl-c":
                process.send_signal(signal.SIGINT)
            else:
                # Longer than the time between two looks at the cookies.
                await asyncio.sleep(5)
                session = await person.new_browser_cdp_session()
                await session.send("Browser.close")
            out = await process.stdout.read()
        assert await process.wait() == 0
        assert json.loads(out) == {"profile": str(profile), "hosts": ["127.0.0.1"]}
        assert await cookies_of(site, profile) == "login=ada"


async def _attach(playwright: Any, port: int) -> Any:
    """Return the browser at a port; until its page is there, it is tried again."""
    from playwright.async_api import Error

    for _ in range(300):
        try:
            found = await playwright.chromium.connect_over_cdp(f"http://127.0.0.1:{port}")
        except Error:
            await asyncio.sleep(0.2)
            continue
        if found.contexts and found.contexts[0].pages:
            return found
        await found.close()
    raise AssertionError("the browser did not come")


@pytest.mark.skipif(shutil.which("xvfb-run") is None, reason="there is no display to open a window on")
def test_enter_ends_a_log_in_in_a_window(tmp_path) -> None:
    own, theirs = pty.openpty()
    with Site() as site:
        process = subprocess.Popen(
            ["xvfb-run", "-a", *COMMAND, f"{site.url}/index.html", "--profile", "me"],
            cwd=tmp_path,
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        assert "close the window" in process.stderr.readline()
        while "/index.html" not in site.log.paths():
            assert process.poll() is None
        os.write(own, b"\n")
        out, said = process.communicate(timeout=60)
    os.close(theirs)
    os.close(own)
    assert process.returncode == 0, said
    assert "kept in me: cookies of nobody" in out
    assert "agentkit web TASK --url" in said


def test_what_can_not_be_is_said_in_one_line(cli, monkeypatch, tmp_path) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    blind = cli("login", "https://x.test", "--profile", "p")
    assert (blind.code, "--port" in blind.err) == (2, True)
    assert not (tmp_path / "p").exists()
    odd = cli("login", "ftp://x.test", "--profile", "p")
    assert (odd.code, "not a web address" in odd.err) == (2, True)
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").touch()
    wrong = cli("login", "x.test", "--profile", "letters", "--port", "9333")
    assert (wrong.code, "is not a browser's profile" in wrong.err) == (2, True)


def test_a_page_that_is_not_there_ends_it(cli) -> None:
    gone = cli("login", "http://127.0.0.1:9/", "--profile", "p", "--port", free_port())
    assert gone.code == 2
    assert "http://127.0.0.1:9/ did not open" in gone.err
