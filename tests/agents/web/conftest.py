from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, async_playwright

from agentkit.tools.browser import launch

from .site import Site


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as found:
        yield found


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        found = await launch(playwright)
        yield found
        await found.close()


@pytest.fixture(autouse=True)
def _own_runs(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("AGENTKIT_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("AGENTKIT_MEMORY", str(tmp_path / "memory"))
