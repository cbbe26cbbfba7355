"""What a turn of a chat can go to: each ability in words, with examples of turns, and the agent that has it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from agentkit.errors import UsageError
from agentkit.runtime.agent import GraphAgent
from agentkit.toolset import Toolset

Argument = Literal["images", "url", "conversation"]

EXAMPLES = Path(__file__).with_name("examples.toml")
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
# The nodes of the chat's own graph.
TAKEN = frozenset({"recall", "route", "where", "wonder", "gather", "remember"})


@dataclass(frozen=True)
class Ability:
    """Something that a turn can go to.

    ``line`` says what it does ("tell the weather of a place"); ``word`` stands for it where a model scores words;
    ``shots`` are turns that go to it, as people say them: three at least, and more are better. ``agent`` does it;
    it is given the turn's text and what it ``takes``: the pictures of the turn, the address of a page, the
    conversation's name. ``choice`` is how it is offered to the user.
    """

    line: str
    word: str
    shots: tuple[str, ...]
    agent: GraphAgent | None = None
    takes: tuple[Argument, ...] = ()
    choice: str = ""

    @property
    def offer(self) -> str:
        """How the ability is offered to the user."""
        return self.choice or self.line[:1].upper() + self.line[1:]


@cache
def examples() -> Mapping[str, tuple[str, ...]]:
    """Return the examples of turns that come with agentkit, by ability."""
    return {name: tuple(shots) for name, shots in tomllib.loads(EXAMPLES.read_text("utf-8")).items()}


def built_in(tools: Toolset) -> dict[str, Ability]:
    """Return the chat's own abilities, without their agents; ``tool`` is described by the tools there are."""
    shots = examples()
    named = "; ".join(f"{tool.name} ({_first(tool.spec.description)})" for tool in tools)
    return {
        "answer": Ability(
            "answer from what you know and from the conversation so far",
            "talk",
            shots["answer"],
            choice="Just answer",
        ),
        "look": Ability(
            "look at a picture of the conversation and say what is in it",
            "picture",
            shots["look"],
            takes=("images",),
            choice="Look at the picture",
        ),
        "browse": Ability(
            "open a web page in a browser, read it, click and fill in forms on it",
            "website",
            shots["browse"],
            takes=("url", "conversation"),
            choice="Do it on a web page",
        ),
        "research": Ability(
            "search documents and the web, and answer with sources",
            "sources",
            shots["research"],
            takes=("images",),
            choice="Search the sources",
        ),
        "tool": Ability(
            f"call a tool: {named}", "tool", tool_shots(tools), takes=("images",), choice="Use a tool"
        ),
        "ask": Ability(
            "ask what is meant: the message can't be understood, or does not say what it is about",
            "unclear",
            shots["ask"],
        ),
    }


def tool_shots(tools: Toolset) -> tuple[str, ...]:
    """Return examples of turns that go to tools: what each does, also as a question, and its name."""
    found: list[str] = []
    for tool in tools:
        does = _first(tool.spec.description)
        found.append(does)
        if asked := re.fullmatch(r"Returns? (.+?)\.?", does):
            found.append(f"What is {asked[1]}?")
        found.append(tool.name.replace("_", " "))
    return tuple(dict.fromkeys(shot for shot in found if shot))


def with_own(known: Mapping[str, Ability], own: Mapping[str, GraphAgent | Ability]) -> dict[str, Ability]:
    """Return the abilities with those of a user's own: agents for known ones, and whole abilities, new ones too.

    Raises ``UsageError`` for a name or an ability that can't be.
    """
    found = dict(known)
    for name, given in own.items():
        if isinstance(given, Ability):
            _check(name, given, found)
            found[name] = given
        elif name not in known or name in ("answer", "ask"):
            listed = ", ".join(sorted(set(known) - {"answer", "ask"}))
            raise UsageError(
                f"{name!r} is no ability of the chat", mend=f"{listed}; or Ability(...) for a new one"
            )
        else:
            found[name] = Ability(**{**vars(known[name]), "agent": given})
    return found


def _check(name: str, ability: Ability, others: Mapping[str, Ability]) -> None:
    if not NAME.fullmatch(name) or name in TAKEN:
        raise UsageError(f"an ability can't be called {name!r}", mend="a word in small letters")
    words = {other.word: key for key, other in others.items() if key != name}
    if ability.word in words:
        raise UsageError(f"{ability.word!r} is the word of {words[ability.word]!r} already")
    if name not in others and (ability.agent is None or len(ability.shots) < 3):
        raise UsageError(f"the new ability {name!r} needs an agent and three examples at least")


def _first(description: str) -> str:
    """Return the first sentence of a tool's description."""
    return re.split(r"(?<=\.)\s", " ".join(description.split()), maxsplit=1)[0]
