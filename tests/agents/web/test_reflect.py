"""What the web agent learns from its own runs, and what it shows a model of a page."""

from __future__ import annotations

import json
from pathlib import Path

from agentkit.agents.web import WebAgent
from agentkit.agents.web.candidates import Candidate, candidates_of
from agentkit.agents.web.prompt import View, ranking_prompt
from agentkit.content import Text
from agentkit.contracts.result import Usage
from agentkit.contracts.runfile import BudgetLimits
from agentkit.memory import Exemplar, ExemplarMemory, MemoryBank, Step, Tip, TipMemory
from agentkit.models import Capabilities, Model, Reply, Request, VisionCard
from agentkit.models.embed import load_embedder
from agentkit.tools.browser import Line, Snapshot
from tests.results import events_of, run_of

from .chooser import REGISTER, TASK, Chooser

MINILM = load_embedder()


def texts(request: Request) -> list[Text]:
    return [part for message in request.messages for part in message.parts if isinstance(part, Text)]


class Writer(Model):
    """Writes the actions of a list (by the name of their element), and one sentence for everything else."""

    reference = "test:writer"
    capabilities = Capabilities(schema=True)
    card = VisionCard()

    def __init__(self, *actions: str) -> None:
        self.actions = list(actions)
        self.asked: list[Request] = []

    async def _generate(self, request: Request) -> Reply:
        self.asked.append(request)
        if request.schema is None:
            return Reply("Take the other door.", usage=Usage(calls=1))
        if "tips" in str(request.schema):
            data = {"tips": ["Look behind the garden gate."]}
        else:
            data = self._action(self.actions.pop(0), request)
        return Reply(json.dumps(data), data=data, usage=Usage(calls=1))

    def _action(self, name: str, request: Request) -> dict[str, str]:
        if name in ("finish", "report_infeasible"):
            field = "answer" if name == "finish" else "reason"
            return {"action": name, field: "That is all."}
        text = next(part.text for part in texts(request) if part.text.startswith("Page"))
        id = next(
            line.split(f"] {name}")[0].rpartition("[")[2] for line in text.splitlines() if f"] {name}" in line
        )
        return {"action": "click", "element": id}


class Lost:
    """Clicks the last link and then knows nothing more."""

    name = "lost"

    def choose(self, view: View, family: str) -> Candidate | None:
        return None if view.history else candidates_of(view.snapshot, view.task, view.values)[-1]


def prompts(model: Writer) -> list[str]:
    return [str(texts(request)) for request in model.asked]


async def test_a_failed_run_leaves_a_tip_from_what_a_success_did_there(site, browser, tmp_path) -> None:
    folder = tmp_path / "kept"
    host = site.url.split("/")[2]
    steps = tuple(Step(observation="p", action=action) for action in REGISTER[:3])
    ExemplarMemory(folder, embedder=MINILM).add(Exemplar(task=TASK, steps=steps, family=host))
    tips = TipMemory(folder, embedder=MINILM)
    tips.add(Tip(text="Say nothing.", task=TASK, family=host))

    result = await WebAgent(policy=Lost(), memory=folder, browser=browser).arun(
        "Register.", url=site.url, family=host
    )
    assert result.status == "failed"
    (remembered,) = events_of(result, "remembered")
    tip = tips.show(remembered["id"])
    assert "Begin with type ... into textbox" in tip.text
    assert (tip.trust, tip.origin, tip.family) == ("untrusted", "contrast", host)
    assert Path(run_of(result)).name.endswith(tip.runs[0])
    # Advice that did not help is worth less from now on.
    (shown,) = [kept for kept in tips.entries() if kept.text == "Say nothing."]
    assert (shown.uses, shown.wins) == (1, 0)

    again = await WebAgent(policy=Lost(), memory="off").areplay(run_of(result))
    assert again.error == result.error
    assert len(tips.entries()) == 2


async def test_without_a_memory_nothing_is_learned(site, browser, tmp_path) -> None:
    for memory in ("off", None):
        result = await WebAgent(policy=Lost(), memory=memory, browser=browser).arun("Register.", url=site.url)
        assert result.status == "failed"
        assert not events_of(result, "remembered")
    assert not (tmp_path / "memory").exists()


async def test_a_model_that_writes_learns_from_a_step_without_effect(maze, browser, tmp_path) -> None:
    folder = tmp_path / "kept"
    model = Writer(*['button "Nothing"'] * 2, 'link "Door B"', "finish")
    agent = WebAgent(model, policy="generate", memory=folder, browser=browser)
    result = await agent.arun("Find the garden.", url=maze.url)
    assert result.status == "done"
    told = prompts(model)
    assert "had no effect" in told[2]
    assert "Advice: Take the other door." not in told[0]
    assert "Advice: Take the other door." in told[3]
    parts = [p for p in texts(model.asked[3]) if p.text.startswith("Advice")]
    assert [part.trust for part in parts] == ["untrusted"]
    # The run was done after it: the lesson is kept.
    (tip,) = TipMemory(folder, embedder=MINILM).entries()
    assert (tip.text, tip.trust) == ("Take the other door.", "untrusted")


async def test_a_model_that_writes_also_writes_the_tips_and_the_reasons(maze, browser, tmp_path) -> None:
    folder = tmp_path / "kept"
    model = Writer('link "Door A"', "report_infeasible")
    agent = WebAgent(model, policy="generate", memory=folder, browser=browser)
    result = await agent.arun("Find the garden.", url=maze.url, conversation="ann")
    assert result.status == "failed"
    assert "That is all." in (result.error or "")
    (tip,) = TipMemory(folder, embedder=MINILM).entries()
    assert tip.text == "Look behind the garden gate."
    (step,) = MemoryBank(folder, embedder=MINILM).conversation("ann")
    assert (step.rationale, step.trust) == ("Take the other door.", "untrusted")


async def test_a_spent_budget_costs_the_tips_and_not_the_answer(maze, browser, tmp_path) -> None:
    model = Writer('link "Door A"', "finish")
    agent = WebAgent(
        model, policy="generate", memory=tmp_path / "kept", browser=browser, budget=BudgetLimits(calls=2)
    )
    result = await agent.arun("Look.", url=maze.url, conversation="ann")
    assert (result.status, result.answer) == ("done", "That is all.")
    assert any("have no reasons" in event["text"] for event in events_of(result, "note"))
    assert len(MemoryBank(tmp_path / "kept", embedder=MINILM).conversation("ann")) == 1


async def test_the_abstract_of_a_page_is_a_step_of_its_own(site, browser) -> None:
    agent = WebAgent(Chooser(*REGISTER), memory="off", browser=browser, approve="auto")
    result = await agent.arun(TASK, url=site.url)
    nodes = [event["node"] for event in events_of(result, "node_started")]
    assert nodes[:5] == ["observe", "abstract", "recall", "decide", "act"]
    assert nodes[-1] == "reflect"
    told = events_of(result, "abstracted")
    assert len(told) == nodes.count("observe")
    # A small page is shown whole, and told once.
    assert [event["text"] for event in told] == [""] * len(told)


def test_a_prompt_shows_the_abstract_without_ids() -> None:
    page = Snapshot("http://x/", "X", lines=tuple(Line((f"line {n}",)) for n in range(900)))
    view = View("line 700", page, abstract='[e1] link "A"\n*[e2] button "B"')
    text = str(ranking_prompt(view))
    assert 'link "A"' in text
    assert "[e1]" not in text
    assert "line 3 " not in text
