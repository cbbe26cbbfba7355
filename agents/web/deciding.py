"""The decide node: one next move by likelihood, by writing, or by a rule; asked for, approved or done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from agentkit.contracts.event import Decided
from agentkit.errors import ToolError

from ...memory import Exemplar, Tip
from ...tools.browser import irreversible
from .candidates import FINISH, INFEASIBLE, Candidate
from .context import WebContext
from .generate import generate
from .missing import Gap, gaps
from .offer import REPEATS, Offer, done_before_restore, offered, repeated
from .order import sends
from .page import load_snapshot
from .policy import Policy
from .prompt import View
from .rank import Ranking
from .state import WebState
from .values import Value, values_in

Approval = Literal["ask", "auto", "deny"]


@dataclass(frozen=True)
class Deciding:
    """Decides by a policy. ``approval``: what happens before an action that can't be undone."""

    policy: Literal["rank", "generate"] | Policy
    ranking: Ranking
    approval: Approval

    async def decide(self, state: WebState, context: WebContext) -> dict[str, Any]:
        """Choose the next move: to act, to ask for what is missing, to have approved, or to end."""
        view = view_of(state)
        missing = gaps(state["task"], view.snapshot, view.values)
        if self.policy == "generate":
            return await self._written(state, view, context)
        if not isinstance(self.policy, str):
            choice = self.policy.choose(view, state["family"])
            context.run.emit(Decided(choice=choice.words if choice else "nothing", rule=self.policy.name))
            return self._chosen(choice, missing, state, view, context)
        options = offered(state, view, missing, policy=self._offer(state, context))
        if not options:
            return {"route": "end", "failure": _nothing_left(state)}
        choice, decided = await self.ranking.choose(await context.model("decide"), view, options)
        context.run.emit(decided)
        return self._chosen(choice, missing, state, view, context)

    def _chosen(
        self, choice: Candidate | None, missing: list[Gap], state: WebState, view: View, context: WebContext
    ) -> dict[str, Any]:
        """Ask before a choice that needs what nobody named; else do it."""
        gap = next((gap for gap in missing if choice and gap.element == choice.ask), None)
        if gap is None and missing and (choice in (None, FINISH) or sends(choice, view.snapshot)):
            gap = missing[0]
        if gap is not None:
            return _asking(gap)
        if choice is None:
            return {"route": "end", "failure": _nothing_left(state)}
        return self._to_do(choice, state, view, context)

    async def _written(self, state: WebState, view: View, context: WebContext) -> dict[str, Any]:
        finish = not state["episode"]
        try:
            choice, text = await generate(await context.model("decide"), view, finish=finish)
        except ToolError as error:
            return {"route": "end", "failure": f"the model named what is not there: {error.message}"}
        context.run.emit(Decided(choice=choice.words))
        if choice is INFEASIBLE:
            return {"route": "end", "failure": f"the model reports that it can't be done: {text}"}
        if choice.kind == "ask":
            if any(value.cue == text for value in view.values if value.source == "user"):
                return {"route": "end", "failure": f"the model asks again for {text!r}"}
            return _asking(Gap(text, "?", why="The model asks for it."))
        if repeated(choice, state, view) > REPEATS:
            return {"route": "end", "failure": f"it goes round in circles: {choice.words}"}
        return self._to_do(choice, state, view, context, answer=text)

    def _to_do(
        self, choice: Candidate, state: WebState, view: View, context: WebContext, answer: str = ""
    ) -> dict[str, Any]:
        if choice.action is None:
            return {"route": "end", "answer": answer or _summary(view)}
        why = irreversible(view.snapshot, choice.action, sandbox=context.config.sandbox)
        if why is None and choice.value and choice.value.source == "page" and choice.kind == "fill":
            why = None if context.config.sandbox else "its value comes from the page, not from you"
        earlier = done_before_restore(choice, state)
        if why is None and earlier and earlier.get("sent") and not context.config.sandbox:
            why = "it sends something to the server"
        update: dict[str, Any] = {"decision": choice.to_json(), "approval": why, "trouble": ""}
        again = why is not None and earlier is not None
        if again:
            update["approval"] = f"{why}, and it was done before the page was opened again"
        if why is None or (self.approval == "auto" and not again):
            return {**update, "route": "act"}
        if self.approval == "deny":
            # Only a written action gets here: ranked candidates that are denied are not offered.
            return {"route": "end", "failure": f"{choice.words} is denied by the approval policy: {why}"}
        return {**update, "route": "approve"}

    def _offer(self, state: WebState, context: WebContext) -> Offer:
        deny = self.approval == "deny"
        return Offer(finish=not state["episode"], deny=deny, sandbox=context.config.sandbox)


def view_of(state: WebState) -> View:
    """Return all that a decision in this state rests on."""
    answers = [Value(**item) for item in state["answers"]]
    recalled = [
        {key: value for key, value in item.items() if key != "similarity"}
        for item in state.get("recalled") or ()
    ]
    tips = [Tip.from_json(item) for item in recalled if item.get("kind") == Tip.KIND]
    exemplars = [Exemplar.from_json(item) for item in recalled if item.get("kind") != Tip.KIND]
    snapshot = load_snapshot(state["page"])
    return View(
        state["task"], snapshot, [*values_in(state["task"]), *answers], state["history"], exemplars, tips
    )


def _asking(gap: Gap) -> dict[str, Any]:
    return {"route": "ask", "pending": {"question": gap.question(), "field": gap.field}}


def _nothing_left(state: WebState) -> str:
    tried = ", ".join(dict.fromkeys(step["words"] for step in state["history"]))
    return f"nothing is left to try on this page{f' after: {tried}' if tried else ''}"


def _summary(view: View) -> str:
    lines = [line.words for line in view.snapshot.lines if line.words]
    return (view.snapshot.title or (lines[0] if lines else "") or view.snapshot.url)[:300]
