"""Pages that behave badly in one way each, made when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping

HEAD = '<!doctype html><meta charset="utf-8"><title>{0}</title><h1>{0}</h1>'


def page(path: str, query: Mapping[str, str]) -> str | None:
    """Return a page that behaves badly, None for another path."""
    if path == "/huge":
        return _huge()
    return _PAGES.get(path)


def _huge() -> str:
    """Ten million characters of text, with a button at its end."""
    words = "<p>" + "All work and no play makes a long page. " * 25 + "</p>\n"
    return HEAD.format("Huge") + words * (10_000_000 // len(words)) + "<button>At the end</button>"


_PAGES = {
    "/reloading": HEAD.format("Reloading") + "<button onclick=\"this.textContent = 'Pressed'\">Press</button>"
    "<script>setTimeout(() => location.reload(), 300)</script>",
    "/loop": HEAD.format("Loop")
    + '<button onclick="for (;;) alert(1)">Start</button><a href="/about">About</a>',
    "/popups": HEAD.format("Popups")
    + "<button onclick=\"for (let i = 0; i < 50; i++) window.open('/about?' + i)\">Open</button>",
    # A test takes the button, or the frame, away between looking and acting.
    "/fleeting": HEAD.format("Fleeting") + '<button id="b">Catch me</button><a href="/about">About</a>',
    "/detached": HEAD.format("Detached")
    + '<iframe id="f" src="/inner.html" width="300" height="100"></iframe><a href="/about">About</a>',
}
