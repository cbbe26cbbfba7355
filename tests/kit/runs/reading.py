"""Reading a report: as text, and in a real browser."""

from __future__ import annotations

from html.parser import HTMLParser

from agentkit.runs.report import write_report

HOSTILE = '</script></style><script>window.hit=1</script><img src=x onerror="window.hit=2">\'"><svg onload=hit> {{7*7}} &amp;'
TAGS = (
    "html head meta title style body header main section p h1 h2 h3 div span details summary pre table thead tbody"
    " tfoot tr th td a ol ul li button label input figure figcaption blockquote b br i code svg use rect title image"
    " defs g dialog script output aside nav dl dt dd caption h4 line circle text"
)


class Reader(HTMLParser):
    """Collects elements, handlers, and the text outside of style and script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: dict[str, int] = {}
        self.handlers: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self._raw = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]
        self._raw = tag in ("style", "script")

    def handle_endtag(self, tag):
        self._raw = False

    def handle_data(self, data):
        if not self._raw:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def report(run) -> Reader:
    return Reader(write_report(run.folder.path).read_text("utf-8"))


def harmless(page: Reader) -> None:
    assert set(page.tags) <= set(TAGS.split())
    assert page.tags["script"] == 1
    assert page.handlers == []
    assert all(
        address.startswith(("#p", "#search-", "data:image/webp;base64,")) for address in page.addresses
    )


async def open_report(page, run) -> None:
    address = write_report(run.folder.path).absolute().as_uri()
    await page.goto(address)
    others = [seen for seen in page.seen if seen != address and not seen.startswith("data:image/")]
    assert others == []
