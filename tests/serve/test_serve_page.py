"""The page in a real browser, on a real server."""

from __future__ import annotations

import asyncio
import io
import json
import random
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.async_api import expect

from agentkit.agents.chat.server.line import QueuedModel
from agentkit.errors import ModelError

from .conftest import Served, events, served
from .proxy import Wire
from .test_serve_api import png
from .visitor import PHONE

UNSAFE = """**Bold** <img src=x onerror="document.title='broken'"> <script>document.title='broken'</script>
![pixel](http://elsewhere.example/pixel.png) [bad](javascript:alert(1)) [good](https://example.com)

| a | b |
|---|---|
| 1 | 2 |

```python
x = "<b>"
```

$x^2$"""


async def test_an_answer_is_markdown_and_never_html(server: Served, visit):
    server.model.says = UNSAFE
    visitor = await visit(server.url)
    await visitor.say("Show me everything.")
    turn = await visitor.turn("done")
    answer = turn.locator(".answer")
    assert await answer.locator("strong").inner_text() == "Bold"
    assert await answer.locator("td").all_inner_texts() == ["1", "2"]
    assert await answer.locator("pre").inner_text() == 'x = "<b>"'
    assert await answer.locator("math").count() == 1
    assert await answer.locator("img, script").count() == 0
    assert await answer.locator("a").evaluate_all("all => all.map(a => a.href)") == ["https://example.com/"]
    assert "<script>" in await answer.inner_text()
    assert "broken" not in await visitor.page.title()


async def test_an_answer_appears_while_it_is_written(server: Served, visit):
    server.model.says = "one two three"
    server.model.hold = gate = asyncio.Event()
    visitor = await visit(server.url)
    await visitor.say("Count.")
    turn = await visitor.turn("running")
    await turn.locator(".now", has_text="Writing").wait_for()
    gate.set()
    await visitor.turn("done")
    assert (await turn.locator(".answer").inner_text()).strip() == "one two three"
    assert await visitor.page.inner_text("#announce") == "Answer: one two three"
    # The list is asked for again when the turn has ended.
    await expect(visitor.page.locator("#list .entry")).to_have_text("Count.")
    await turn.locator(".steps > summary").click()
    await turn.locator(".step.model_called summary").last.click()
    await turn.get_by_text("Cost").last.wait_for()
    assert "Count." in await turn.locator(".step-body").last.inner_text()


async def test_pictures_come_by_file_paste_and_drop(server: Served, visit, tmp_path):
    visitor = await visit(server.url)
    (tmp_path / "red.png").write_bytes(png("red"))
    (tmp_path / "fake.png").write_text("no picture")
    await visitor.page.set_input_files("#files", tmp_path / "red.png")
    await visitor.page.wait_for_selector(".slot img")
    add = """([kind, bytes]) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], "x.png", {type: "image/png"}));
        const event = kind === "paste"
            ? new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true})
            : new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true});
        document.querySelector("#message").dispatchEvent(event);
    }"""
    await visitor.page.evaluate(add, ["paste", list(png("green"))])
    await visitor.page.locator(".slot img").nth(1).wait_for()
    await visitor.page.evaluate(add, ["drop", list(png("blue"))])
    await visitor.page.locator(".slot img").nth(2).wait_for()
    await visitor.page.locator(".slot-remove").first.click()
    # An address settles it together with pictures for nobody; the model sends it to talk.
    server.model.says = "Two pictures."
    await visitor.say("Look at http://127.0.0.1:9/ or not")
    turn = await visitor.turn("done", "running")
    assert await turn.locator(".asked-pictures .thumbnail").count() == 2
    await visitor.turn("done")
    visitor.complaints.clear()
    await visitor.page.set_input_files("#files", tmp_path / "fake.png")
    await visitor.page.wait_for_selector(".slot.failed")
    assert "no picture" in await visitor.page.inner_text(".slot.failed")
    # The browser itself writes a line about the refusal.
    visitor.complaints.clear()


async def test_a_search_is_drawn_with_its_evidence(server: Served, visit, tmp_path):
    from agentkit.evals.scenes import large_scene

    scene = large_scene(np.random.default_rng(100_006), 600, 450, distractors=1, hosts=0, glyphs=False)
    target = scene.objects[0]
    buffer = io.BytesIO()
    scene.image.save(buffer, "PNG")
    (tmp_path / "scene.png").write_bytes(buffer.getvalue())
    visitor = await visit(server.url)
    await visitor.page.set_input_files("#files", tmp_path / "scene.png")
    await visitor.say(f"what colour is the {target.shape}?")
    turn = await visitor.turn("done")
    data = await server.get(f"/api/turns/{await turn.get_attribute('data-key')}")
    assert data["route"] == "look"
    told = [json.loads(item["data"]) for item in await events(server, data["key"])]
    looked = [event for event in told if event.get("kind") == "looked"]
    assert await turn.locator("rect.visit").count() == len(looked) > 0
    box = await turn.locator("svg.boxes").get_attribute("viewBox")
    assert box == "0 0 600 450"
    assert data["evidence"], "the search of this scene finds its target"
    chip = turn.locator(".evidence .chip").first
    await chip.hover()
    assert await turn.locator("rect.proof.bright").count() == 1
    drawn = await turn.locator("rect.proof.bright").evaluate(
        "r => ['x', 'y', 'width', 'height'].map(n => Number(r.getAttribute(n)))"
    )
    left, top, right, bottom = data["evidence"][0]["box"]
    assert drawn == pytest.approx([left, top, right - left, bottom - top])
    # A reload shows the same proof without the search.
    await visitor.page.reload()
    turn = await visitor.turn("done")
    await turn.locator("rect.proof").first.wait_for(state="attached")
    await turn.locator(".zoomable").click()
    await visitor.page.locator("#zoom[open] img").wait_for()
    await visitor.page.keyboard.press("Escape")


async def test_a_question_is_a_card(server: Served, visit):
    visitor = await visit(server.url)
    await visitor.say("Order tickets on the web.")
    turn = await visitor.turn("waiting")
    card = turn.get_by_role("region", name="Which web page should I open?")
    await card.get_by_label("Your answer").fill("none, just talk")
    await card.get_by_role("button", name="Answer").click()
    await visitor.turn("done")
    assert await turn.locator(".card").count() == 0


async def test_an_action_is_approved_on_a_card(tmp_path, serving, visit, browser):
    from agentkit.agents.web import WebAgent
    from tests.agents.web.chooser import REGISTER, TASK, Chooser
    from tests.site import Site

    def abilities(_: object) -> Any:
        return {"browse": WebAgent(Chooser(*REGISTER), memory="off", browser=browser)}

    with Site() as site:
        server = await serving(tmp_path, abilities=abilities)
        visitor = await visit(server.url)
        await visitor.say(f"{TASK} {site.url}")
        turn = await visitor.turn("waiting")
        card = turn.locator(".card.approval")
        assert 'click button "Register"' in await card.inner_text()
        assert site.url in await card.locator(".address").inner_text()
        await card.locator(".picture").wait_for()
        assert site.received == []
        await card.get_by_role("button", name="Allow").dblclick()
        await visitor.turn("done")
        assert site.received == [{"name": "Ada", "city": "Paris"}]


async def test_stop_go_on_and_correct(server: Served, visit):
    server.model.says = "one two three"
    server.model.hold = gate = asyncio.Event()
    visitor = await visit(server.url)
    await visitor.say("Count the cars.")
    turn = await visitor.turn("running")
    await server.model.asked.wait()
    await turn.get_by_role("button", name="Stop").click()
    await visitor.turn("stopped")
    assert "Stopped." in await turn.inner_text()
    server.model.asked.clear()
    await turn.get_by_role("button", name="Go on").click()
    await visitor.turn("running")
    await server.model.asked.wait()
    await turn.get_by_role("button", name="Correct").click()
    await visitor.page.get_by_label("What is wrong").fill("no, the blue ones")
    await visitor.page.keyboard.press("Enter")
    await visitor.turn("stopped", number=0)
    gate.set()
    new = await visitor.turn("done", number=1)
    assert "no, the blue ones" in await new.locator(".asked-text").inner_text()


async def test_conversations_are_found_renamed_exported_and_deleted(server: Served, visit):
    visitor = await visit(server.url)
    page = visitor.page
    await visitor.say("A purple elephant.")
    await visitor.turn("done")
    await page.click("#new")
    await page.wait_for_selector(".welcome")
    await visitor.say("Second.")
    await visitor.turn("done")
    await page.fill("#search", "purple")
    await page.click("#hits .entry")
    await page.get_by_role("heading", name="A purple elephant.").wait_for()
    await visitor.turn("done")
    await page.click("#rename")
    await page.get_by_role("dialog").get_by_role("textbox").fill("Zoo")
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="Zoo").wait_for()
    await page.click("#export summary")
    async with page.expect_download() as arriving:
        await page.click("#export-md")
    text = (await (await arriving.value).path()).read_text()
    assert text.startswith("# Zoo")
    await page.click("#delete")
    assert "for good" in await page.inner_text("#dialog")
    await page.click("#dialog-yes")
    await page.wait_for_selector(".welcome")
    await page.fill("#search", "")
    await visitor.until("document.querySelectorAll('#list .entry').length === 1")
    assert len((await server.get("/api/conversations"))["conversations"]) == 1


async def test_a_turn_is_edited_in_a_branch(server: Served, visit):
    visitor = await visit(server.url)
    for text in ("First.", "Second."):
        await visitor.say(text)
        await visitor.turn("done")
        await visitor.until("document.querySelector('#message').value === ''")
    turn = await visitor.turn("done", number=1)
    await turn.get_by_role("button", name="Edit and branch").click()
    await visitor.page.get_by_role("heading", name="First. (branch)").wait_for()
    await visitor.until("document.querySelector('#message').value === 'Second.'")
    await visitor.say("Another second.")
    await visitor.turn("done", number=1)
    assert await visitor.page.locator(".asked-text").all_inner_texts() == ["First.", "Another second."]


async def test_a_cut_line_loses_nothing_and_doubles_nothing(server: Served, visit):
    """50 cuts at random moments of one streamed turn."""
    server.model.says = " ".join(f"w{i}" for i in range(400))
    server.model.hold = gate = asyncio.Event()
    dice = random.Random(11)
    async with Wire(urlsplit(server.url).port or 0) as wire:
        visitor = await visit(f"http://127.0.0.1:{wire.port}", quiet=False)
        await visitor.page.evaluate(
            "() => { window.told = []; document.addEventListener('agentkit', e => told.push(e.detail.event.seq)); }"
        )
        await visitor.say("Go.")
        key = await (await visitor.turn("running")).get_attribute("data-key")
        live = server.app.state.talks["owner"].turns.live[key]
        for _ in range(50):
            wanted = len(live.lines) + dice.randrange(1, 9)
            gate.set()
            await live.change(lambda wanted=wanted: len(live.lines) >= wanted or live.ended.is_set(), 5)
            gate.clear()
            wire.cut()
            await asyncio.sleep(dice.random() * 0.2)
        gate.set()
        turn = await visitor.turn("done")
        told = await visitor.page.evaluate("told")
        sent = [int(e["id"]) for e in await events(server, key) if e["event"] == "event"]
        assert wire.cuts == 50
        assert told == sent == list(range(len(sent)))
        assert (await turn.locator(".answer").inner_text()).split() == server.model.says.split()


async def test_a_reload_and_a_second_tab_see_the_turn_that_runs(server: Served, visit):
    server.model.hold = gate = asyncio.Event()
    visitor = await visit(server.url)
    await visitor.say("Hi.")
    await visitor.turn("running")
    # A page that is left before its words have arrived takes them along.
    await server.model.asked.wait()
    await visitor.page.reload()
    await visitor.turn("running")
    other = await visit(visitor.page.url, context=visitor.page.context)
    await other.turn("running")
    gate.set()
    for one in (visitor, other):
        turn = await one.turn("done")
        assert (await turn.locator(".answer").inner_text()).strip() == "Hello from the model."
    await other.say("Again.")
    await other.turn("done", number=1)
    await visitor.turn("done", number=1)


async def test_a_restart_of_the_server_is_said_and_gone_on_after(tmp_path, visit):
    async with Wire(0) as wire:
        async with served(tmp_path) as first:
            wire.to = urlsplit(first.url).port or 0
            visitor = await visit(f"http://127.0.0.1:{wire.port}", quiet=False)
            first.model.hold = asyncio.Event()
            await visitor.say("Hi.")
            await visitor.turn("running")
            await first.model.asked.wait()
        await visitor.page.get_by_text("The connection is lost").wait_for()
        async with served(tmp_path) as second:
            wire.to = urlsplit(second.url).port or 0
            turn = await visitor.turn("interrupted")
            await turn.get_by_role("button", name="Go on").click()
            await visitor.turn("done")
            assert (await turn.locator(".answer").inner_text()).strip() == "Hello from the model."


async def test_what_cannot_be_sent_is_kept_and_sent_once(server: Served, visit):
    async with Wire(urlsplit(server.url).port or 0) as wire:
        visitor = await visit(f"http://127.0.0.1:{wire.port}", quiet=False)
        await visitor.say("First.")
        await visitor.turn("done")
        await visitor.until("document.querySelector('#message').value === ''")
        wire.down = True
        wire.cut()
        await visitor.say("Important.")
        await visitor.page.get_by_text("can't be reached").wait_for()
        assert await visitor.page.input_value("#message") == "Important."
        wire.down = False
        await visitor.page.click("#send")
        await visitor.turn("done", number=1)
        assert len(server.model.prompts) == 2


async def test_errors_and_the_queue_are_said(server: Served, visit):
    server.model.error = ModelError("the model is not there")
    visitor = await visit(server.url)
    await visitor.say("Hi.")
    turn = await visitor.turn("failed")
    assert "This failed: the model is not there" in await turn.inner_text()
    server.model.error = None
    queued = await server.app.state.talks["owner"].cast.get("decide")
    assert isinstance(queued, QueuedModel)
    queued.line.width = 1
    server.model.hold = gate = asyncio.Event()
    server.model.asked.clear()
    await turn.get_by_role("button", name="Try again").click()
    await server.model.asked.wait()
    await visitor.say("Me too.")
    waiting = await visitor.turn("running", number=1)
    await waiting.get_by_text("Waiting for the model: 1 call ahead").wait_for()
    gate.set()
    await visitor.turn("done", number=0)
    await visitor.turn("done", number=1)


async def test_the_page_asks_for_the_token(tmp_path, serving, visit):
    server = await serving(tmp_path, tokens={"a-long-secret": "owner"})
    visitor = await visit(server.url, quiet=False)
    await visitor.page.get_by_label("Token").last.fill("wrong-secret")
    await visitor.page.keyboard.press("Enter")
    await visitor.page.get_by_text("not known").wait_for()
    await visitor.page.get_by_label("Token").last.fill("a-long-secret")
    await visitor.page.keyboard.press("Enter")
    await visitor.page.wait_for_selector(".model")
    await visitor.say("Hi.")
    await visitor.turn("done")
    linked = await visit(f"{server.url}/#token=a-long-secret", quiet=False)
    await linked.page.wait_for_selector(".model")
    assert "secret" not in linked.page.url


async def test_by_keyboard_and_on_a_phone(server: Served, visit):
    phone = await visit(server.url, viewport=PHONE, has_touch=True, is_mobile=True)
    await phone.say("a-very-long-word" * 20)
    await phone.turn("done")
    assert await phone.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert not await phone.page.is_visible("#new")
    await phone.page.click("#side-open")
    await phone.page.wait_for_selector("#new", state="visible")
    await phone.page.keyboard.press("Escape")
    await phone.page.wait_for_selector("#new", state="hidden")
    assert await phone.page.evaluate("document.activeElement.id") == "side-open"
    keyboard = await visit(server.url)
    await keyboard.page.evaluate("document.activeElement.blur()")
    seen = set()
    for _ in range(12):
        await keyboard.page.keyboard.press("Tab")
        seen.add(
            await keyboard.page.evaluate("document.activeElement.id || document.activeElement.className")
        )
    assert {"skip", "new", "search", "entry", "message", "attach"} <= seen


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_serious(server: Served, visit, scheme):
    from axe_playwright_python.base import AXE_FILE_PATH

    server.model.says = UNSAFE
    # The checker's own script is not of the page.
    visitor = await visit(server.url, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce")
    page = visitor.page
    source = AXE_FILE_PATH.read_text("utf-8")

    async def check(state: str) -> None:
        await page.evaluate(source)
        found = await page.evaluate("axe.run().then(r => r.violations)")
        serious = [
            (item["id"], [node["html"][:200] for node in item["nodes"]])
            for item in found
            if item["impact"] in ("serious", "critical")
        ]
        assert serious == [], state

    await check("empty")
    await visitor.say("Everything, please.")
    turn = await visitor.turn("done")
    await turn.locator(".steps > summary").click()
    await turn.locator(".step.model_called summary").last.click()
    await turn.get_by_text("Cost").last.wait_for()
    await visitor.say("Order it on the web.")
    await visitor.turn("waiting")
    await check("answer, steps and question")
    await page.click("#delete")
    await check("dialog")
