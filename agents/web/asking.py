"""The nodes that ask the user, each of which does nothing else."""

from __future__ import annotations

import re
from typing import Any

from agentkit.runtime.ask import ask_user

from .approval import NO, answered_yes, approval_question
from .candidates import decided
from .context import WebContext
from .offer import done_step
from .state import WebState
from .values import Value

# By this the user says that there is nothing to say.
DONT_KNOW = re.compile(
    r"\W*(?:i )?(?:do not know|don['’]?t know|dunno|no idea|not sure)\W*|\s*", re.IGNORECASE
)
HAPPENED, NOT_HAPPENED = "it happened", "it did not happen"


async def ask(state: WebState, context: WebContext) -> dict[str, Any]:
    """Ask for what is missing; the answer is a value of its field. Who does not know is not asked again."""
    pending = state["pending"]
    assert pending is not None, "the ask node is only reached with a question"
    text = ask_user(**pending["question"])
    asked = [*state.get("asked", ()), pending["field"]]
    if DONT_KNOW.fullmatch(text):
        return {"asked": asked, "pending": None}
    answer = Value(text, "user", pending["question"]["missing"], pending["field"])
    return {"answers": [*state["answers"], answer.to_json()], "asked": asked, "pending": None}


async def approve(state: WebState, context: WebContext) -> dict[str, Any]:
    """Have an action approved; a refused one is not offered again."""
    answer = ask_user(**approval_question(state))
    if answered_yes(answer):
        return {"route": "act"}
    choice = decided(state["decision"])
    # A dialog stays dismissed; what opened it was done.
    after = "check" if choice.action is not None and choice.action.dialog else "decide"
    # In the history, a model that writes sees it.
    step = done_step(state, choice, False, "the user refused it")
    return {
        "route": after,
        "refused": [*state["refused"], choice.words],
        "history": [*state["history"], step],
    }


async def confirm(state: WebState, context: WebContext) -> dict[str, Any]:
    """Ask whether an action happened whose end is not known."""
    answer = ask_user(
        f"It is not known whether this happened: {decided(state['decision']).words}. Did it?",
        missing="whether it happened",
        choices=[HAPPENED, NOT_HAPPENED],
        why=f"{state['trouble']}; it is not repeated unless you say that it did not happen.",
    )
    said = answer.strip().lower()
    return {"route": "act" if said in (NOT_HAPPENED, NO, "n") else "settle"}
