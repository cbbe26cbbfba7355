"""What a run recorded, for resuming and for replaying.

Every model call and every effect is filed under its scope (the node execution, see ``runtime.scope``), with the
attempt of the run that made it. When a node ran again after a crash, its later attempt counts.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from typing import Any

from ..errors import ReplayError
from .folder import CALLS, JOURNAL, RunFolder


def digest(*values: Any) -> str:
    """Return a short digest of JSON-like values."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


class Recording:
    """Recorded calls and effects, each given out in the order in which it was made.

    Raises ``ReplayError`` when something is asked for that is not (or no longer) there.
    """

    def __init__(self, calls: list[dict[str, Any]], effects: list[dict[str, Any]]) -> None:
        self._calls = _by_scope(calls)
        self._effects = _by_scope(effects)
        self._taken: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._all_calls = calls

    @classmethod
    def load(cls, folder: RunFolder) -> Recording:
        """Return the recording of a run folder."""
        ended = [line for line in folder.lines(JOURNAL) if line["state"] in ("done", "failed", "unknown")]
        return cls(folder.lines(CALLS), ended)

    def call(self, scope: str, key: str, what: str) -> dict[str, Any]:
        """Return the recorded model call of this scope and key."""
        return self._take(self._calls, scope, key, f"model call ({what})")

    def effect(self, scope: str, key: str, what: str) -> dict[str, Any]:
        """Return the recorded effect of this scope and key."""
        return self._take(self._effects, scope, key, what)

    def answer(self, question: str) -> dict[str, Any] | None:
        """Return the recorded answer to a question, None when it was never answered."""
        return self.at(f"answer:{question}", question)

    def at(self, scope: str, key: str) -> dict[str, Any] | None:
        """Return the last effect of this scope and key, None when there is none."""
        found = self._effects.get((scope, key), [])
        return found[-1] if found else None

    def known_call(self, scope: str, key: str) -> dict[str, Any] | None:
        """Return the next recorded model call of this scope and key, None when there is no other."""
        found = self._calls.get((scope, key), [])
        place = self._taken[(scope, key)]
        if place >= len(found):
            return None
        self._taken[(scope, key)] += 1
        return found[place]

    def calls_of(self, reference: str) -> int:
        """Return how many calls a model was really asked (replies from a cache or a recording are not counted)."""
        return sum(line["usage"]["calls"] for line in self._all_calls if line["model"] == reference)

    def _take(
        self, lines: dict[tuple[str, str], list[dict[str, Any]]], scope: str, key: str, what: str
    ) -> dict[str, Any]:
        found = lines.get((scope, key), [])
        place = self._taken[(scope, key)]
        if place >= len(found):
            raise ReplayError(
                f"the recording holds no such {what} at {scope or 'the start'}: the decisions have diverged",
                mend="replay with the agentkit version and the arguments that the run was made with",
            )
        self._taken[(scope, key)] += 1
        return found[place]


def _by_scope(lines: list[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    newest: dict[str, int] = {}
    for line in lines:
        newest[line["scope"]] = max(newest.get(line["scope"], 0), line["attempt"])
    kept: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        if line["attempt"] == newest[line["scope"]]:
            kept[(line["scope"], line["key"])].append(line)
    return dict(kept)
