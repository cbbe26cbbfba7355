"""Settings of all tests."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from playwright.async_api import Browser

# No test depends on how fast the machine is.
settings.register_profile("agentkit", deadline=None, max_examples=50)
settings.load_profile("agentkit")

# One torch thread: two processes with two threads each on two cores collapse each other.
os.environ.setdefault("AGENTKIT_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# What a test keeps of prompts does not go into the user's cache. One folder: what one test computed, others use.
os.environ.setdefault(
    "AGENTKIT_PREFIXES", str(Path(tempfile.gettempdir()) / f"agentkit-prefixes-{os.getuid()}")
)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One browser for all tests; each opens its own context in it."""
    from playwright.async_api import async_playwright

    from agentkit.tools.browser import launch

    async with async_playwright() as playwright:
        running = await launch(playwright)
        yield running
        await running.close()
