"""Budgets: what a run may take. A spent budget ends the run with a partial result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from ..config import Settings
from ..contracts.result import Usage
from ..contracts.runfile import BudgetLimits


class BudgetError(Exception):
    """Control flow only: a limit is reached. The runner turns it into a result with status ``budget``."""

    def __init__(self, limit: str, allowed: float, used: float) -> None:
        super().__init__(f"the budget of {allowed:g} {limit} is spent ({used:g} used)")
        self.limit, self.allowed, self.used = limit, allowed, used


class Budget:
    """Counts what a run used against its limits; ``used`` and ``scopes`` carry over when a run is resumed."""

    def __init__(
        self,
        limits: BudgetLimits | None = None,
        *,
        used: Usage | None = None,
        scopes: Iterable[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits or BudgetLimits()
        self.used = used or Usage()
        self._scopes = set(scopes)
        self._clock = clock
        self._before = self.used.seconds
        self._start = clock()

    @property
    def seconds(self) -> float:
        """Wall time used, with what earlier attempts of the run used."""
        return self._before + self._clock() - self._start

    @property
    def steps(self) -> int:
        """How many steps the agent took; a node that ran again after a crash or an answer counts once."""
        return len(self._scopes)

    def step(self, scope: str) -> None:
        """Count the step at a scope of the graph. Raises ``BudgetError`` when none is left."""
        self.check()
        if scope in self._scopes:
            return
        if self.limits.steps is not None and self.steps >= self.limits.steps:
            raise BudgetError("steps", self.limits.steps, self.steps)
        self._scopes.add(scope)

    def spend(self, usage: Usage) -> None:
        """Count what a call took (its seconds are not added: the run's wall time is measured)."""
        self.used = self.used + usage

    def check(self, *, another_call: bool = False) -> None:
        """Raise ``BudgetError`` when a limit is reached (for ``another_call``: would be exceeded)."""
        calls = self.used.calls + (1 if another_call else 0)
        tokens = self.used.input_tokens + self.used.output_tokens
        over = (
            ("calls", self.limits.calls, calls, calls > (self.limits.calls or 0)),
            ("tokens", self.limits.tokens, tokens, another_call and tokens >= (self.limits.tokens or 0)),
            (
                "dollars",
                self.limits.cost,
                self.used.cost or 0.0,
                another_call and (self.used.cost or 0.0) >= (self.limits.cost or 0.0),
            ),
            ("seconds", self.limits.seconds, self.seconds, self.seconds >= (self.limits.seconds or 0)),
        )
        for name, allowed, used, reached in over:
            if allowed is not None and reached:
                raise BudgetError(name, allowed, used if name != "calls" else self.used.calls)

    def usage(self) -> Usage:
        """Return what was used so far, with the wall time."""
        return self.used.model_copy(update={"seconds": self.seconds})


def limits_of(settings: Settings) -> BudgetLimits:
    """Return the budget that the settings ask for."""
    return BudgetLimits(
        steps=settings.max_steps,
        calls=settings.max_calls,
        tokens=settings.max_tokens,
        cost=settings.max_cost,
        seconds=settings.timeout,
    )
