"""What of the past goes into a prompt: the newest turns whole, the earlier ones as a digest, and those that matter now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentkit.content import Text
from agentkit.errors import ModelError
from agentkit.models import Model

from . import past
from .condensing import condense_with, writes
from .digest import CHARACTERS_A_TOKEN, Digest, Line, clipped, condense, texts_of
from .recollect import MOST, nearest, text_of

# Of the room for the past: the newest turns, the digest, and earlier turns that matter now.
WINDOW, DIGEST, NEAR = 0.55, 0.25, 0.2
# When the newest turns are too many, they are condensed down to this share of their room: not one at every turn.
LEFT = 0.5
# An earlier picture is named in words.
TOKENS_A_PICTURE = 24
NEAR_HEAD = "Also said earlier:"

Turn = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Past:
    """The past of a turn: ``turns`` are the newest ones, ``first`` how many were before them.

    ``digest`` holds all up to its ``upto``; ``near`` are turns of these that matter to the present one, by number.
    """

    turns: Sequence[Turn]
    first: int
    digest: Digest
    near: Mapping[int, Turn]

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Past:
        """Return the past of a chat's state."""
        near = {item["turn"]: item["messages"] for item in state.get("near", ())}
        digest = Digest.load(state.get("digest"), state.get("upto", 0))
        return cls(past.turns_in(state.get("past", ())), state.get("first", 0), digest, near)

    @property
    def window(self) -> Sequence[Turn]:
        """The turns that the digest does not hold."""
        return self.turns[max(self.digest.upto - self.first, 0) :]

    def overflow(self, tokens: int) -> int:
        """Return how many of the window's oldest turns have to be condensed so that the past fits into ``tokens``."""
        sizes = [tokens_of(turn) for turn in self.window]
        room = tokens if not self.digest.upto else int(tokens * WINDOW)
        if sum(sizes) <= room:
            return 0
        left, goal = sum(sizes), int(tokens * WINDOW * LEFT)
        count = 0
        # The last turn stays as it is, however long.
        while count < len(sizes) - 1 and left > goal:
            left -= sizes[count]
            count += 1
        return count

    def notes(self, query: str, tokens: int) -> list[Text]:
        """Return what the prompt is told of the turns before the window, within a share of ``tokens``."""
        if not self.digest.upto:
            return []
        lines = self.digest.within(int(tokens * DIGEST))
        return [*texts_of(lines), *self._near(query, lines, int(tokens * NEAR))]

    def _near(self, query: str, told: Sequence[Line], tokens: int) -> list[Text]:
        """Return the earlier turns that matter to a query, each as one line a side; what is told already is left out."""
        # Those that were condensed just now have not been looked up.
        fresh = {
            self.first + 1 + i: turn for i, turn in enumerate(self.turns[: self.digest.upto - self.first])
        }
        places = nearest(query, [text_of(turn) for turn in fresh.values()])
        found = {**self.near, **{list(fresh)[place]: list(fresh.values())[place] for place in places}}
        known = " ".join(line.text for line in told)
        parts: list[Text] = []
        for number in list(found)[:MOST]:
            asked = clipped("\n".join(past.said(found[number])), 240)
            replied, trust = past.replied(found[number])
            reply = clipped(replied, 240)
            if asked in known and reply in known:
                continue
            tokens -= (len(asked) + len(reply)) // CHARACTERS_A_TOKEN + 8
            if tokens < 0:
                break
            parts.append(Text(f"{NEAR_HEAD} “{asked}”", "observation"))
            if reply:
                parts.append(Text(f"The reply was: “{reply}”", "observation", trust))
        return parts


def tokens_of(turn: Turn) -> int:
    """Return how many tokens a turn takes in a prompt, roughly; its pictures are named in words."""
    parts = [part for message in turn for part in message["parts"]]
    return sum(
        len(part["text"]) // CHARACTERS_A_TOKEN + 4 if "text" in part else TOKENS_A_PICTURE for part in parts
    )


async def extended(model: Model, known: Past, count: int) -> tuple[Digest, str | None]:
    """Return the digest with the window's ``count`` oldest turns, and what went wrong with a model that writes.

    A model that can write is asked for the lines of turns whose text is trusted; all else is done by rules.
    """
    begin = known.digest.upto + 1
    turns = {begin + i: turn for i, turn in enumerate(known.window[:count])}
    ruled = {number: condense(turn, number) for number, turn in turns.items()}
    by, trouble = "rules", None
    own = {number: turn for number, turn in turns.items() if past.replied(turn)[1] == "trusted"}
    if own and writes(model):
        try:
            ruled |= await condense_with(model, own)
            by = model.reference
        except ModelError as error:
            trouble = str(error)
    lines = [line for number in turns for line in ruled[number]]
    return known.digest.extended(begin + count - 1, lines, by), trouble
