"""Web searches against a server that answers as the services do, and as they do on bad days."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from agentkit.content import Image
from agentkit.errors import ToolError, UnsupportedCapability, UsageError
from agentkit.tools.retrieval import FetchPolicy, Query, Source
from agentkit.tools.retrieval.cache import Cached
from agentkit.tools.retrieval.catalog import SOURCES, load_source, web_source
from agentkit.tools.retrieval.web import Brave, Ddgs, SearxNG, SerpApi, Serper, Tavily, WebSearch, Wikipedia

from .conftest import shapes
from .server import Answer, Server, serving

QUICK = FetchPolicy(delay=0.0, seconds=10.0, retries=1)
PAGE, TITLE, SAID, PICTURE = "https://a.org/p", "A page", "What it says.", "https://a.org/p.jpg"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def answer(data: Any) -> Answer:
    return Answer(json.dumps(data).encode(), headers={"content-type": "application/json"})


# Each service: the class, its path for texts and what it answers there, and the same for pictures.
SERVICES: dict[str, tuple[type[WebSearch], str, Any, str, Any]] = {
    "searxng": (
        SearxNG,
        "/search",
        {"results": [{"url": PAGE, "title": TITLE, "content": SAID, "publishedDate": "2024-05-06T00:00:00"}]},
        "/search",
        {"results": [{"url": PAGE, "title": TITLE, "content": "", "img_src": PICTURE}]},
    ),
    "brave": (
        Brave,
        "/web/search",
        {
            "web": {
                "results": [
                    {
                        "url": PAGE,
                        "title": TITLE,
                        "description": "What <strong>it</strong> says.",
                        "page_age": "2024-05-06T01:02:03",
                    }
                ]
            }
        },
        "/images/search",
        {"results": [{"url": PAGE, "title": TITLE, "properties": {"url": PICTURE}}]},
    ),
    "tavily": (
        Tavily,
        "/search",
        {"results": [{"url": PAGE, "title": TITLE, "content": SAID, "published_date": "2024-05-06"}]},
        "/search",
        {"images": [{"url": PICTURE, "description": TITLE}], "results": []},
    ),
    "serper": (
        Serper,
        "/search",
        {"organic": [{"link": PAGE, "title": TITLE, "snippet": SAID, "date": "May 6, 2024"}]},
        "/images",
        {"images": [{"link": PAGE, "title": TITLE, "imageUrl": PICTURE}]},
    ),
    "serpapi": (
        SerpApi,
        "/search.json",
        {"organic_results": [{"link": PAGE, "title": TITLE, "snippet": SAID}]},
        "/search.json",
        {"images_results": [{"link": PAGE, "title": TITLE, "original": PICTURE}]},
    ),
    "wikipedia": (
        Wikipedia,
        "/w/api.php",
        {"query": {"pages": [{"index": 1, "fullurl": PAGE, "title": TITLE, "extract": SAID}]}},
        "/w/api.php",
        {
            "query": {
                "pages": [{"index": 1, "fullurl": PAGE, "title": TITLE, "original": {"source": PICTURE}}]
            }
        },
    ),
}


def made(name: str, server: Server) -> WebSearch:
    service: Any = SERVICES[name][0]
    options = {"base": server.url, "policy": QUICK}
    return service(**options, key="k3y") if service.key_env else service(**options)


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_gives_texts_and_pictures(name: str, server: Server) -> None:
    _, path, texts, image_path, images = SERVICES[name]
    source = made(name, server)
    assert isinstance(source, Source)
    server.routes[path] = answer(texts)
    (found,) = await source.search(Query("clock tower"), 3)
    assert (found.document, found.title, found.text, found.source) == (PAGE, TITLE, SAID, name)
    assert found.trust == "untrusted"
    assert found.picture is None
    if source.key_env:
        asked = server.asked[-1]
        assert "k3y" in str(asked.headers) + asked.path
    server.routes[image_path] = answer(images)
    (picture,) = await source.search(Query("clock tower", want="image"), 3)
    assert picture.picture == PICTURE
    asked = server.asked[-1]
    assert "clock tower" in (parse_qs(urlsplit(asked.path).query) | {"body": [asked.body.decode()]}).__str__()


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (
            Answer(b"<html>Are you human?</html>", headers={"content-type": "text/html"}),
            "no result list|no JSON",
        ),
        (answer(["not", "an", "object"]), "no result list"),
        (answer({"results": 3, "web": 3, "organic": 3, "organic_results": 3, "query": 3}), "no result list"),
        (Answer(b'{"results": [', headers={"content-type": "application/json"}), "no result list"),
        (Answer(status=401), "wants a key"),
        (Answer(status=429, headers={"retry-after": "900"}), "limits the rate"),
        (Answer(status=503, headers={"retry-after": "0"}), "HTTP 503"),
    ],
)
async def test_a_bad_day_is_one_error(name: str, bad: Answer, what: str, server: Server) -> None:
    server.routes[SERVICES[name][1]] = bad
    with pytest.raises(ToolError, match=what) as caught:
        await made(name, server).search(Query("x"))
    assert "k3y" not in str(caught.value)


async def test_nothing_found_is_no_error(server: Server) -> None:
    server.routes["/w/api.php"] = answer({"batchcomplete": True})
    server.routes["/search"] = answer({"results": []})
    assert await made("wikipedia", server).search(Query("x")) == []
    assert await made("searxng", server).search(Query("x")) == []


async def test_a_service_that_limits_the_rate_is_asked_again_when_it_says_so(server: Server) -> None:
    good = answer(SERVICES["tavily"][2])
    server.routes["/search"] = [Answer(status=429, headers={"retry-after": "0"}), good]
    assert len(await made("tavily", server).search(Query("x"))) == 1
    assert len(server.asked) == 2


async def test_pictures_are_looked_up_by_public_url_and_never_sent(server: Server) -> None:
    picture = Image.of_pixels(shapes("circle", "red"))
    server.routes["/lens"] = answer({"organic": [{"link": PAGE, "title": TITLE, "imageUrl": PICTURE}]})
    with pytest.raises(ToolError, match="public URL"):
        await made("serper", server).search(Query(image=picture))
    assert server.asked == []
    (found,) = await made("serper", server).search(Query(image=picture, image_url="https://x.org/y.jpg"))
    assert found.picture == PICTURE
    assert json.loads(server.asked[-1].body) == {"url": "https://x.org/y.jpg"}
    with pytest.raises(UnsupportedCapability, match="brave can't search image->image"):
        await made("brave", server).search(Query(image=picture))


async def test_requests_to_one_host_keep_their_distance(server: Server) -> None:
    import time

    server.routes["/search"] = answer({"results": []})
    source = SearxNG(server.url, policy=FetchPolicy(delay=0.2))
    started = time.monotonic()
    for _ in range(3):
        await source.search(Query("x"))
    assert time.monotonic() - started >= 0.4


async def test_ddgs_without_a_network_is_one_error() -> None:
    source = Ddgs(seconds=1, retries=0, proxy="http://127.0.0.1:9")
    assert isinstance(source, Source)
    with pytest.raises(ToolError, match="ddgs has no answer"):
        await source.search(Query("clock tower"), 2)


async def test_answers_are_kept_and_errors_are_not(server: Server, tmp_path: Path) -> None:
    down = Answer(status=500, headers={"retry-after": "0"})
    server.routes["/search"] = [down, down, answer(SERVICES["tavily"][2]), down]
    cached = Cached(made("tavily", server), tmp_path)
    with pytest.raises(ToolError):
        await cached.search(Query("x"))
    first = await cached.search(Query("x"))
    assert await cached.search(Query("x")) == first
    assert len(server.asked) == 3
    for file in tmp_path.iterdir():  # noqa: ASYNC240 - a test has nothing else to do
        file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(ToolError):
        await cached.search(Query("x"))


def test_sources_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BRAVE_API_KEY", "TAVILY_API_KEY", "SERPER_API_KEY", "SERPAPI_API_KEY", "SEARXNG_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("AGENTKIT_SEARCH", raising=False)
    assert web_source().name == "ddgs"
    with pytest.raises(UsageError, match=r"brave needs a key .set BRAVE_API_KEY"):
        load_source("brave")
    monkeypatch.setenv("TAVILY_API_KEY", "x")
    assert web_source().name == "tavily"
    monkeypatch.setenv("AGENTKIT_SEARCH", "wikipedia:de")
    assert web_source().name == "wikipedia"
    with pytest.raises(UsageError, match="there is no source 'bing'"):
        load_source("bing")
    assert "index" in SOURCES
