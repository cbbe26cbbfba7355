from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from agentkit.tools.browser import BrowserSession, Element, SessionConfig, Snapshot, observe
from agentkit.tools.browser.actions import goto
from tests.site import Site


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


@pytest.fixture
def elsewhere() -> Iterator[Site]:
    """A site that is not on the allow-list."""
    with Site() as running:
        yield running


@pytest.fixture
async def visit(browser: Any, site: Site) -> AsyncIterator[Callable[..., Any]]:
    """Return a function that opens a session at a page of the site."""
    async with AsyncExitStack() as stack:

        async def open_at(path: str = "/index.html", **config: Any) -> BrowserSession:
            config = {
                "start": site.url,
                "load_timeout": 10.0,
                "action_timeout": 4.0,
                "settle_timeout": 3.0,
                **config,
            }
            session = await stack.enter_async_context(
                BrowserSession(SessionConfig(**config), browser=browser)
            )
            await goto(session, site.url + path)
            return session

        yield open_at


def named(snapshot: Snapshot, name: str, role: str | None = None) -> Element:
    """Return the only element of this name."""
    found = [e for e in snapshot.elements if e.name == name and role in (None, e.role)]
    assert len(found) == 1, f"{name!r}: {found}\n{snapshot.text()}"
    return found[0]


async def look(session: BrowserSession, name: str) -> str:
    """Observe, and return the id of the only element of this name."""
    return named(await observe(session), name).id
