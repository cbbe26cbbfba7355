"""Fetching and reading: what is refused, what is limited, what a bad server does."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import Iterator

import pytest

from agentkit.errors import ToolError
from agentkit.tools.browser.launch import find_browser
from agentkit.tools.retrieval import FetchPolicy, LocalIndex, Query
from agentkit.tools.retrieval.fetch import Fetcher, is_public
from agentkit.tools.retrieval.index.passages import Way
from agentkit.tools.retrieval.reader import Reader

from .conftest import pdf, shapes
from .server import Answer, Server, serving

ARTICLE = "The clock tower of Graz stands on the Schlossberg, and its hands are reversed. " * 6


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def policy(server: Server, **changes) -> FetchPolicy:
    return FetchPolicy(**{"allow": frozenset({server.place}), "delay": 0.0, "seconds": 10.0, **changes})


async def fetch(address: str, rules: FetchPolicy):
    async with Fetcher(rules) as fetcher:
        return await fetcher.get(address)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433", "0x7f.1"])
async def test_addresses_of_this_machine_are_refused_however_they_are_written(
    server: Server, host: str
) -> None:
    server.routes["/"] = Answer(b"secret")
    port = server.place.partition(":")[2]
    with pytest.raises(ToolError, match=r"no public address|no connection|no address"):
        await fetch(f"http://{host}:{port}/", FetchPolicy(delay=0.0, retries=0))
    assert server.asked == []


async def test_a_redirect_to_a_private_address_is_refused(server: Server) -> None:
    with serving() as inner:
        inner.routes["/"] = Answer(b"secret")
        server.routes["/go"] = Answer(status=302, headers={"location": inner.url + "/"})
        with pytest.raises(ToolError, match=r"no public address"):
            await fetch(server.url + "/go", policy(server))
        assert inner.asked == []
        both = policy(server, allow=frozenset({server.place, inner.place}))
        assert (await fetch(server.url + "/go", both)).data == b"secret"


async def test_a_name_whose_address_changes_is_connected_to_where_it_was_checked(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the first look-up says public, later ones say loopback. There is no later one."""
    port = int(server.place.partition(":")[2])
    looked, connected = [], []
    loop = asyncio.get_running_loop()

    async def resolve(host, asked_port, **_):
        looked.append(host)
        address = "93.184.215.14" if len(looked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, asked_port))]

    async def connect(factory, host=None, port=None, **_):
        connected.append(host)
        raise OSError("not here")

    monkeypatch.setattr(loop, "getaddrinfo", resolve)
    monkeypatch.setattr(loop, "create_connection", connect)
    with pytest.raises(ToolError, match="no connection"):
        await fetch(f"http://rebind.example:{port}/", FetchPolicy(delay=0.0, retries=0))
    assert set(connected) == {"93.184.215.14"}
    assert server.asked == []


async def test_a_name_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(host, port, **_):
        found = ("93.184.215.14", "10.0.0.1")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    with pytest.raises(ToolError, match=r"10\.0\.0\.1, which is no public address"):
        await fetch("http://both.example/", FetchPolicy())


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://example.org/", "http://", "http://[", "javascript:1"]
)
async def test_only_the_web_is_fetched(url: str) -> None:
    with pytest.raises(ToolError, match=r"no http or https URL|is no URL"):
        await fetch(url, FetchPolicy())


async def test_sizes_types_and_redirects_have_limits(server: Server) -> None:
    rules = policy(server, max_bytes=10_000, redirects=2)
    server.routes["/large"] = Answer(b"x" * 20_000)
    bomb = gzip.compress(bytes(1_000_000))
    server.routes["/bomb"] = Answer(bomb, headers={"content-encoding": "gzip"})
    server.routes["/film"] = Answer(b"x", headers={"content-type": "video/mp4"})
    server.routes["/loop"] = Answer(status=302, headers={"location": "/loop"})
    for path, what in {
        "large": "larger than 0.01 MB",
        "bomb": "larger than 0.01 MB",
        "film": "video/mp4, which is not read",
        "loop": "more than 2 times",
        "none": "no such page",
    }.items():
        with pytest.raises(ToolError, match=what):
            await fetch(f"{server.url}/{path}", rules)


async def test_a_server_that_stumbles_is_asked_again_and_one_that_is_down_is_one_error(
    server: Server,
) -> None:
    server.routes["/stumbles"] = [Answer(status=503, headers={"retry-after": "0"}), Answer(b"well")]
    assert (await fetch(server.url + "/stumbles", policy(server))).data == b"well"
    server.routes["/down"] = Answer(status=500, headers={"retry-after": "0"})
    with pytest.raises(ToolError, match=r"fails .HTTP 500"):
        await fetch(server.url + "/down?key=hidden", policy(server, retries=1))
    assert [asked.path for asked in server.asked].count("/down?key=hidden") == 2
    server.routes["/busy"] = Answer(status=429, headers={"retry-after": "3600"})
    with pytest.raises(ToolError, match=r"limits the rate of requests .HTTP 429; try again in 3600 s"):
        await fetch(server.url + "/busy", policy(server))
    server.routes["/cut"] = Answer(b"half of it", cut=True)
    with pytest.raises(ToolError, match="no connection to"):
        await fetch(server.url + "/cut", policy(server, retries=0))


async def test_a_slow_server_is_given_up(server: Server) -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    place = f"127.0.0.1:{listener.getsockname()[1]}"
    with listener, pytest.raises(ToolError, match=r"longer than 0\.3 s"):
        await fetch(f"http://{place}/", FetchPolicy(allow=frozenset({place}), seconds=0.3, retries=0))


async def test_the_reader_reads_pages_pdfs_and_pictures(server: Server) -> None:
    page = f"<html><head><title>Clock</title></head><body><article><p>{ARTICLE}</p></article></body></html>"
    server.routes["/page"] = Answer(page.encode(), headers={"last-modified": "Tue, 04 Jul 2023 10:00:00 GMT"})
    server.routes["/paper"] = Answer(pdf("Rivers of Styria."), headers={"content-type": "application/pdf"})
    reader = Reader(policy(server), browser=False)
    read = await reader.read(server.url + "/page")
    assert "hands are reversed" in read.text
    assert read.date == "2023-07-04"
    assert "Rivers of Styria." in (await reader.read(server.url + "/paper")).text
    with pytest.raises(ToolError, match="is no URL"):
        await reader.read("/etc/passwd")


@pytest.mark.skipif(find_browser() is None, reason="no browser is installed")
async def test_a_page_that_scripts_fill_is_read_with_a_browser_that_reaches_nothing_else(
    server: Server,
) -> None:
    with serving() as inner:
        inner.routes["/secret"] = Answer(b"the secret word")
        script = f"""
        fetch("/words").then(r => r.text()).then(t => document.getElementById("a").textContent = t);
        fetch("{inner.url}/secret").then(r => r.text()).then(t => document.body.append(t));
        """
        body = (
            f"<html><head><title>App</title></head><body><p id=a></p><script>{script}</script></body></html>"
        )
        server.routes["/app"] = Answer(body.encode())
        server.routes["/words"] = Answer(ARTICLE.encode(), headers={"content-type": "text/plain"})
        read = await Reader(policy(server)).read(server.url + "/app")
        assert "hands are reversed" in read.text
        assert "secret" not in read.text
        assert inner.asked == []


async def test_pages_are_indexed_with_their_pictures(index: LocalIndex, server: Server) -> None:
    import io

    encoded = io.BytesIO()
    shapes("circle", "red").save(encoded, "PNG")
    server.routes["/a"] = Answer(
        f'<html><body><article><p>{ARTICLE}</p><img src="ball.png" alt="A red ball">'
        f'<img src="gone.png" alt="gone"></article></body></html>'.encode()
    )
    server.routes["/ball.png"] = Answer(encoded.getvalue(), headers={"content-type": "image/png"})
    url = server.url + "/a"
    report = await index.add([url], way=Way(ocr=False), policy=policy(server))
    assert report.added == 1
    assert ["no such page" in what for _, what in report.problems] == [True]
    (ball,) = await index.search(Query("ball", want="image"), 3)
    assert (ball.document, ball.text) == (url, "A red ball")
    assert ball.picture is not None
    assert ball.picture.startswith(str(index.folder))
    again = await index.add([url], way=Way(ocr=False), policy=policy(server))
    assert (again.unchanged, again.embedded) == (1, 0)
    refused = await index.add([url], way=Way(ocr=False))
    assert "no public address" in refused.problems[0][1]
