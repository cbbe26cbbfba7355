"""Models picked by role, settings of a conversation, and several answers to one turn."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import expect

from agentkit.agents.chat.server.choices import ChoiceBook, Choices
from agentkit.agents.chat.server.config import ServerConfig
from agentkit.config import Settings
from agentkit.contracts.runfile import BudgetLimits
from agentkit.models import registry

from .conftest import Served, Talker, settings_in


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> dict[str, Talker]:
    """Models that references of the tests' own load."""
    made = {"test:second": Talker("Second says hello."), "test:third": Talker("Third says hello.")}
    for name, model in made.items():
        model.reference = name
    known = registry.load_model

    def load(reference: str, settings: Settings | None = None) -> Any:
        return made[reference] if reference in made else known(reference, settings)

    monkeypatch.setattr("agentkit.agents.chat.server.casts.load_model", load)
    return made


async def test_models_are_offered_with_what_they_can_and_what_is_missing(
    tmp_path: Path, serving, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    settings = settings_in(tmp_path, models={"openai:gpt-4o-mini": {"context": 128_000}})
    server = await serving(tmp_path, settings=settings)
    offered = await server.get("/api/models")
    models = {item["reference"]: item for item in offered["models"]}
    assert offered["defaults"] == {"see": "mini", "decide": "test:talker"}
    assert (models["openai:gpt-4o-mini"]["state"], models["smollm2"]["state"]) == ("missing", "not loaded")
    assert "OPENAI_API_KEY" in models["openai:gpt-4o-mini"]["mend"]
    talk = await server.conversation()
    for wrong, said in {
        "gpt-4o": "there is no model",
        "openai:gpt-4o-mini": "OPENAI_API_KEY",
        "hf:/nowhere/at/all": "/nowhere/at/all",
    }.items():
        answer = await server.client.put(f"/api/conversations/{talk}/choices", json={"decide": wrong})
        assert (answer.status_code, said in str(answer.json())) == (400, True), answer.text
    assert (await server.get(f"/api/conversations/{talk}"))["choices"]["decide"] is None


async def test_what_is_chosen_for_a_conversation_holds_for_its_turns(
    tmp_path: Path, serving, others: dict[str, Talker]
):
    server = await serving(tmp_path, settings=settings_in(tmp_path, max_steps=20))
    talk, plain = await server.conversation("one"), await server.conversation("two")
    chosen: dict[str, Any] = {
        "decide": "test:second",
        "instructions": "Be brief.",
        "budget": {"steps": 50, "tokens": 9000},
    }
    chosen["boost"] = 3
    answer = await server.client.put(f"/api/conversations/{talk}/choices", json=chosen)
    assert answer.json()["choices"]["instructions"] == "Be brief."
    turns: dict[str, str] = {}
    for key, said in ((talk, "Second says hello."), (plain, "Hello from the model.")):
        turn = await server.until((await server.begin(key, "Hi."))["key"], "done")
        turns[key] = turn["key"]
        assert turn["answer"] == said
    (run,) = (server.folder / "runs").glob(f"*-{turns[talk]}")
    assert json.loads((run / "run.json").read_text())["settings"]["boost"] == 3
    assert others["test:second"].prompts[-1].messages[0].text == "Be brief."
    assert others["test:second"].prompts[-1].messages[0].text != server.model.prompts[-1].messages[0].text
    state = await server.get(f"/api/state?conversation={talk}")
    # The server's limit was smaller.
    assert state["budget"] == {"steps": 20, "tokens": 9000}
    assert state["models"][1] | {"waiting": 0, "context": None, "error": None} == {
        "role": "decide",
        "reference": "test:second",
        "state": "ready",
        "error": None,
        "capabilities": ["schema", "scoring"],
        "context": None,
        "waiting": 0,
    }
    kept = list(server.folder.rglob(f"chat/{talk}.json"))
    assert len(kept) == 1
    assert (await server.client.delete(f"/api/conversations/{talk}")).status_code == 204
    assert not kept[0].exists()


async def test_a_turn_is_answered_again_beside_the_first_answer(server: Served, others: dict[str, Talker]):
    talk = await server.conversation("again")
    await server.until((await server.begin(talk, "My name is Ada."))["key"], "done")
    first = await server.until((await server.begin(talk, "Who am I?"))["key"], "done")
    ask = {"choices": {"decide": "test:second"}, "key": "00000000000000ab"}
    made = await server.post(f"/api/turns/{first['key']}/again", ask)
    assert (made["of"], made["text"]) == (first["key"], "Who am I?")
    assert (await server.post(f"/api/turns/{first['key']}/again", ask))["key"] == made["key"]
    done = await server.until(made["key"], "done")
    assert (done["answer"], done["models"]["decide"]) == ("Second says hello.", "test:second")
    # It knows what was said before, and leaves no trace in what is said after.
    assert "My name is Ada." in [message.text for message in others["test:second"].prompts[-1].messages]
    page = await server.get(f"/api/conversations/{talk}")
    assert [turn["text"] for turn in page["shown"]] == ["My name is Ada.", "Who am I?"]
    assert [other["key"] for other in page["shown"][1]["others"]] == [made["key"]]
    await server.until((await server.begin(talk, "Go on."))["key"], "done")
    assert "Second says hello." not in str(server.model.prompts[-1])
    # A slow one is stopped and gone on with, with the model that it had.
    others["test:second"].hold = gate = asyncio.Event()
    slow = await server.post(f"/api/turns/{first['key']}/again", {"choices": {"decide": "test:second"}})
    assert (await server.post(f"/api/turns/{slow['key']}/stop"))["status"] == "stopped"
    gate.set()
    await server.post(f"/api/turns/{slow['key']}/resume")
    assert (await server.until(slow["key"]))["answer"] == "Second says hello."
    assert (await server.client.delete(f"/api/conversations/{talk}")).status_code == 204
    assert list((server.folder / "runs").glob("*/run.json")) == []
    await server.get(f"/api/turns/{made['key']}", 404)


async def test_a_budget_that_is_spent_is_given_once_more(server: Served):
    talk = await server.conversation()
    await server.client.put(f"/api/conversations/{talk}/choices", json={"budget": {"calls": 1}})
    key = (await server.begin(talk, "Hi."))["key"]
    assert (await server.until(key))["status"] == "budget"
    await server.post(f"/api/turns/{key}/resume")
    assert (await server.until(key))["status"] in ("done", "budget")
    for _ in range(4):
        if (await server.until(key))["status"] == "budget":
            await server.post(f"/api/turns/{key}/resume")
    assert (await server.until(key))["status"] == "done"


async def test_only_the_owner_names_models_that_are_not_offered(tmp_path: Path, serving, others):
    server = await serving(tmp_path, tokens={"token-of-ann": "ann", "token-of-me": "owner"})
    for token, status in (("token-of-ann", 400), ("token-of-me", 200)):
        async with httpx.AsyncClient(
            base_url=server.url, headers={"authorization": f"Bearer {token}"}, timeout=60
        ) as person:
            talk = (await person.post("/api/conversations", json={})).json()["key"]
            answer = await person.put(f"/api/conversations/{talk}/choices", json={"decide": "test:third"})
            assert answer.status_code == status, answer.text
            assert (await person.get("/api/models")).json()["free"] == (status == 200)


def test_choices_outlive_the_process_and_are_the_owners_alone(tmp_path: Path):
    book = ChoiceBook(tmp_path)
    book.choose("0123", Choices(see="mini", budget=BudgetLimits(steps=3)))
    assert ChoiceBook(tmp_path).choices("0123") == Choices(see="mini", budget=BudgetLimits(steps=3))
    (path,) = (tmp_path / "chat").iterdir()
    assert path.stat().st_mode & 0o077 == 0
    over = Choices(decide="smollm2", budget=BudgetLimits(calls=2)).over(book.choices("0123"))
    assert over == Choices(see="mini", decide="smollm2", budget=BudgetLimits(steps=3, calls=2))
    assert ServerConfig(settings=Settings.load(runs=tmp_path)).strategy == "vstar"


async def test_settings_and_answers_side_by_side_on_the_page(
    server: Served, others: dict[str, Talker], visit
):
    visitor = await visit(server.url, quiet=False)
    page = visitor.page
    await page.get_by_role("button", name="Settings").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Talks and decides", exact=True).select_option(label="Another…")
    await dialog.get_by_label("a model's reference").last.fill("smolm2")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("did you mean smollm2?")
    await dialog.get_by_label("a model's reference").last.fill("test:third")
    await dialog.get_by_label("Instructions", exact=True).fill("Be kind.")
    await dialog.get_by_label("At most so many steps a turn").fill("7")
    await dialog.get_by_label("Attention on standing instructions").fill("2.5")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_be_hidden()
    await expect(page.locator("#models")).to_contain_text("test:third")
    await expect(page.locator("#meter")).to_contain_text("7 steps")
    await visitor.say("Hi.")
    turn = await visitor.turn("done")
    await expect(turn.locator(".answer")).to_have_text("Third says hello.")
    await turn.get_by_role("button", name="Compare").click()
    assert await dialog.get_by_label("a model's reference").last.input_value() == ""
    await dialog.get_by_label("Talks and decides", exact=True).select_option("test:talker")
    await dialog.get_by_role("button", name="Answer").click()
    await expect(dialog).to_be_hidden()
    other = turn.locator("section.version")
    await expect(other).to_have_attribute("data-status", "done")
    await expect(turn.locator(".answer")).to_have_text(["Third says hello.", "Hello from the model."])
    await expect(turn.locator(".by")).to_have_text(["test:third", "test:talker"])
    sides = await turn.locator(".answer").evaluate_all(
        "all => all.map(e => e.getBoundingClientRect()).map(r => [r.left, r.right])"
    )
    assert sides[0][1] <= sides[1][0], "side by side"
    others["test:third"].says = "Third says it anew."
    await turn.get_by_role("button", name="Regenerate").click()
    await expect(turn.locator(".answer").nth(2)).to_have_text("Third says it anew.")
    await page.reload()
    turn = await visitor.turn("done")
    await expect(turn.locator(".answer")).to_have_count(3)
    assert await page.locator("article.turn").count() == 1
