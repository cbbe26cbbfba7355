"""Published contracts: pydantic models whose JSON Schemas ``agentkit schema NAME`` prints."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from ..errors import UsageError

NAMES = (
    "result",
    "question",
    "usage",
    "evidence",
    "event",
    "run",
    "runfile",
    "script",
    "answers",
    "eval",
    "attend",
    "edits",
)


def schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema of a contract. Raises ``UsageError`` for an unknown name."""
    return adapter(name).json_schema()


def adapter(name: str) -> TypeAdapter[Any]:
    """Return the pydantic adapter of a contract."""
    from .attention import Attended, Edits
    from .evaluation import Evaluation
    from .event import EVENT
    from .result import Evidence, Question, Result, Usage
    from .run import RunInfo
    from .runfile import AnswerRule, RunFile
    from .script import ScriptLine

    types: dict[str, Any] = {
        "result": Result,
        "question": Question,
        "usage": Usage,
        "evidence": Evidence,
        "run": RunInfo,
        "runfile": RunFile,
        "script": ScriptLine,
        "answers": list[AnswerRule],
        "eval": Evaluation,
        "attend": Attended,
        "edits": Edits,
    }
    if name == "event":
        return EVENT
    if name not in types:
        raise UsageError(f"there is no schema {name!r}", mend="one of " + ", ".join(NAMES))
    return TypeAdapter(types[name])
