"""Trying again: which failures pass, how long to wait, and when to stop."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from time import time
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Transient:
    """A failure that may pass. ``wait``: seconds that the server asked for (Retry-After), None when it did not."""

    wait: float | None = None


@dataclass(frozen=True)
class RetryPolicy:
    """At most ``retries`` further attempts, after base * 2**n seconds (at most ``cap``) with jitter.

    The jitter takes a random share of up to half of each wait away, so that clients that failed together do not
    come back together. A wait that the server asked for is kept in full; one above ``longest`` ends the attempts.
    ``sleep`` and ``chance`` (uniform in [0, 1)) are arguments for the sake of tests.
    """

    retries: int = 4
    base: float = 0.5
    cap: float = 30.0
    longest: float = 120.0
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep, repr=False)
    chance: Callable[[], float] = field(default=random.random, repr=False)

    def delay(self, attempt: int, transient: Transient) -> float | None:
        """Return the seconds to wait after failed attempt number ``attempt`` (from 0), None to stop."""
        if attempt >= self.retries:
            return None
        if transient.wait is not None and transient.wait > self.longest:
            return None
        backoff = min(self.cap, self.base * 2**attempt) * (1 - self.chance() / 2)
        return max(backoff, transient.wait or 0.0)


async def retrying(
    call: Callable[[], Awaitable[T]],
    classify: Callable[[BaseException], Transient | None],
    policy: RetryPolicy,
    failed: type[Exception],
) -> T:
    """Return what ``call`` returns, trying again on every ``failed`` that ``classify`` finds transient.

    The last failure is raised as it came.
    """
    attempt = 0
    while True:
        try:
            return await call()
        except failed as error:
            transient = classify(error)
            delay = None if transient is None else policy.delay(attempt, transient)
            if delay is None:
                raise
        await policy.sleep(delay)
        attempt += 1


def read_retry_after(value: str | None, now: Callable[[], float] = time) -> float | None:
    """Return the seconds that a Retry-After header asks for (a number or an HTTP date), None for nonsense."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now()
        except (ValueError, OverflowError):
            return None
    # NaN and infinity are floats too; a server that says so has said nothing.
    return max(seconds, 0.0) if abs(seconds) < float("inf") else None
