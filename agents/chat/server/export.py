"""A conversation as a file: Markdown for people, JSON for programs."""

from __future__ import annotations

import time
from collections.abc import Sequence

from agentkit.content.box import box_text
from agentkit.contracts.result import Evidence

from .schema import ConversationInfo, ConversationPage, Turn


def as_json(info: ConversationInfo, turns: Sequence[Turn]) -> str:
    """Return the conversation as JSON; pictures appear by digest."""
    return ConversationPage(**info.model_dump(), shown=list(turns)).model_dump_json(indent=2)


def as_markdown(info: ConversationInfo, turns: Sequence[Turn]) -> str:
    """Return the conversation as Markdown."""
    pieces = [f"# {info.name}", *(_turn(turn) for turn in turns)]
    return "\n\n".join(pieces) + "\n"


def _turn(turn: Turn) -> str:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(turn.time))
    lines = [f"## You, {when}", turn.text]
    lines += [f"- picture `{digest}`" for digest in turn.pictures]
    lines.append("## agentkit")
    if turn.answer:
        lines.append(turn.answer)
    if turn.question is not None:
        lines.append(f"*Asks:* {turn.question.text}")
    if turn.status != "done":
        lines.append(f"*{turn.status}{': ' + turn.error if turn.error else ''}*")
    lines += [f"- {_evidence(item)}" for item in turn.evidence]
    return "\n\n".join(lines)


def _evidence(item: Evidence) -> str:
    if item.kind == "region":
        where = box_text(item.box) if item.box else "whole picture"
        return f"{item.label or 'region'}: {where} of picture `{(item.image or '')[:12]}`"
    return f"{item.source}: {item.text or item.label or ''}"
