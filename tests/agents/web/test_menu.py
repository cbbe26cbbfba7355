"""What a model may write: actions that the page allows, actions of one's own, and how the page is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentkit.agents.web import WebAgent
from agentkit.agents.web.candidates import Candidate
from agentkit.agents.web.dialogs import Asked
from agentkit.agents.web.generate import Writing, action_schema
from agentkit.agents.web.prompt import View
from agentkit.agents.web.values import Value
from agentkit.content import Box, Picture
from agentkit.contracts.result import Usage
from agentkit.errors import UnsupportedCapability, UsageError
from agentkit.models import Capabilities, Model, Reply, Request, VisionCard
from agentkit.tools.browser import ACTIONS, Action, ActionSet, BrowserSession, Element, Line, Snapshot
from agentkit.tools.browser.effect import Effect
from tests.results import run_of
from tests.site import Site


class Writer(Model):
    """Writes the given replies, one after the other, and keeps what it was asked."""

    def __init__(self, *replies: dict[str, Any], images: bool = True) -> None:
        self.reference, self.card = "script:writer", VisionCard()
        self.capabilities = Capabilities(images=images, schema=True)
        self.replies, self.asked = list(replies), list[Request]()

    async def _generate(self, request: Request) -> Reply:
        self.asked.append(request)
        data = self.replies.pop(0)
        return Reply(json.dumps(data), (), data, "stop", Usage(calls=1), None, self.reference)


def page(*elements: Element, scroll: tuple[int, int] = (0, 0), text: str = "Hello") -> Snapshot:
    return Snapshot("http://x.test/", "", elements, (Line((text, *((e.id,) for e in elements))),), scroll)


def offered(snapshot: Snapshot, writing: Writing | None = None, **more: Any) -> dict[str, dict[str, Any]]:
    schema = action_schema(View("t", snapshot, **more), writing)
    return {kind["properties"]["action"]["const"]: kind["properties"] for kind in schema["anyOf"]}


def element(number: int, role: str, name: str = "", **more: Any) -> Element:
    return Element(f"e{number}", role, name, role, box=Box(0, 0, 10, 10), **more)


def test_only_what_can_be_done_is_offered() -> None:
    plain = offered(page(element(1, "button", "Go")))
    assert not {
        "scroll",
        "fill",
        "clear",
        "press",
        "drag_and_drop",
        "upload_file",
        "switch_tab",
        "click_at",
    } & set(plain)
    assert {"click", "goto", "back", "extract", "ask", "finish"} <= set(plain)
    long = offered(page(element(1, "textbox", "Name", value="Ada"), scroll=(0, 500)))
    assert long["clear"]["element"]["enum"] == ["textbox Name [e1]"]
    assert long["scroll"]["value"]["enum"] == ["down", "up"]
    assert "scroll" in offered(page(text="(scrolls: 90 px below)"))
    dragged = offered(
        page(element(1, "clickable", "Card", states=("draggable",)), element(2, "clickable", "Bin"))
    )
    assert dragged["drag_and_drop"]["element"]["enum"] == ["Card [e1]"]
    assert dragged["drag_and_drop"]["to"]["enum"] == ["Card [e1]", "Bin [e2]"]
    assert "click_at" in offered(page(element(1, "canvas")))


def test_files_tabs_and_episodes_decide_what_is_offered() -> None:
    form = page(element(1, "file", "Photo"))
    assert "upload_file" not in offered(form)
    given = offered(form, values=[Value("me.png", "upload", "file")])
    assert given["upload_file"] == {
        "action": {"const": "upload_file"},
        "element": {"enum": ["file Photo [e1]"]},
        "value": {"enum": ["me.png"]},
    }
    tabs = offered(form, Writing(tabs=("http://x.test/", "http://x.test/2")))
    assert tabs["switch_tab"]["value"]["enum"] == ["0", "1"]
    assert "close_tab" in tabs
    episode = offered(form, Writing(finish=False))
    assert not {"goto", "back", "wait", "extract", "finish", "report_infeasible"} & set(episode)


def test_every_action_of_the_set_can_be_offered() -> None:
    everything = page(
        element(1, "textbox", "Name", value="Ada", states=("popup", "draggable")),
        element(2, "combobox", "Size", options=("S", "L")),
        element(3, "checkbox", "A"),
        element(4, "checkbox", "B", states=("checked",)),
        element(5, "file", "Photo"),
        element(6, "canvas"),
        scroll=(0, 10),
    )
    writing = Writing(ACTIONS, "both", tabs=("http://x.test/", "http://x.test/2"))
    asked = Asked("prompt", "Your name?", Candidate("goto x", Action("goto", value="x")))
    shown = offered(everything, writing, values=[Value("me.png", "upload", "file")], dialog=asked)
    assert set(ACTIONS) <= set(shown)


async def wave(session: BrowserSession, element: str) -> Effect:
    """Wave at an element."""
    return Effect(session.url, session.url, changed=True, text=f"waved at {element}")


def test_an_action_of_ones_own_is_written_asked_about_and_done(site: Site) -> None:
    writer = Writer({"action": "wave", "element": "e1"}, {"action": "finish", "answer": "waved"})
    agent = WebAgent(
        writer, policy="generate", memory="off", actions=ActionSet.of(ACTIONS["click"], wave), approve="ask"
    )
    result = agent.run("Wave.", url=f"{site.url}/form.html")
    # What it does, agentkit can't know.
    assert result.status == "needs_input"
    result = agent.resume(result, "yes")
    assert (result.status, result.answer) == ("done", "waved")
    system = writer.asked[0].messages[0].text
    assert '{"action": "wave", "element": "button Ok [e1]"} (Wave at an element.)' in system
    assert "goto" not in system
    events = [json.loads(line) for line in (Path(run_of(result)) / "events.jsonl").read_text().splitlines()]
    assert any("waved at e1" in json.dumps(event) for event in events)


def test_a_ranking_model_is_offered_the_actions_of_the_list_only(site: Site) -> None:
    from .chooser import Chooser

    agent = WebAgent(Chooser("finish"), memory="off", actions=["fill"])
    result = agent.run('Enter "Ada".', url=f"{site.url}/form.html")
    events = [json.loads(line) for line in (Path(run_of(result)) / "events.jsonl").read_text().splitlines()]
    options = [option for event in events if event["kind"] == "decided" for option in event["options"]]
    assert not [option for option in options if option.startswith(("click", "press"))]
    with pytest.raises(UsageError, match="no action 'fly'"):
        WebAgent(Chooser("finish"), actions=["fly"])


@pytest.mark.parametrize("show", ["marks", "both"])
def test_the_page_is_shown_as_a_picture_with_the_ids_on_it(site: Site, show: Any) -> None:
    writer = Writer({"action": "finish", "answer": "seen"})
    result = WebAgent(writer, policy="generate", memory="off", show=show).run(
        "Look.", url=f"{site.url}/form.html"
    )
    assert result.status == "done"
    (request,) = writer.asked
    (picture,) = [part for message in request.messages for part in message.parts if isinstance(part, Picture)]
    assert picture.trust == "untrusted"
    # The marks are drawn on a copy: the evidence is the screenshot as it was. The run keeps both.
    kept = {path.stem for path in (Path(run_of(result)) / "images").iterdir()}
    assert {picture.image.sha256, result.evidence[0].image} <= kept
    assert picture.image.sha256 != result.evidence[0].image
    text = request.messages[-1].text
    assert ("[e1]" in text) is (show == "both")


def test_a_model_that_sees_no_pictures_is_told_so(site: Site) -> None:
    agent = WebAgent(Writer(images=False), policy="generate", memory="off", show="marks")
    with pytest.raises(UnsupportedCapability):
        agent.run("Look.", url=f"{site.url}/form.html")
