"""``agentkit web``: the flags that say how the browser is opened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentkit.cli.web import size_of
from agentkit.errors import UsageError
from tests.site import Site

REPLIES = ('{"action": "ask", "missing": "colour"}', '{"action": "finish", "answer": "seen"}')


def test_how_the_browser_was_opened_is_in_the_run_and_used_again(cli, tmp_path, monkeypatch) -> None:
    # No ffmpeg of Playwright's: the run says so in one line.
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "none"))
    Path("model.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in REPLIES))
    flags = ["--policy", "generate", "--decide", "script:model.jsonl", "--no-input", "--out", "r"]
    opening = ["--profile", "me", "--assets", "any", "--viewport", "640x480", "--video"]
    with Site() as site:
        first = cli("web", "Look.", "--url", site.url, *flags, *opening)
        assert first.code == 3, first.err
        assert first.err.count("no video is recorded") == 1
        kept = json.loads(Path("r/run.json").read_text())["settings"]["browser"]
        assert kept == {
            "assets": "any",
            "viewport": [640, 480],
            "profile": str(tmp_path / "me"),
            "video": "video",
        }
        again = cli("resume", "r", "--answer", "blue", "--json")
    assert again.code == 0, again.err
    assert again.json["answer"] == "seen"
    screens = [json.loads(line) for line in Path("r/events.jsonl").read_text().splitlines()]
    shot = next(event["image"] for event in screens if event["kind"] == "observed")
    from PIL import Image

    assert Image.open(next(Path("r/images").glob(f"{shot}.*"))).size == (640, 480)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--cdp", "http://127.0.0.1:9222", "--profile", "p"], "runs already"),
        (["--viewport", "wide"], "is no size of a page"),
        (["--proxy", "gopher://x"], "no http, https or socks5 address"),
        (["--cdp", "http://127.0.0.1:9"], "no browser answers at http://127.0.0.1:9"),
        (["--headed"], "a window needs a display"),
    ],
)
def test_what_can_not_be_opened_is_said_in_one_line(cli, monkeypatch, flags, said) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    found = cli("web", "Look.", "--url", "http://127.0.0.1:9/", "--out", "r", *flags)
    assert (found.code, said in found.err) == (2, True), found.err


def test_sizes_of_a_page() -> None:
    assert size_of("1280x720") == size_of("1280 × 720") == size_of("1280,720") == (1280, 720)
    for text in ("", "1280", "0x0", "axb", "1280x720x3"):
        with pytest.raises(UsageError, match="no size of a page"):
            size_of(text)
