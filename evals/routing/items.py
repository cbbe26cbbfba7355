"""The turns, and what is possible in them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from agentkit.errors import UsageError

SETS = ("heldout", "tuning")


class RouteItem(BaseModel):
    """A turn and the ability that it should go to.

    ``picture``: ``here`` is attached to the turn; ``earlier`` is somewhere in the conversation, so that looking is
    possible. Sources and tools are there in every item. ``before``: what the user said in the turn before.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    route: Literal["answer", "look", "browse", "research", "tool", "ask"]
    text: str
    picture: Literal["here", "earlier"] = "earlier"
    before: str | None = None


def items_of(name: str) -> list[RouteItem]:
    """Return the items of a set. Raises ``UsageError`` when there is none of this name."""
    if name not in SETS:
        raise UsageError(f"there is no set {name!r} of turns", mend=", ".join(SETS))
    lines = Path(__file__).with_name(f"{name}.jsonl").read_text("utf-8").splitlines()
    return [RouteItem.model_validate_json(line) for line in lines]
