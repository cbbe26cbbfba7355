"""The web agent: observe, recall, decide, then ask or act, and check; in a real browser."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from langgraph.graph import END, START, StateGraph

from agentkit.contracts.event import Decided, Observed, Recalled
from agentkit.contracts.result import Evidence
from agentkit.errors import ToolError, UsageError
from agentkit.runtime.agent import GraphAgent, Outcome
from agentkit.runtime.ask import ask_user
from agentkit.runtime.budget import Budget
from agentkit.runtime.journal import Effect, UnknownAction
from agentkit.runtime.run import Run

from ...memory import Exemplar, ExemplarMemory, Tip, remember_run
from ...tools.browser import Action, SessionConfig, irreversible, replayable
from .candidates import FINISH, INFEASIBLE, Candidate
from .context import WebContext
from .generate import generate
from .library import Library
from .missing import Gap, gaps
from .offer import REPEATS, Offer, done_before_restore, done_step, offered, repeated
from .order import sends
from .page import load_snapshot, page_text
from .policy import Policy
from .prompt import View, with_answers
from .rank import Ranking
from .state import WebState, first_state
from .values import Value, values_in

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from .episode import Episode

MAX_STEPS = 30
HAPPENED, NOT_HAPPENED = "it happened", "it did not happen"
YES, NO = "yes", "no"


class WebAgent(GraphAgent):
    """Does a task in a real browser, from a start URL.

    ``policy``: ``rank`` chooses among enumerated actions by likelihood (models that score, such as ``smollm2``),
    ``generate`` lets the model write the action under a JSON schema (larger models), and a ``Policy`` of your own decides
    without a model. ``memory``: where exemplars
    come from; None is the default folder, with the exemplars of the package while that is empty; ``"off"`` shows
    none. ``approve``: what happens before an action that can't be undone. ``browser``: an open Playwright browser to
    work in (else one is started). ``episode``: a page that somebody else sets up and ends (a benchmark).
    The budget is 30 steps when none is set.

    ``run(task, url=..., allow=[...], sandbox=False, conversation=None)``: ``allow`` names further hosts, ``sandbox``
    declares that nothing there is real, so that no action counts as irreversible. Runs of one ``conversation`` (a name)
    recall what was done for its earlier tasks.
    """

    kind = "web"

    def __init__(
        self,
        model: Any = None,
        *,
        memory: ExemplarMemory | Path | str | None = None,
        policy: Literal["rank", "generate"] | Policy = "rank",
        ranking: Ranking | Mapping[str, Any] | None = None,
        approve: Literal["ask", "auto", "deny"] | None = None,
        browser: Browser | None = None,
        headed: bool = False,
        episode: Episode | None = None,
        **more: Any,
    ) -> None:
        super().__init__(model, **more)
        if policy not in ("rank", "generate") and not isinstance(policy, Policy):
            raise UsageError(
                f"there is no policy {policy!r}", mend="rank, generate or an object with choose()"
            )
        if self.limits.steps is None:
            self.limits = self.limits.model_copy(update={"steps": MAX_STEPS})
        self.policy = policy
        self.ranking = Ranking(**ranking) if isinstance(ranking, Mapping) else ranking or Ranking()
        self.approval = approve or self.settings.approve
        self.browser, self.headed, self.episode = browser, headed, episode
        self._library = Library(memory, self.settings)

    # ---- what a run is ----

    def keep(self, run: Run, arguments: dict[str, Any]) -> dict[str, Any]:
        unknown = set(arguments) - {"url", "allow", "sandbox", "family", "conversation"}
        if unknown:
            raise UsageError(
                f"a web task takes no {', '.join(sorted(unknown))}", mend="url, allow, sandbox, conversation"
            )
        url = arguments.get("url")
        if url is None and self.episode is None:
            raise UsageError(
                "a web task needs a page to start from", mend="give url=... (--url on the command line)"
            )
        if url is not None and urlsplit(url).scheme not in ("http", "https"):
            raise UsageError(f"{url!r} is not a web address", mend="start it with http:// or https://")
        allow = [str(host) for host in arguments.get("allow") or ()]
        sandbox = bool(arguments.get("sandbox")) or self.episode is not None
        family, episode = str(arguments.get("family") or ""), self.episode is not None
        kept = {"url": url, "allow": allow, "sandbox": sandbox, "family": family, "episode": episode}
        name = arguments.get("conversation")
        return kept if name is None else {**kept, "conversation": str(name)}

    def begin(self, task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        known = {key: arguments[key] for key in ("family", "url", "episode")}
        return dict(first_state(task, **known))

    def options(self) -> dict[str, Any]:
        return {
            "policy": self.policy if isinstance(self.policy, str) else self.policy.name,
            "approve": self.approval,
            "memory": self._library.place,
            "headed": self.headed,
            "ranking": asdict(self.ranking),
        }

    def make_context(self, run: Run, budget: Budget) -> WebContext:
        given = run.info.arguments
        if given.get("episode") and self.episode is None and not run.replaying:
            raise UsageError(f"{run.folder.path} was an episode: resume it with its own episode")
        if self.episode is not None:
            config = self.episode.config
        else:
            start, allow = given.get("url"), tuple(given.get("allow", ()))
            config = SessionConfig(
                start=start,
                allow=allow,
                sandbox=given.get("sandbox", False),
                downloads=run.folder.path / "downloads",
            )
        config = replace(config, headed=self.headed)
        return WebContext(
            run,
            budget,
            self.cast,
            self.control,
            url=given.get("url"),
            config=config,
            browser=self.browser,
            episode=self.episode,
        )

    def outcome(self, state: dict[str, Any]) -> Outcome:
        history = state.get("history", [])
        page = state.get("page") or {}
        evidence = []
        if state.get("screen"):
            evidence.append(
                Evidence(
                    kind="source",
                    image=state["screen"],
                    source=page.get("url"),
                    label=page.get("title") or None,
                )
            )
        steps = [
            {"observation": step["page"], "action": step["words"]} for step in history if step["changed"]
        ]
        site = urlsplit(page.get("url", "")).netloc
        task = with_answers(state.get("task", ""), [Value(**item) for item in state.get("answers", ())])
        output = {"task": task, "site": site, "family": state.get("family") or site, "steps": steps}
        return Outcome(state.get("answer"), evidence, output, state.get("failure"))

    # ---- the graph ----

    def build(self) -> StateGraph:
        graph = StateGraph(WebState)
        for function in (self._observe, self._recall, self._decide, self._ask, self._approve):
            graph.add_node(function.__name__.strip("_"), self.node(function))
        graph.add_node("act", self.node(self._act, step=True))
        for function in (self._confirm, self._settle, self._check, self._keep_turn):
            graph.add_node(function.__name__.strip("_"), self.node(function))
        graph.add_edge(START, "observe")
        graph.add_conditional_edges("observe", lambda state: state["route"], ["recall", "decide"])
        graph.add_edge("recall", "decide")
        graph.add_conditional_edges("decide", _route, ["ask", "approve", "act", "keep_turn"])
        graph.add_edge("ask", "decide")
        graph.add_conditional_edges("approve", _route, ["act", "decide"])
        graph.add_conditional_edges("act", _route, ["confirm", "check"])
        graph.add_conditional_edges("confirm", _route, ["settle", "act"])
        graph.add_edge("settle", "observe")
        graph.add_conditional_edges("check", _route, ["observe", "keep_turn"])
        graph.add_edge("keep_turn", END)
        return graph

    async def _observe(self, state: WebState, context: WebContext) -> dict[str, Any]:
        # As a node of somebody else's graph the state holds a task and a URL, and nothing else yet.
        fresh = {} if "history" in state else first_state(state["task"], url=state.get("url"))
        context.start_at(state.get("url"))
        seen = state.get("seen", 0)

        async def look() -> dict[str, Any]:
            snapshot, picture = await context.look()
            screen = context.run.put_image(picture)
            restored, context.current = not context.current, True
            return {"page": snapshot.to_json(), "screen": screen, "restored": restored}

        found = await context.run.journal.read("observe", {"number": seen}, look)
        page = found["page"]
        text = load_snapshot(page).text()
        context.run.emit(Observed(url=page["url"], title=page["title"], text=text, image=found["screen"]))
        return {
            **fresh,
            "page": page,
            "screen": found["screen"],
            "seen": seen + 1,
            "restored": len(state.get("history", ())) if found["restored"] else state.get("restored", 0),
            "route": "recall" if state.get("recalled") is None else "decide",
        }

    async def _recall(self, state: WebState, context: WebContext) -> dict[str, Any]:
        task, text = state["task"], page_text(load_snapshot(state["page"]), state["task"])

        async def look() -> list[dict[str, Any]]:
            screen, most = context.run.get_image(state["screen"]), self.ranking.exemplars
            return await asyncio.to_thread(self._library.look_up, task, text, most, context.run, screen)

        found = await context.run.journal.read("recall", {"task": task}, look)
        if found:
            items = [{key: item[key] for key in ("kind", "id", "task", "similarity")} for item in found]
            context.run.emit(Recalled(query=task, items=items))
        return {"recalled": found}

    async def _decide(self, state: WebState, context: WebContext) -> dict[str, Any]:
        view = self._view(state)
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

    async def _ask(self, state: WebState, context: WebContext) -> dict[str, Any]:
        pending = state["pending"]
        assert pending is not None, "the ask node is only reached with a question"
        text = ask_user(**pending["question"])
        answer = Value(text, "user", pending["question"]["missing"], pending["field"])
        return {"answers": [*state["answers"], answer.to_json()], "pending": None}

    async def _approve(self, state: WebState, context: WebContext) -> dict[str, Any]:
        words = _decided(state).words
        answer = ask_user(
            f"The next step is: {words}. Do it?",
            choices=[YES, NO],
            why=f"It may not be possible to undo it: {state.get('approval')}.",
        )
        if answer.strip().lower() in (YES, "y", "ok", "do it"):
            return {"route": "act"}
        return {"route": "decide", "refused": [*state["refused"], words]}

    async def _act(self, state: WebState, context: WebContext) -> dict[str, Any]:
        choice = _decided(state)
        effect, action = self._effect(state, choice)

        async def do() -> dict[str, Any]:
            found = await context.do(action)
            moved = context.episode is None and (found.navigated or found.sent or effect.irreversible)
            return {**found.to_json(), "anchor": found.url_after if moved else None}

        try:
            outcome = await context.run.journal.act(effect, do)
        except UnknownAction:
            return {"route": "confirm", "trouble": "an earlier attempt of this run was cut off in it"}
        except ToolError as error:
            if effect.irreversible:
                return {"route": "confirm", "trouble": error.message}
            return {
                "route": "check",
                "history": [*state["history"], done_step(state, choice, False, error.message)],
            }
        sent = outcome.get("sent", False)
        step = done_step(state, choice, outcome["changed"], outcome["text"], sent=sent)
        return {"route": "check", "history": [*state["history"], step]}

    async def _confirm(self, state: WebState, context: WebContext) -> dict[str, Any]:
        answer = ask_user(
            f"It is not known whether this happened: {_decided(state).words}. Did it?",
            missing="whether it happened",
            choices=[HAPPENED, NOT_HAPPENED],
            why=f"{state['trouble']}; it is not repeated unless you say that it did not happen.",
        )
        said = answer.strip().lower()
        return {"route": "act" if said in (NOT_HAPPENED, NO, "n") else "settle"}

    async def _settle(self, state: WebState, context: WebContext) -> dict[str, Any]:
        choice = _decided(state)
        effect, _ = self._effect(state, choice)
        context.run.journal.settle(effect, {"anchor": state["page"]["url"], "settled": True})
        step = done_step(state, choice, True, "it happened, as the user said")
        return {"history": [*state["history"], step], "spent": [*state["spent"], choice.words]}

    async def _check(self, state: WebState, context: WebContext) -> dict[str, Any]:
        if not state["episode"]:
            return {"route": "observe"}

        async def look() -> bool:
            assert context.episode is not None, "an episode is only played with its own rules"
            return await context.episode.over(await context.session())

        over = await context.run.journal.read("over", {"steps": len(state["history"])}, look)
        return {"route": "end", "answer": "the episode is over"} if over else {"route": "observe"}

    async def _keep_turn(self, state: WebState, context: WebContext) -> dict[str, Any]:
        """Keep what was done for the next turns of the conversation that this run belongs to."""
        name = context.run.info.arguments.get("conversation")
        steps = [{"observation": s["page"], "action": s["words"]} for s in state["history"] if s["changed"]]
        if name and steps:
            task = state["task"]

            async def store() -> int:
                return await asyncio.to_thread(self._library.keep_turn, name, task, steps, context.run)

            effect = Effect("remember", {"conversation": name}, f"keep the turn of {name!r}", replayable=True)
            await context.run.journal.act(effect, store)
        return {}

    # ---- parts of nodes ----

    def _view(self, state: WebState) -> View:
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

    def _offer(self, state: WebState, context: WebContext) -> Offer:
        deny = self.approval == "deny"
        return Offer(finish=not state["episode"], deny=deny, sandbox=context.config.sandbox)

    def _effect(self, state: WebState, choice: Candidate) -> tuple[Effect, Action]:
        action = choice.action
        assert action is not None, "only candidates with an action are acted on"
        snapshot = load_snapshot(state["page"])
        box = snapshot.get(action.element).box if action.element and action.element in snapshot else None
        effect = Effect(
            action.name,
            {"action": action.to_json(), "number": len(state["history"])},
            choice.words,
            replayable=replayable(action),
            irreversible=state.get("approval") is not None,
            box=box,
        )
        return effect, action

    @property
    def memory(self) -> ExemplarMemory:
        """The agent's memory. Raises ``UsageError`` when it was made without one."""
        return self._library.memory

    def remember(self, run: Path | str) -> Exemplar:
        """Keep the trajectory of a run that ended as done, as an exemplar for its siblings."""
        return remember_run(self.memory, run)


def _route(state: WebState) -> str:
    return "keep_turn" if state["route"] == "end" else state["route"]


def _asking(gap: Gap) -> dict[str, Any]:
    return {"route": "ask", "pending": {"question": gap.question(), "field": gap.field}}


def _decided(state: WebState) -> Candidate:
    decision = state["decision"]
    assert decision is not None, "nothing was decided"
    return Candidate.from_json(decision)


def _nothing_left(state: WebState) -> str:
    tried = ", ".join(dict.fromkeys(step["words"] for step in state["history"]))
    return f"nothing is left to try on this page{f' after: {tried}' if tried else ''}"


def _summary(view: View) -> str:
    lines = [line.words for line in view.snapshot.lines if line.words]
    return (view.snapshot.title or (lines[0] if lines else "") or view.snapshot.url)[:300]
