"""The retry policy: waits, jitter and Retry-After."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.models.retry import RetryPolicy, Transient, read_retry_after, retrying


@given(st.integers(0, 40), st.floats(0, 1, exclude_max=True), st.none() | st.floats(0, 120))
def test_waits_grow_are_capped_and_never_undercut_the_server(
    attempt: int, chance: float, wait: float | None
) -> None:
    policy = RetryPolicy(retries=50, chance=lambda: chance)
    delay = policy.delay(attempt, Transient(wait))
    assert delay is not None
    backoff = min(30.0, 0.5 * 2**attempt)
    assert max(backoff / 2, wait or 0) <= delay <= max(backoff, wait or 0)


def test_stops_after_its_retries_and_for_too_long_a_wait() -> None:
    assert RetryPolicy(retries=2).delay(2, Transient()) is None
    assert RetryPolicy(retries=2).delay(0, Transient(1000)) is None


async def test_only_transient_failures_are_tried_again() -> None:
    calls = 0

    async def no_sleep(seconds: float) -> None:
        return None

    async def call() -> str:
        nonlocal calls
        calls += 1
        raise KeyError(calls)

    policy = RetryPolicy(retries=5, sleep=no_sleep)
    with pytest.raises(KeyError):
        await retrying(call, lambda error: Transient() if error.args[0] < 3 else None, policy, KeyError)
    assert calls == 3
    with pytest.raises(KeyError):
        await retrying(call, lambda error: Transient(), policy, OSError)
    assert calls == 4


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3),
        ("0.5", 0.5),
        ("-4", 0),
        (None, None),
        ("soon", None),
        ("inf", None),
        ("nan", None),
        ("", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert read_retry_after(value) == seconds


def test_retry_after_as_a_date() -> None:
    then = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)
    assert read_retry_after(format_datetime(then, usegmt=True), lambda: then.timestamp() - 30) == 30
    assert read_retry_after(format_datetime(then, usegmt=True), lambda: then.timestamp() + 30) == 0
