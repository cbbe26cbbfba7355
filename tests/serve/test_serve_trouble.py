"""What goes wrong, or grows large: the page says what happened, and nothing is lost or done twice."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from playwright.async_api import Route, expect

from agentkit.agents.web import WebAgent
from agentkit.content import Message
from agentkit.errors import ModelError
from agentkit.memory import Conversations
from tests.agents.web.chooser import REGISTER, TASK, Chooser
from tests.site import Site

from .conftest import Served
from .test_serve_api import png

MEGABYTE = 1024 * 1024


async def test_a_picture_that_is_too_large_is_refused_before_it_is_sent(
    server: Served, visit, tmp_path: Path
):
    large = tmp_path / "large.png"
    large.write_bytes(png() + bytes(51 * MEGABYTE))
    visitor = await visit(server.url)
    await visitor.page.wait_for_selector(".model")
    await visitor.page.set_input_files("#files", large)
    await expect(visitor.page.locator(".slot.failed")).to_contain_text("this is more than 50 MB")
    # It can't be sent along by accident, and the words are kept.
    await visitor.say("Look at this.")
    await expect(visitor.page.locator("#send")).to_be_enabled()
    assert await visitor.page.input_value("#message") == "Look at this."
    assert (await server.get("/api/conversations"))["conversations"] == []
    await visitor.page.get_by_role("button", name="Remove large.png").click()
    await visitor.page.click("#send")
    await visitor.turn("done")
    answer = await server.client.post("/api/pictures", content=large.read_bytes())
    assert (answer.status_code, "50 MB" in answer.json()["error"]) == (413, True)


async def test_a_long_conversation_is_loaded_by_its_end(server: Served, visit):
    kept = Conversations(server.folder / "memory")
    for number in range(200):
        said = [Message.user(f"Question {number}."), Message.assistant(f"Answer {number}.")]
        kept.add("long", str(server.folder / "runs" / f"gone-{number}"), said)
    visitor = await visit(server.url)
    page = visitor.page
    await page.locator("#list .entry").click()
    await expect(page.locator("article.turn")).to_have_count(50)
    assert await page.locator(".asked-text").last.inner_text() == "Question 199."
    # The end is in view, and goes on.
    await expect(page.locator("article.turn").last).to_be_in_viewport()
    await visitor.say("And now?")
    await visitor.turn("done", number=50)
    await expect(page.locator("article.turn").last).to_be_in_viewport()
    await page.get_by_role("button", name="Show 150 earlier turns").click()
    await expect(page.locator("article.turn")).to_have_count(201)
    assert await page.locator(".asked-text").first.inner_text() == "Question 0."
    # What a model is shown of it stays within its bounds.
    assert len(str(server.model.prompts[-1].messages)) < 60_000


async def test_a_slow_model_holds_up_nobody_and_a_dead_one_is_replaced(server: Served, visit):
    server.model.hold = gate = asyncio.Event()
    visitor = await visit(server.url)
    await visitor.say("Slow?")
    turn = await visitor.turn("running")
    await server.model.asked.wait()
    await expect(turn.locator(".now")).to_have_text("Writing")
    # Everything else answers meanwhile.
    await visitor.page.click("#new")
    await visitor.page.wait_for_selector(".welcome")
    await expect(visitor.page.locator("#list .busy")).to_have_count(1)
    await visitor.page.locator("#list .entry").click()
    turn = await visitor.turn("running")
    server.model.error = ModelError("the model died", mend="start it again")
    gate.set()
    await visitor.turn("failed")
    await expect(turn.locator(".turn-state")).to_contain_text("the model died")
    server.model.error = None
    await turn.get_by_role("button", name="Try again").click()
    await visitor.turn("done")
    await expect(turn.locator(".answer")).to_have_text("Hello from the model.")


async def test_an_approval_after_the_turn_was_stopped_does_nothing(tmp_path: Path, serving, visit, browser):
    def abilities(_: object) -> Any:
        return {"browse": WebAgent(Chooser(*REGISTER), memory="off", browser=browser)}

    with Site() as site:
        server = await serving(tmp_path, abilities=abilities)
        # The browser itself writes a line about the refusal.
        visitor = await visit(server.url, quiet=False)
        await visitor.say(f"{TASK} {site.url}")
        turn = await visitor.turn("waiting")
        key = await turn.get_attribute("data-key")
        on_the_way, stopped = asyncio.Event(), asyncio.Event()

        async def late(route: Route) -> None:
            on_the_way.set()
            await stopped.wait()
            await route.continue_()

        # Allowed here, and stopped elsewhere before that has arrived.
        await visitor.page.route("**/answer", late)
        await turn.get_by_role("button", name="Allow").click()
        await on_the_way.wait()
        assert (await server.post(f"/api/turns/{key}/stop"))["status"] == "stopped"
        async with visitor.page.expect_response("**/answer") as arriving:
            stopped.set()
        refused = await arriving.value
        assert (refused.status, "this turn is stopped" in (await refused.json())["error"]) == (409, True)
        await visitor.page.unroute("**/answer")
        assert site.received == []
        # Gone on with, it asks again, and then it is done once.
        await server.post(f"/api/turns/{key}/resume")
        assert (await server.until(str(key)))["status"] == "waiting"
        await visitor.page.reload()
        turn = await visitor.turn("waiting")
        await turn.get_by_role("button", name="Allow").click()
        await visitor.turn("done")
        assert site.received == [{"name": "Ada", "city": "Paris"}]


async def test_a_message_sent_while_the_page_still_loads_is_shown_once(server: Served, visit, browser: Any):
    context = await browser.new_context()
    slow = asyncio.Event()

    async def late(route: Route) -> None:
        await slow.wait()
        await route.continue_()

    await context.route("**/api/state*", late)
    visitor = await visit(server.url, context=context)
    await visitor.page.evaluate(
        "() => { window.told = []; document.addEventListener('agentkit', e => told.push(e.detail.event.seq)); }"
    )
    server.model.hold = gate = asyncio.Event()
    await visitor.say("Go.")
    await visitor.turn("running")
    await visitor.until("told.length > 1")
    slow.set()
    await visitor.until("document.querySelector('.model') !== null")
    gate.set()
    await visitor.turn("done")
    told = await visitor.page.evaluate("told")
    assert told == list(range(len(told)))
    await context.close()
