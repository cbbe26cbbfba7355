"""Waiting for what happens in its own time: as long as a slow machine needs, and no longer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(happened: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until something has happened. Raises ``TimeoutError``."""
    async with asyncio.timeout(seconds):
        while not happened():  # noqa: ASYNC110 - what pages and processes do wakes nobody here
            await asyncio.sleep(0.02)
