"""A session that only reads: whatever its pages do, nothing is sent."""

from __future__ import annotations

from agentkit.tools.browser import BrowserSession, SessionConfig, observe
from agentkit.tools.browser.actions import click, goto
from agentkit.tools.browser.reading import held_back
from tests.agents.web.maze import Maze


async def test_nothing_leaves_a_session_that_only_reads(browser) -> None:
    with Maze() as maze:
        config = SessionConfig(start=maze.url, read_only=True, sandbox=True)
        async with BrowserSession(config, browser=browser) as session:
            for name in ("Go on", "Tell", "Signal"):
                await goto(session, maze.url + "order")
                mark = session.events.total
                await click(session, await named(session, name))
                assert held_back(session.events, mark), name
            assert session.url == maze.url + "order"
            # What a page sends while it is left, for another page and for good.
            await click(session, await named(session, "Away"))
            assert session.url == maze.url + "cellar"
            await goto(session, maze.url + "order")
            await session.fresh_page()
            await goto(session, maze.url + "cellar")
    assert maze.sent == []
    assert maze.asked.count("/order") >= 4


async def named(session: BrowserSession, name: str) -> str:
    snapshot = await observe(session)
    return next(element.id for element in snapshot.elements if element.name == name)
