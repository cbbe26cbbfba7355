"""The decide node: one next move by likelihood, by writing, or by a rule; asked for, approved or done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from agentkit.contracts.event import Decided, Note
from agentkit.errors import ToolError
from agentkit.models import Model

from ...memory import Exemplar, Tip
from ...tools.browser import ACTIONS, ActionSet
from .approval import fields_of, needs_approval
from .candidates import FINISH, INFEASIBLE, Candidate, candidates_of
from .context import WebContext
from .dialogs import ANSWERED, Asked
from .follow_up import FollowUp, by_element
from .generate import Writing, generate
from .given import given_values
from .giving_up import reason, stuck
from .known import Known
from .lookahead import LookAhead, RankedAhead, WrittenAhead
from .loops import PageKey, circle
from .missing import Gap, concerns
from .offer import REPEATS, Offer, done_before_restore, offered, repeated
from .order import pending, sends
from .page import load_snapshot
from .policy import Policy
from .prompt import View
from .rank import Ranking
from .state import WebState
from .undo import led_away, undo_of
from .values import Value, values_in

Approval = Literal["ask", "auto", "deny"]


@dataclass(frozen=True)
class Deciding:
    """Decides by a policy. ``approval``: what happens before an action that can't be undone."""

    policy: Literal["rank", "generate"] | Policy
    ranking: Ranking
    approval: Approval
    known: Known
    follow_up: FollowUp = field(default_factory=FollowUp)
    writing: Writing = field(default_factory=Writing)
    actions: ActionSet = field(default_factory=lambda: ACTIONS)
    look_ahead: LookAhead | None = None

    async def decide(self, state: WebState, context: WebContext) -> dict[str, Any]:
        """Choose the next move: to act, to ask for what is missing, to have approved, or to end."""
        view = view_of(state, given_values(context.config))
        missing = self.follow_up.open(view)
        if known := await self.known.values(missing, state, context):
            # What the user said in an earlier run settles it, as an answer would.
            answers = [*state["answers"], *(value.to_json() for value in known)]
            return {"answers": answers, **await self.decide({**state, "answers": answers}, context)}
        if update := self._dialog(view, context):
            return update
        if not isinstance(self.policy, str):
            if first := self.follow_up.first(missing):
                return _asking(first)
            choice = self.policy.choose(view, state["family"])
            context.run.emit(Decided(choice=choice.words if choice else "nothing", rule=self.policy.name))
            self._warn_of_circle(choice, state, view, context)
            return self._chosen(choice, missing, state, view, context)
        if stuck(state["history"]):
            return _give_up(state, "the last actions had no effect")
        if self.policy == "generate":
            return await self._written(missing, state, view, context)
        return await self._ranked(missing, state, view, context)

    def _dialog(self, view: View, context: WebContext) -> dict[str, Any] | None:
        """Ask the user what a prompt of the page wants, where dialogs are asked about; an answer is given at once."""
        asked = view.dialog
        if asked is None or not asked.takes_text(view.snapshot):
            return None
        said = next((v for v in view.values if v.source == "user" and v.cue == asked.field), None)
        if said is not None and (choice := asked.answered(said)).words not in view.done:
            return {"route": "act", "decision": choice.to_json(), "approval": ANSWERED, "trouble": ""}
        known = asked.field in view.asked or asked.settled(view.values)
        if known or context.config.dialogs != "ask":
            return None
        return {"route": "ask", "pending": {"question": asked.question(), "field": asked.field}}

    def _may(self, choice: Candidate) -> bool:
        """Say whether an action, and the answer to its dialog, are among those that may be done."""
        if choice.action is None:
            return True
        return choice.action.name in self.actions and (
            choice.action.dialog is None or "answer_dialog" in self.actions
        )

    async def _ranked(
        self, missing: list[Gap], state: WebState, view: View, context: WebContext
    ) -> dict[str, Any]:
        fields = [gap for gap in missing if not gap.readings]
        found = offered(state, view, fields, policy=self._offer(state, context))
        for closed in found.circles:
            context.run.emit(Note(text=f"left out, as it goes round in circles: {closed}"))
        options = [c for c in found.candidates if self._may(c)]
        if view.undo and (not options or led_away(state["history"], view.snapshot, view.instruction)):
            options = [*options, view.undo]
        if not options:
            return _give_up(state, "nothing is left to try here", denied=found.denied)
        if ahead := await self._ahead(options, state, context):
            return self._chosen(ahead, missing, state, view, context)
        choice, decided = await self.ranking.choose(await context.model("decide"), view, options)
        context.run.emit(decided)
        return self._chosen(choice, missing, state, view, context, scores=by_element(options, decided))

    def _chosen(
        self,
        choice: Candidate | None,
        missing: list[Gap],
        state: WebState,
        view: View,
        context: WebContext,
        *,
        scores: Mapping[str, float] | None = None,
    ) -> dict[str, Any]:
        """Ask before a choice that needs what nobody named; else do it."""
        ends = choice is not None and (choice is FINISH or sends(choice, view.snapshot))
        final = _final(choice, view, context)
        found = [gap for gap in missing if concerns(gap, choice, view.snapshot)]
        gap = self.follow_up.before(found, choice, ends=ends, final=final, scores=scores, done=view.done)
        if gap is not None:
            return _asking(gap)
        if choice is None:
            return _give_up(state, "nothing is left to try here")
        return self._to_do(choice, state, view, context)

    async def _written(
        self, missing: list[Gap], state: WebState, view: View, context: WebContext
    ) -> dict[str, Any]:
        writing = self._writing_now(state, context)
        model = await context.model("decide")
        try:
            choice, text = await self._write(model, view, writing, state, context)
            if circling := self._circling(choice, state, view):
                # Told so, it may find another way; the same again ends the run.
                view = replace(view, barred=[choice.words])
                choice, text = await _again(
                    model, view, writing, context, f"it goes round in circles: {circling}"
                )
            if early := _too_early(choice, view):
                # It may know better (the rule reads words): the same again is done.
                view = replace(view, first=early)
                choice, text = await _again(model, view, writing, context, f"it is too early: {choice.words}")
        except ToolError as error:
            return _give_up(state, f"the model named what is not there: {error.message}")
        if choice is INFEASIBLE:
            return _give_up(state, f"the model reports that it can't be done: {text}")
        if choice.kind == "ask":
            if text in view.asked:
                return _give_up(state, f"the model asks again for {text!r}")
            return _asking(Gap(text, "?", why="The model asks for it."))
        if circling := self._circling(choice, state, view):
            return _give_up(state, f"it goes round in circles: {circling}")
        ends = choice is FINISH or sends(choice, view.snapshot)
        final = _final(choice, view, context)
        found = [gap for gap in missing if concerns(gap, choice, view.snapshot)]
        gap = self.follow_up.before_written(found, choice, ends=ends, final=final)
        return _asking(gap) if gap else self._to_do(choice, state, view, context, answer=text)

    async def _write(
        self, model: Model, view: View, writing: Writing, state: WebState, context: WebContext
    ) -> tuple[Candidate, str]:
        """Return what the model writes, looked at ahead if that is wanted, and tell of it."""
        if self.look_ahead is None:
            choice, text = await _asked_twice(model, view, writing, context)
            context.run.emit(Decided(choice=choice.words))
            return choice, text
        given = given_values(context.config)
        ahead = WrittenAhead(self.look_ahead, lambda there: self._writing_now(there, context))
        best = await ahead.choose(state, lambda there: view_of(there, given), context)
        return best.choice, best.text

    def _writing_now(self, state: WebState, context: WebContext) -> Writing:
        screen = context.run.get_image(state["screen"]) if self.writing.show != "text" else None
        finish, tabs = not state["episode"], tuple(state.get("tabs", ()))
        return replace(self.writing, tabs=tabs, finish=finish, screen=screen)

    async def _ahead(
        self, options: Sequence[Candidate], state: WebState, context: WebContext
    ) -> Candidate | None:
        """Return the option that leads to the best page; None when there is no looking ahead."""
        if self.look_ahead is None:
            return None
        ahead = RankedAhead(self.look_ahead, self.ranking, self._offer(state, context), self.actions)
        given = given_values(context.config)
        return await ahead.choose(options, state, lambda there: view_of(there, given), context)

    def _circling(self, choice: Candidate, state: WebState, view: View) -> str:
        """Return the circle that an action closes, in words; empty when it closes none."""
        if choice.action is None:
            return ""
        if choice.words in state["refused"]:
            return f"{choice.words}, which the user refused"
        key = PageKey.of(view.snapshot, state["task"])
        closed = circle(state["history"], choice.words, key)
        return str(closed) if closed else choice.words if repeated(choice, state, key) > REPEATS else ""

    def _warn_of_circle(
        self, choice: Candidate | None, state: WebState, view: View, context: WebContext
    ) -> None:
        """Say that a policy of the user's own goes round in circles; whether it may is the user's affair."""
        if choice is not None and (circling := self._circling(choice, state, view)):
            name = self.policy if isinstance(self.policy, str) else self.policy.name
            context.run.emit(Note(level="warning", text=f"{name} goes round in circles: {circling}"))

    def _to_do(
        self, choice: Candidate, state: WebState, view: View, context: WebContext, answer: str = ""
    ) -> dict[str, Any]:
        if choice.action is None:
            return {"route": "end", "answer": answer or _summary(view)}
        if choice.words in state["refused"]:
            return _give_up(state, f"the user refused to {choice.words}")
        why = needs_approval(view, choice, sandbox=context.config.sandbox)
        earlier = done_before_restore(choice, state)
        if why is None and earlier and earlier.get("sent") and not context.config.sandbox:
            why = "it sends something to the server"
        update: dict[str, Any] = {"decision": choice.to_json(), "approval": why, "trouble": ""}
        again = why is not None and earlier is not None
        if again:
            update["approval"] = f"{why}, and it was done before the page was opened again"
        if why is not None and sends(choice, view.snapshot) and (held := fields_of(view)):
            update["approval"] += f". The page's fields hold: {held}"
        if why is None or (self.approval == "auto" and not again):
            return {**update, "route": "act"}
        if self.approval == "deny":
            # Only a written action gets here: ranked candidates that are denied are not offered.
            return _give_up(state, f"{choice.words} is denied by the approval policy: {why}")
        return {**update, "route": "approve"}

    def _offer(self, state: WebState, context: WebContext) -> Offer:
        deny = self.approval == "deny"
        return Offer(finish=not state["episode"], deny=deny, sandbox=context.config.sandbox)


def view_of(state: WebState, given: Sequence[Value] = ()) -> View:
    """Return all that a decision in this state rests on; ``given`` are values beside those of the task."""
    answers = [Value(**item) for item in state["answers"]]
    recalled = [
        {key: value for key, value in item.items() if key != "similarity"}
        for item in state.get("recalled") or ()
    ]
    tips = [Tip.from_json(item) for item in recalled if item.get("kind") == Tip.KIND]
    exemplars = [Exemplar.from_json(item) for item in recalled if item.get("kind") != Tip.KIND]
    snapshot = load_snapshot(state["page"])
    values = [*values_in(state["task"]), *answers, *given]
    lessons = [Tip.from_json(item["tip"]) for item in state.get("lessons", ())]
    return View(
        state["task"],
        snapshot,
        values,
        state["history"],
        exemplars,
        [*tips, *lessons],
        undo=undo_of(state),
        asked=state.get("asked", ()),
        abstract=state.get("abstract", ""),
        dialog=Asked.from_json(state.get("dialog")),
    )


def _final(choice: Candidate | None, view: View, context: WebContext) -> bool:
    """Say whether an action can't be undone, so that a smaller doubt is enough to ask."""
    if choice is None or choice.action is None:
        return False
    return needs_approval(view, choice, sandbox=context.config.sandbox) is not None


def _too_early(choice: Candidate, view: View) -> list[Candidate]:
    """Return what the task names and is neither on the page nor was tried, where a choice would send a form without."""
    if not sends(choice, view.snapshot):
        return []
    found = candidates_of(view.snapshot, view.instruction, view.values)
    left = pending(found, view.snapshot, view.instruction)
    return [candidate for candidate in left if candidate.words not in view.done]


async def _again(
    model: Model, view: View, writing: Writing, context: WebContext, why: str
) -> tuple[Candidate, str]:
    """Have an action written once more, with what the view now tells besides."""
    context.run.emit(Note(text=f"asked again, as {why}"))
    choice, text = await generate(model, view, writing)
    context.run.emit(Decided(choice=choice.words))
    return choice, text


async def _asked_twice(
    model: Model, view: View, writing: Writing, context: WebContext
) -> tuple[Candidate, str]:
    """Have an action written; a model that names what is not on the page is told so, once."""
    try:
        return await generate(model, view, writing)
    except ToolError as error:
        context.run.emit(Note(level="warning", text=f"asked again, as {error.message}"))
        return await generate(model, replace(view, barred=[error.message]), writing)


def _asking(gap: Gap) -> dict[str, Any]:
    return {"route": "ask", "pending": {"question": gap.question(), "field": gap.field}}


def _give_up(state: WebState, why: str, *, denied: Sequence[str] = ()) -> dict[str, Any]:
    return {"route": "end", "failure": reason(state, why, denied=denied)}


def _summary(view: View) -> str:
    lines = [line.words for line in view.snapshot.lines if line.words]
    return (view.snapshot.title or (lines[0] if lines else "") or view.snapshot.url)[:300]
