"""Opening a browser: in a window, on a profile, attached to, behind a proxy, with a video. In real browsers."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.async_api import async_playwright

from agentkit.errors import ToolError, UsageError
from agentkit.tools.browser import BrowserSession, SessionConfig, find_browser, observe
from agentkit.tools.browser.actions import goto
from agentkit.tools.browser.allow import AllowList
from agentkit.tools.browser.events import EventLog
from agentkit.tools.browser.gate import Gate
from agentkit.tools.browser.profile import prepare
from agentkit.tools.browser.upstream import Upstream, without_credentials
from agentkit.tools.browser.video import can_record
from tests.waiting import until

from .proxies import Proxy

COOKIES = "document.cookie='short=1'; document.cookie='long=1;max-age=9999'; localStorage.setItem('k', 'v')"
KEPT = "[document.cookie.split('; ').sort().join(), localStorage.getItem('k')]"


# ---- in a window ----


async def test_a_window_needs_a_display(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(UsageError, match=r"a window needs a display.*xvfb-run"):
        await BrowserSession(SessionConfig(headed=True)).__aenter__()


@pytest.fixture
def display(monkeypatch) -> Iterator[str]:
    """A display that nobody looks at."""
    if shutil.which("Xvfb") is None:
        pytest.skip("there is no Xvfb")
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-nolisten", "tcp"],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with open(reading) as told:
        name = f":{told.readline().strip()}"
    monkeypatch.setenv("DISPLAY", name)
    yield name
    server.terminate()
    server.wait(10)


async def test_a_window_is_opened_where_there_is_a_display(display, site):
    async with BrowserSession(SessionConfig(start=site.url, headed=True)) as session:
        await goto(session, site.url + "/form.html")
        assert "Headless" not in await session.page.evaluate("navigator.userAgent")
        assert (await observe(session)).elements


async def test_a_display_that_does_not_answer_is_a_clear_error(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":9876")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(UsageError, match="the display :9876 does not answer"):
        await BrowserSession(SessionConfig(headed=True)).__aenter__()


# ---- on a profile ----


async def test_a_profile_keeps_what_a_log_in_left_and_the_wall_holds(site, elsewhere, tmp_path):
    config = SessionConfig(start=site.url, profile=tmp_path / "people" / "ada")
    async with BrowserSession(config) as session:
        await goto(session, site.url + "/index.html")
        await session.page.evaluate(COOKIES)
        assert len(session.tabs) == 1
        with pytest.raises(UsageError, match=r"open in another browser \(process \d+\)"):
            await BrowserSession(config).__aenter__()
    assert config.profile is not None
    assert config.profile.stat().st_mode & 0o777 == 0o700
    assert (config.profile / "agentkit-session.json").stat().st_mode & 0o777 == 0o600
    async with BrowserSession(config) as session:
        await goto(session, f"{site.url}/hostile.html?to={elsewhere.url}")
        assert await session.page.evaluate(KEPT) == ["long=1,short=1", "v"]
        await until(lambda: session.refused == [elsewhere.url.removeprefix("http://")])
        # Logged out: what the page took back stays away.
        await session.page.evaluate("document.cookie='short=1;max-age=0'")
    assert elsewhere.log.requests == []
    async with BrowserSession(config) as session:
        await goto(session, site.url + "/index.html")
        assert await session.page.evaluate(KEPT) == ["long=1", "v"]


def test_only_a_profile_is_used_as_one(tmp_path):
    (tmp_path / "letter.txt").write_text("Dear")
    with pytest.raises(UsageError, match="is not a browser's profile"):
        prepare(tmp_path)
    with pytest.raises(UsageError, match="is not a browser's profile"):
        prepare(tmp_path / "letter.txt")
    (tmp_path / "empty").mkdir()
    assert prepare(tmp_path / "empty") == tmp_path / "empty"


def test_a_lock_that_a_killed_browser_left_is_no_lock(tmp_path):
    gone = subprocess.Popen(["true"])
    gone.wait()
    lock = tmp_path / "SingletonLock"
    (tmp_path / "Local State").touch()
    lock.symlink_to(f"{os.uname().nodename}-{gone.pid}")
    assert prepare(tmp_path)
    lock.unlink()
    lock.symlink_to("another-machine-1")
    with pytest.raises(UsageError, match="process 1 on another-machine"):
        prepare(tmp_path)


async def test_a_damaged_file_of_a_profile_is_named(tmp_path):
    (tmp_path / "agentkit-session.json").write_text("{")
    with pytest.raises(UsageError, match=r"agentkit-session\.json is damaged"):
        await BrowserSession(SessionConfig(profile=tmp_path)).__aenter__()


# ---- attached to ----


@pytest.fixture
async def running(site, tmp_path) -> AsyncIterator[str]:
    """Somebody's own browser with a tab, a cookie of the site and one of another; gives its address."""
    program = str(find_browser())
    process = await asyncio.create_subprocess_exec(
        program,
        "--headless",
        "--no-sandbox",
        "--remote-debugging-port=0",
        f"--user-data-dir={tmp_path / 'own'}",
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    told = tmp_path / "own" / "DevToolsActivePort"
    while not (told.is_file() and told.read_text().strip()):
        assert process.returncode is None
        await asyncio.sleep(0.1)
    address = f"http://127.0.0.1:{told.read_text().splitlines()[0]}"
    async with async_playwright() as playwright:
        person = await playwright.chromium.connect_over_cdp(address)
        tab = await person.contexts[0].new_page()
        await tab.goto(site.url + "/index.html")
        cookies: list[Any] = [{"name": "login", "value": "ada", "url": site.url}]
        cookies.append({"name": "bank", "value": "secret", "url": "https://bank.example"})
        await person.contexts[0].add_cookies(cookies)
        yield address
        # The person's browser, tab and cookies are as they were.
        assert not tab.is_closed()
        assert await tab.title() == "Index"
        assert {cookie.get("name") for cookie in await person.contexts[0].cookies()} == {"login", "bank"}
    assert process.returncode is None
    process.terminate()
    await process.wait()


async def test_a_running_browser_is_attached_to_and_left_as_it_was(running, site, elsewhere):
    async with BrowserSession(SessionConfig(start=site.url, cdp=running)) as session:
        await goto(session, f"{site.url}/hostile.html?to={elsewhere.url}")
        await asyncio.sleep(0.7)
        # The log-in for the allowed site comes along, and no other.
        assert [cookie.get("name") for cookie in await session.context.cookies()] == ["login"]
        assert await session.page.evaluate("typeof RTCPeerConnection") == "undefined"
        assert len(session.tabs) == 1
    assert elsewhere.log.requests == []


async def test_nobody_there_to_attach_to_is_a_clear_error():
    with pytest.raises(
        UsageError, match=r"no browser answers at http://127.0.0.1:9 .*--remote-debugging-port"
    ):
        await BrowserSession(SessionConfig(cdp="http://127.0.0.1:9")).__aenter__()


@pytest.mark.parametrize("more", [{"headed": True}, {"profile": Path("p")}])
def test_what_does_not_go_together_is_said(more):
    with pytest.raises(UsageError, match="runs already"):
        SessionConfig(cdp="http://127.0.0.1:9222", **more)


@pytest.mark.parametrize(
    ("domain", "taken"),
    [
        ("example.com", True),
        (".example.com", True),
        ("shop.example.com", True),
        ("badexample.com", False),
        ("other.test", False),
        ("127.0.0.1", True),
        ("sub.other.org", True),
        (".other.org", True),
        ("other.org", False),
    ],
)
def test_cookies_of_allowed_hosts(domain, taken):
    allow = AllowList.of("http://127.0.0.1:80/", ["example.com", "sub.other.org"])
    assert allow.takes_cookie(domain) is taken


# ---- behind a proxy ----


@pytest.mark.parametrize("socks", [False, True])
async def test_everything_goes_through_the_proxy_and_nothing_else_reaches_it(browser, site, elsewhere, socks):
    scheme = "socks5" if socks else "http"
    async with Proxy({"shop.test": site.port}, socks=socks, login="ada:p%w:d") as proxy:
        config = SessionConfig(start="http://shop.test/", proxy=f"{scheme}://ada:p%25w%3Ad@{proxy.place}")
        async with BrowserSession(config, browser=browser) as session:
            await goto(session, f"http://shop.test/hostile.html?to={elsewhere.url}")
            assert "SYSTEM" in (await observe(session)).text()
            await asyncio.sleep(0.5)
        assert {host for _, host, _ in proxy.seen} == {"shop.test"}
        assert elsewhere.log.requests == []


@pytest.mark.parametrize("socks", [False, True])
@pytest.mark.parametrize("who", ["", "ada:wrong@"])
async def test_refused_credentials_are_an_event_without_them(browser, site, socks, who):
    async with Proxy({"shop.test": site.port}, socks=socks, login="ada:right") as proxy:
        config = SessionConfig(
            start="http://shop.test/", proxy=f"{'socks5' if socks else 'http'}://{who}{proxy.place}"
        )
        assert "wrong" not in repr(config)
        async with BrowserSession(config, browser=browser) as session:
            with pytest.raises(ToolError, match=f"the proxy {proxy.place} asks for other credentials"):
                await goto(session, "http://shop.test/index.html")
            said = [event.text for event in session.events.items]
        assert not any("wrong" in text for text in said)
        assert site.log.requests == []


async def test_this_machine_is_reached_without_the_proxy(browser, site):
    config = SessionConfig(start=site.url, proxy="http://127.0.0.1:9")
    async with BrowserSession(config, browser=browser) as session:
        await goto(session, site.url + "/index.html")
        assert await session.page.title() == "Index"


@pytest.mark.parametrize("socks", [False, True])
@pytest.mark.parametrize(("host", "status"), [("shop.test", b"200"), ("gone.test", b"502")])
async def test_a_tunnel_goes_through_the_proxy(site, socks, host, status):
    failed: list[str] = []
    async with Proxy({"shop.test": site.port}, socks=socks) as proxy:
        upstream = Upstream.of(f"{'socks5' if socks else 'http'}://{proxy.place}")
        gate = Gate(lambda *_: True, lambda *_: None, lambda host, port, why: failed.append(why), upstream)
        async with gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(gate.url.rpartition(":")[2]))
            writer.write(f"CONNECT {host}:443 HTTP/1.1\r\n\r\n".encode())
            assert (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1] == status
            if status == b"200":
                writer.write(b"GET /index.html HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                assert b"<title>Index</title>" in await reader.read()
            writer.close()
        assert (("SOCKS" if socks else "CONNECT"), host, 443) in proxy.seen
    assert [proxy.place in why for why in failed] == ([] if status == b"200" else [True])


async def test_a_proxy_that_is_not_there_is_named(browser):
    config = SessionConfig(start="http://shop.test/", proxy="http://user:secret@127.0.0.1:9")
    async with BrowserSession(config, browser=browser) as session:
        with pytest.raises(ToolError, match=r"the proxy 127\.0\.0\.1:9 does not answer") as error:
            await goto(session, "http://shop.test/")
        said = " ".join(event.text for event in session.events.items)
    assert "secret" not in said + str(error.value)


@pytest.mark.parametrize("url", ["ftp://x:1", "http://", "http://x:99999", "socks4://x", "http://[x"])
def test_what_is_no_proxy_is_refused_without_naming_it(url):
    with pytest.raises(UsageError, match="the proxy is no http, https or socks5 address"):
        SessionConfig(proxy=url)


# ---- with a video ----


async def test_videos_of_the_tabs_are_kept_under_their_numbers(site, tmp_path, monkeypatch):
    # Playwright's ffmpeg is not everywhere: one in its place that keeps the pictures it is given, as they come.
    folder = _ffmpeg_folder(tmp_path, monkeypatch)
    folder.mkdir(parents=True)
    program = folder / "ffmpeg-linux"
    program.write_text('#!/bin/sh\nfor last; do :; done\nexec cat > "$last"\n')
    program.chmod(0o755)
    config = SessionConfig(start=site.url, video=tmp_path / "video", viewport=(320, 240))
    async with BrowserSession(config) as session:
        await goto(session, site.url + "/index.html")
        await session.new_tab()
        await goto(session, site.url + "/form.html")
    videos = sorted((tmp_path / "video").iterdir())
    assert [path.name for path in videos] == ["tab-1.webm", "tab-2.webm"]
    for path in videos:
        # Playwright hands over JPEG pictures in Matroska.
        data = path.read_bytes()
        assert data.startswith(b"\x1a\x45\xdf\xa3")
        assert b"\xff\xd8\xff" in data


def _ffmpeg_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where Playwright will look for its ffmpeg; there is none yet."""
    monkeypatch.setenv("AGENTKIT_BROWSER", str(find_browser()))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "browsers"))
    from agentkit.tools.browser.video import _folder

    return _folder()


async def test_without_the_program_for_videos_the_session_says_so_once_and_goes_on(
    browser, site, tmp_path, monkeypatch
):
    _ffmpeg_folder(tmp_path, monkeypatch)
    config = SessionConfig(start=site.url, video=tmp_path / "video")
    async with BrowserSession(config, browser=browser) as session:
        await goto(session, site.url + "/index.html")
        said = [event.text for event in session.events.items if event.kind == "video"]
    assert len(said) == 1
    assert "playwright install ffmpeg" in said[0]
    assert not can_record(EventLog())


# ---- as a run keeps it ----


@given(
    st.builds(
        SessionConfig,
        headed=st.booleans(),
        assets=st.sampled_from(["same", "any"]),
        viewport=st.tuples(st.integers(100, 4000), st.integers(100, 4000)),
        profile=st.none() | st.sampled_from([Path("p"), Path("/p/q")]),
        uploads=st.lists(st.sampled_from([Path("/a"), Path("/b")])).map(tuple),
        video=st.none() | st.just(Path("video")),
        proxy=st.none() | st.just("http://proxy.test:3128"),
        load_timeout=st.floats(1, 100),
        start=st.none() | st.just("http://x.test/"),
    )
)
def test_what_a_run_keeps_opens_the_same_browser(config):
    kept = config.to_json()
    again = SessionConfig.of(kept)
    assert again.to_json() == kept
    assert (again.start, again.allow, again.downloads) == (None, (), None)
    assert (again.headed, again.viewport, again.video) == (config.headed, config.viewport, config.video)
    # Wherever the run is gone on with, the profile is the same folder.
    assert again.profile is None or again.profile.is_absolute()


def test_credentials_of_a_proxy_are_not_kept_and_asked_for_again(monkeypatch):
    whole = "http://ada:secret@proxy.test:3128"
    kept = SessionConfig(proxy=whole).to_json()
    assert kept == {"proxy": "http://***@proxy.test:3128"}
    monkeypatch.delenv("AGENTKIT_PROXY", raising=False)
    with pytest.raises(UsageError, match=r"AGENTKIT_PROXY=http://user:password@proxy\.test:3128"):
        SessionConfig.of(kept)
    monkeypatch.setenv("AGENTKIT_PROXY", "http://ada:secret@another.test:3128")
    with pytest.raises(UsageError, match="needs its credentials again"):
        SessionConfig.of(kept)
    monkeypatch.setenv("AGENTKIT_PROXY", whole)
    assert SessionConfig.of(kept).proxy == whole


def test_settings_that_are_not_there_are_named():
    with pytest.raises(UsageError, match="colour"):
        SessionConfig.of({"colour": "red"})
    with pytest.raises(UsageError, match="viewport"):
        SessionConfig.of({"viewport": ["wide", 3]})


@given(st.text("ab:@%/", max_size=8), st.text("ab:@%", max_size=8))
def test_no_part_of_credentials_is_written_down(user, password):
    assert without_credentials(f"http://{user}:{password}@host:1") == "http://***@host:1"
