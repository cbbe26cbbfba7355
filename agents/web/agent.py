"""The web agent: observe, abstract, recall, decide, then ask or act, check, reflect; in a real browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from langgraph.graph import END, START, StateGraph

from agentkit.contracts.event import Note
from agentkit.contracts.result import Evidence, Result
from agentkit.errors import UsageError
from agentkit.runtime.agent import GraphAgent, Outcome
from agentkit.runtime.budget import Budget
from agentkit.runtime.run import Run

from ...memory import Exemplar, ExemplarMemory, remember_run
from ...tools.browser import ACTIONS, ActionSet, Secret, SessionConfig
from ...tools.browser.launch import has_display
from .abstracting import Abstracting
from .acting import act, check, settle
from .asking import approve, ask, confirm
from .context import WebContext
from .deciding import Approval, Deciding
from .follow_up import FollowUp
from .generate import PAGE_BUDGET as WRITING_BUDGET
from .generate import Writing
from .given import check_task, with_given
from .known import Known
from .library import Library
from .lookahead import LookAhead
from .looking import Looking
from .menu import DEFAULT
from .page import PAGE_BUDGET
from .policy import Policy
from .prompt import with_answers
from .rank import Ranking
from .reflecting import Reflecting
from .state import WebState, first_state
from .steering import listening
from .undo import kept
from .values import Value

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from .episode import Episode

MAX_STEPS = 30


class WebAgent(GraphAgent):
    """Does a task in a real browser, from a start URL.

    ``policy``: ``rank`` chooses among enumerated actions by likelihood (models that score, such as ``smollm2``),
    ``generate`` lets the model write the action under a JSON schema (larger models), and a ``Policy`` of your own decides
    without a model. ``memory``: where exemplars
    come from; None is the default folder, with the exemplars of the package while that is empty; ``"off"`` shows
    none. ``approve``: what happens before an action that can't be undone. ``browser``: how to open one
    (``SessionConfig(headed=True)``, a profile, a proxy and so on), or an open Playwright browser to
    work in; a ``video`` folder is relative to the run. ``secrets`` (``name@domain=env:VARIABLE``, or ``Secret``) are
    typed by name on their own domain and shown to nobody; ``uploads`` are the files that may be given to pages. ``episode``: a page that somebody else sets up and ends (a benchmark).
    ``actions``: what may be done, as an ``ActionSet`` (functions of your own among them) or as names of ``ACTIONS``.
    ``show``: how a model that writes its actions sees the page: its ``text``, a screenshot with ``marks``, or ``both``.
    ``follow_up``: when to ask, with its limits.
    ``look_ahead``: try the best actions on pages in a second tab that sends nothing, before one is done.
    The budget is 30 steps when none is set.

    ``run(task, url=..., allow=[...], sandbox=False, conversation=None)``: ``allow`` names further hosts, ``sandbox``
    declares that nothing there is real, so that no action counts as irreversible. Runs of one ``conversation`` (a name)
    recall what was done for its earlier tasks.
    """

    kind = "web"
    steerable = True

    def __init__(
        self,
        model: Any = None,
        *,
        memory: ExemplarMemory | Path | str | None = None,
        policy: Literal["rank", "generate"] | Policy = "rank",
        ranking: Ranking | Mapping[str, Any] | None = None,
        follow_up: FollowUp | Mapping[str, Any] | None = None,
        approve: Approval | None = None,
        browser: Browser | SessionConfig | Mapping[str, Any] | None = None,
        secrets: Sequence[Secret | str | dict[str, Any]] = (),
        uploads: Sequence[Path | str] = (),
        episode: Episode | None = None,
        look_ahead: LookAhead | Mapping[str, Any] | None = None,
        actions: ActionSet | Sequence[str] | None = None,
        show: Literal["text", "marks", "both"] = "text",
        **more: Any,
    ) -> None:
        super().__init__(model, **more)
        if policy not in ("rank", "generate") and not isinstance(policy, Policy):
            raise UsageError(
                f"there is no policy {policy!r}", mend="rank, generate or an object with choose()"
            )
        if self.limits.steps is None:
            self.limits = self.limits.model_copy(update={"steps": MAX_STEPS})
        self.policy: Literal["rank", "generate"] | Policy = policy
        self.ranking = Ranking(**ranking) if isinstance(ranking, Mapping) else ranking or Ranking()
        self.follow_up = FollowUp(**follow_up) if isinstance(follow_up, Mapping) else follow_up or FollowUp()
        self.approval: Approval = approve or self.settings.approve
        given = browser if isinstance(browser, (SessionConfig, Mapping)) else SessionConfig()
        self.opening = with_given(SessionConfig.of(given), secrets, uploads)
        self.browser = None if isinstance(browser, (SessionConfig, Mapping)) else browser
        self.episode = episode
        self.look_ahead = LookAhead.of(look_ahead)
        if self.look_ahead and not isinstance(policy, str):
            raise UsageError(f"{policy.name} proposes one action: there is nothing to look ahead over")
        self.actions = _action_set(actions)
        self.writing = Writing(DEFAULT if actions is None else self.actions, show)
        self._library = Library(memory, self.settings)

    # ---- what a run is ----

    def keep(self, run: Run, arguments: dict[str, Any]) -> dict[str, Any]:
        unknown = set(arguments) - {"url", "allow", "sandbox", "family", "conversation"}
        if unknown:
            raise UsageError(
                f"a web task takes no {', '.join(sorted(unknown))}", mend="url, allow, sandbox, conversation"
            )
        check_task(run.info.task, self.opening.secrets)
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
            "browser": self.opening.to_json(),
            "secrets": [secret.to_json() for secret in self.opening.secrets],
            "ranking": asdict(self.ranking),
            "follow_up": asdict(self.follow_up),
            "look_ahead": self.look_ahead.to_json() if self.look_ahead else None,
            "actions": None if self.actions is ACTIONS else list(self.actions),
            "show": self.writing.show,
        }

    def make_context(self, run: Run, budget: Budget) -> WebContext:
        given = run.info.arguments
        if given.get("episode") and self.episode is None and not run.replaying:
            raise UsageError(f"{run.folder.path} was an episode: resume it with its own episode")
        if self.episode is not None:
            config = self.episode.config
        else:
            start, allow = given.get("url"), tuple(given.get("allow", ()))
            config = replace(
                self.opening,
                start=start,
                allow=allow,
                sandbox=given.get("sandbox", False),
                downloads=run.folder.path / "downloads",
            )
        if config.headed and run.attempt > 1 and not run.replaying and not has_display():
            run.emit(Note(level="warning", text="no display is here: the run goes on without a window"))
            config = replace(config, headed=False)
        if self.opening.video is not None:
            config = replace(config, video=run.folder.path / self.opening.video)
        return WebContext(
            run,
            budget,
            self.cast,
            self.control,
            url=given.get("url"),
            config=config,
            browser=self.browser,
            episode=self.episode,
            actions=self.actions,
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
        steps = [{"observation": step["page"], "action": step["words"]} for step in kept(history)]
        site = urlsplit(page.get("url", "")).netloc
        task = with_answers(state.get("task", ""), [Value(**item) for item in state.get("answers", ())])
        output = {
            "task": task,
            "site": site,
            "family": state.get("family") or site,
            "steps": steps,
            "blocked": state.get("blocked", []),
            "downloads": state.get("downloads", []),
        }
        return Outcome(state.get("answer"), evidence, output, state.get("failure"))

    async def aresume(
        self, run: Result | Path | str, answer: str | None = None, *, correction: str | None = None
    ) -> Result:
        # Before anything is changed: without its secrets the run can't go on.
        check_task(correction or "", self.opening.secrets)
        return await super().aresume(run, answer, correction=correction)

    def check_correction(self, text: str) -> None:
        check_task(text, self.opening.secrets)

    # ---- the graph ----

    def build(self) -> StateGraph:
        graph = StateGraph(WebState)
        looking = Looking(self._library, self.ranking.exemplars)
        known = Known(self._library)
        deciding = Deciding(
            self.policy,
            self.ranking,
            self.approval,
            known,
            self.follow_up,
            writing=self.writing,
            actions=self.actions,
            look_ahead=self.look_ahead,
        )
        abstracting = Abstracting(PAGE_BUDGET if self.policy != "generate" else WRITING_BUDGET)
        reflecting = Reflecting(self._library, writes=self.policy == "generate")
        taking_in = (looking.observe, abstracting.abstract, looking.recall)
        for function in (*taking_in, listening(deciding.decide), ask, known.learn, approve):
            graph.add_node(function.__name__, self.node(function))
        graph.add_node("act", self.node(act, step=True))
        for function in (confirm, settle, check, reflecting.reflect):
            graph.add_node(function.__name__, self.node(function))
        graph.add_edge(START, "observe")
        graph.add_edge("observe", "abstract")
        graph.add_conditional_edges("abstract", _recalled, ["recall", "decide"])
        graph.add_edge("recall", "decide")
        graph.add_conditional_edges(
            "decide", _route, ["observe", "decide", "ask", "approve", "act", "reflect"]
        )
        graph.add_edge("ask", "learn")
        graph.add_edge("learn", "abstract")
        graph.add_conditional_edges("approve", _route, ["act", "decide", "check"])
        graph.add_conditional_edges("act", _route, ["approve", "confirm", "check"])
        graph.add_conditional_edges("confirm", _route, ["settle", "act"])
        graph.add_edge("settle", "observe")
        graph.add_conditional_edges("check", reflecting.next, ["observe", "reflect"])
        graph.add_conditional_edges("reflect", _ended, {True: END, False: "observe"})
        return graph

    @property
    def memory(self) -> ExemplarMemory:
        """The agent's memory. Raises ``UsageError`` when it was made without one."""
        return self._library.memory

    def remember(self, run: Path | str) -> Exemplar:
        """Keep the trajectory of a run that ended as done, as an exemplar for its siblings."""
        return remember_run(self.memory, run)


def _route(state: WebState) -> str:
    return "reflect" if state["route"] == "end" else state["route"]


def _recalled(state: WebState) -> str:
    return "recall" if state["recalled"] is None else "decide"


def _ended(state: WebState) -> bool:
    return state["route"] == "end"


def _action_set(actions: ActionSet | Sequence[str] | None) -> ActionSet:
    if actions is None:
        return ACTIONS
    return actions if isinstance(actions, ActionSet) else ACTIONS.only(actions)
