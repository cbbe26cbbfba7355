"""What the web agent is shown of its memory: exemplars, earlier turns, tips."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentkit.agents.web import WebAgent
from agentkit.agents.web.generate import generation_prompt
from agentkit.agents.web.prompt import View, ranking_prompt
from agentkit.content import Text
from agentkit.memory import Exemplar, ExemplarMemory, MemoryBank, Step, Tip, TipMemory
from agentkit.memory import remember as remembering
from agentkit.models.embed import load_embedder
from agentkit.tools.browser import Snapshot

from .chooser import REGISTER, TASK, Chooser

MINILM = load_embedder()


def events(result, kind: str) -> list[dict]:
    lines = (Path(result.run) / "events.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["kind"] == kind]


async def test_what_was_done_for_a_conversation_is_recalled_in_its_next_turn(site, browser, tmp_path) -> None:
    folder = tmp_path / "kept"
    TipMemory(folder, embedder=MINILM).add(Tip(text="Fill in the name first.", task=TASK))

    def agent() -> WebAgent:
        return WebAgent(Chooser(*REGISTER), memory=folder, browser=browser, approve="auto")

    first = await agent().arun(TASK, url=site.url, conversation="ann")
    assert first.status == "done"
    kept = MemoryBank(folder, embedder=MINILM).conversation("ann")
    assert [step.action for step in kept] == list(REGISTER[:3])
    assert {step.trust for step in kept} == {"untrusted"}
    assert kept[0].site == site.url.split("/")[2]

    second = await agent().arun(TASK, url=site.url, conversation="ann")
    (recalled,) = events(second, "recalled")
    kinds = [item["kind"] for item in recalled["items"]]
    assert kinds.count("tip") == 1
    assert [item["task"] for item in recalled["items"][:3]] == [TASK] * 3
    shown = [
        part
        for call in events(second, "model_called")
        for message in call["prompt"]
        for part in message["parts"]
    ]
    advice = [part for part in shown if part.get("text", "").startswith("Advice: Fill in")]
    assert advice
    assert all(part["trust"] == "untrusted" for part in advice)
    assert MemoryBank(folder, embedder=MINILM).conversation("ann")[-1].turn == 2

    other = await agent().arun(TASK, url=site.url, conversation="bob")
    tasks = [item["task"] for event in events(other, "recalled") for item in event["items"]]
    assert tasks.count(TASK) == 1, "only the tip: nothing of ann's conversation"
    learned = await remembering.learn_from_runs(
        ExemplarMemory(folder, embedder=MINILM), TipMemory(folder, embedder=MINILM), [second.run or ""]
    )
    assert learned.credited == 1
    assert learned.exemplars[0].screen.startswith("edges1:")


async def test_a_memory_of_another_version_is_told_and_the_task_is_done(
    site, browser, tmp_path, monkeypatch
) -> None:
    folder = tmp_path / "kept"
    ExemplarMemory(folder, embedder=MINILM).add(
        Exemplar(task=TASK, steps=(Step(observation="x", action="click"),))
    )
    monkeypatch.setattr("agentkit.memory.collection.FORMAT", 2)
    agent = WebAgent(Chooser(*REGISTER), memory=folder, browser=browser, approve="auto")
    result = await agent.arun(TASK, url=site.url)
    assert result.status == "done"
    notes = [event["text"] for event in events(result, "note")]
    assert any("memory format 1" in text for text in notes)
    monkeypatch.undo()
    assert len(ExemplarMemory(folder, embedder=MINILM)) == 1


async def test_with_the_memory_off_nothing_of_a_conversation_is_kept(site, browser, tmp_path) -> None:
    agent = WebAgent(Chooser(*REGISTER), memory="off", browser=browser, approve="auto")
    result = await agent.arun(TASK, url=site.url, conversation="ann")
    assert result.status == "done"
    assert not (tmp_path / "memory").exists()


@pytest.mark.parametrize("make", [ranking_prompt, generation_prompt])
def test_tips_are_in_both_prompts_under_their_own_mark(make) -> None:
    page = Snapshot("http://x/", "X")
    tips = [Tip(text="Read first."), Tip(text="Mine.", origin="user", trust="trusted")]
    parts = [part for message in make(View("Do it", page, tips=tips)) for part in message.parts]
    found = {part.text: (part.label, part.trust) for part in parts if isinstance(part, Text)}
    assert found["Advice: Read first."] == ("exemplar", "untrusted")
    assert found["Advice: Mine."] == ("exemplar", "trusted")
    plain = [part for message in make(View("Do it", page)) for part in message.parts]
    assert len(parts) == len(plain) + 2
