"""Runs killed with SIGKILL go on in a new process; a server outside the browser counts what was sent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentkit.agents.web import WebAgent
from tests.results import output_of

from .chooser import REGISTER, TASK

ROOT = Path(__file__).parents[3]
# Seconds: longer than a session waits for an effect by default, shorter than for a page.
SLOW = 4.0
SHORT = 'Register with the name "Ada".'


class Launcher:
    """The process that starts, and outlives, the killed ones."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.agents.web.launcher"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self.pid = 0

    def run(self, **command: Any) -> dict[str, int]:
        """Run one command; ``pid`` is the running process meanwhile. Returns how it ended."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        self.pid = json.loads(self._process.stdout.readline())["pid"]
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(20)


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    found = Launcher()
    yield found
    found.close()


def events(out: Path) -> list[dict[str, Any]]:
    """Return the events so far; a kill may have torn the last line."""
    whole = (out / "events.jsonl").read_text().rpartition("\n")[0]
    return [json.loads(line) for line in whole.splitlines()]


def test_killed_at_the_start_of_every_node(site, launcher, tmp_path) -> None:
    out, step, kills = tmp_path / "run", -1, 0
    while True:
        die = {"kind": "node_started", "after": step}
        ended = launcher.run(out=str(out), url=site.url, task=SHORT, resume=step >= 0, die=die)
        if not ended["signal"]:
            break
        step = max(event["step"] for event in events(out) if event["kind"] == "node_started")
        kills += 1
    assert ended["exit"] == 0
    assert kills >= 10
    assert [form.get("name") for form in site.received] == ["Ada"]
    assert events(out)[-1]["status"] == "done"


def test_killed_after_a_slow_answer_to_a_form(site, launcher, tmp_path) -> None:
    # The server answers later than an action's effect is waited for; what the page then shows is still the form.
    out, held = tmp_path / "run", threading.Event()
    site.on_post = lambda: held.wait(SLOW)
    die = {"kind": "acted", "state": "done", "action": REGISTER[2]}
    ended = launcher.run(out=str(out), url=site.url, task=SHORT, die=die)
    assert ended["signal"] == signal.SIGKILL
    assert launcher.run(out=str(out), resume=True)["exit"] == 0
    assert [form.get("name") for form in site.received] == ["Ada"]


def test_what_a_script_sent_is_not_sent_again(site, launcher, tmp_path) -> None:
    # Nothing in the button's name says that it can't be undone: what tells is what the click sent.
    site.scripted, like = True, 'click button "Like"'
    out = tmp_path / "run"
    die = {"kind": "acted", "state": "done", "action": like}
    start = {"out": str(out), "url": site.url, "task": "Like it.", "wanted": [like, "finish"]}
    assert launcher.run(**start, die=die)["signal"] == signal.SIGKILL
    # The fresh page does not show it, so the agent wants to do it once more: somebody is asked first.
    assert launcher.run(**start, resume=True)["exit"] == 1
    asked = [event["question"] for event in events(out) if event["kind"] == "asked"]
    assert "it was done before the page was opened again" in asked[0]["why"]
    assert site.received == [{"liked": "1"}]


def test_what_a_script_sent_without_an_answer_is_asked_about(site, launcher, tmp_path) -> None:
    site.scripted, out, held = True, tmp_path / "run", threading.Event()
    site.on_post = held.wait
    assert launcher.run(out=str(out), url=site.url, task=SHORT)["exit"] == 1
    held.set()
    acted = [event["state"] for event in events(out) if event["kind"] == "acted"]
    assert acted == ["pending", "done", "pending", "unknown"]
    question = events(out)[-2]["question"]
    assert question["choices"] == ["it happened", "it did not happen"]
    assert "has not answered" in question["why"]
    assert launcher.run(out=str(out), resume=True, happened="it happened")["exit"] == 0
    assert [form["name"] for form in site.received] == ["Ada"]


def test_a_form_that_answers_at_its_own_address_is_not_sent_again_without_asking(
    site, launcher, tmp_path
) -> None:
    # The page after it can't be had again: its address gives the empty form.
    site.in_place = True
    out = tmp_path / "run"
    die = {"kind": "acted", "state": "done", "action": REGISTER[2]}
    assert launcher.run(out=str(out), url=site.url, task=SHORT, die=die)["signal"] == signal.SIGKILL
    assert launcher.run(out=str(out), resume=True)["exit"] == 1
    asked = [event["question"] for event in events(out) if event["kind"] == "asked"]
    assert len(asked) == 1
    assert "it was done before the page was opened again" in asked[0]["why"]
    assert [form.get("name") for form in site.received] == ["Ada"]


async def test_killed_before_and_after_every_action_of_one_run(site, launcher, tmp_path) -> None:
    out, sent = tmp_path / "run", []
    for words in REGISTER[:3]:
        for state in ("pending", "done"):
            die = {"kind": "acted", "state": state, "action": words}
            happened = "it happened" if site.received else "it did not happen"
            ended = launcher.run(
                out=str(out), url=site.url, task=TASK, resume=bool(sent), die=die, happened=happened
            )
            assert ended["signal"] == signal.SIGKILL
            sent.append(len(site.received))
    assert sent == [0, 0, 0, 0, 0, 1]
    assert launcher.run(out=str(out), resume=True)["exit"] == 0
    assert site.received == [{"name": "Ada", "city": "Paris"}]
    # Only the registration can't be undone, so only in doubt about it is anybody asked.
    asked = [event["question"]["missing"] for event in events(out) if event["kind"] == "asked"]
    assert asked == ["whether it happened"]
    again = await WebAgent(memory="off", approve="auto").areplay(out)
    assert again.status == "done"
    assert [step["action"] for step in output_of(again)["steps"]] == list(REGISTER[:3])


def test_killed_while_the_server_holds_the_request(site, launcher, tmp_path) -> None:
    out = tmp_path / "run"
    site.on_post = lambda: os.kill(launcher.pid, signal.SIGKILL)
    assert launcher.run(out=str(out), url=site.url, task=TASK)["signal"] == signal.SIGKILL
    site.on_post = None
    assert launcher.run(out=str(out), resume=True)["exit"] == 1
    asked = [event["question"] for event in events(out) if event["kind"] == "asked"]
    assert asked[0]["choices"] == ["it happened", "it did not happen"]
    assert launcher.run(out=str(out), resume=True, happened="it happened")["exit"] == 0
    assert site.received == [{"name": "Ada", "city": "Paris"}]
