"""The state of a web run: plain data, so that a checkpoint holds all of it."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

Route = Literal["observe", "recall", "decide", "ask", "approve", "act", "confirm", "settle", "check", "end"]


class Done(TypedDict):
    """One action that was done (or tried): on which page, in which words, with which result.

    ``page`` is the page's text before it, ``state`` a digest of that page, ``changed`` whether it had an effect,
    ``sent`` whether a script of the page sent something to a server, ``final`` whether it may not be taken back.
    ``loose`` is the digest that pages share which differ in a counter only (see ``loops``).
    """

    url: str
    page: str
    state: str
    words: str
    changed: bool
    result: str
    sent: bool
    final: NotRequired[bool]
    loose: NotRequired[str]


class WebState(TypedDict):
    """What the graph carries.

    ``url`` is where the task starts; an ``episode`` starts and ends by its own rules. ``page`` is the last snapshot as JSON, ``screen`` the digest of its picture, ``seen`` how many there were;
    ``tabs`` are the addresses of the open tabs.
    ``abstract`` is the part of its text that bears on the task, ``lessons`` what was learned from steps of this run.
    ``answers`` are values that the user gave, ``asked`` the fields of all questions, also those without an answer; ``refused`` are words of actions that the user forbade; ``spent`` are
    words of irreversible actions that happened in an earlier attempt. ``restored`` is how much of the history was
    done before the page was last opened anew: such a page does not show what was done on it. ``pending`` is the question to be asked.
    ``dialog`` is what the page asked in a dialog when the last action was done.
    ``corrections`` are what the user said since; they stand in the task, too. ``blocked`` are the hosts off the allow-list that pages asked for.
    """

    task: str
    family: str
    url: str | None
    episode: bool
    page: dict[str, Any]
    screen: str
    tabs: list[str]
    seen: int
    blocked: list[str]
    downloads: list[str]
    abstract: str
    recalled: list[dict[str, Any]] | None
    lessons: list[dict[str, Any]]
    history: list[Done]
    answers: list[dict[str, Any]]
    asked: NotRequired[list[str]]
    decision: dict[str, Any] | None
    approval: str | None
    pending: dict[str, Any] | None
    dialog: NotRequired[dict[str, Any] | None]
    refused: list[str]
    spent: list[str]
    corrections: list[str]
    restored: int
    trouble: str
    route: Route
    answer: str | None
    failure: str | None


def first_state(task: str, family: str = "", url: str | None = None, *, episode: bool = False) -> WebState:
    """Return the state in which a run begins."""
    return WebState(
        task=task,
        family=family,
        url=url,
        episode=episode,
        page={},
        screen="",
        tabs=[],
        seen=0,
        blocked=[],
        downloads=[],
        abstract="",
        recalled=None,
        lessons=[],
        history=[],
        answers=[],
        decision=None,
        approval=None,
        pending=None,
        refused=[],
        spent=[],
        corrections=[],
        restored=0,
        trouble="",
        route="observe",
        answer=None,
        failure=None,
    )
