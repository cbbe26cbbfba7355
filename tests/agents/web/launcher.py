"""Runs web agents in processes that can be killed: one command a line, each in a fork of this process.

Forking after the imports saves seconds a run. A command: ``{"out", "url", "task", "resume", "die", "happened", "wanted"}``;
``die`` names the event at which the process kills itself. Replies: ``{"pid"}`` at once, ``{"signal", "status"}``.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from agentkit.agents.web import WebAgent
from agentkit.runtime.ask import Callback
from tests.agents.web.chooser import REGISTER, Chooser


def main() -> None:
    for line in sys.stdin:
        command = json.loads(line)
        pid = os.fork()
        if pid == 0:
            work(command)
        print(json.dumps({"pid": pid}), flush=True)
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        print(json.dumps({"signal": -code if code < 0 else 0, "exit": max(code, 0)}), flush=True)


def work(command: dict[str, Any]) -> None:
    """Run or resume the agent and leave without a word to anybody (``os._exit``)."""
    answers = [
        Callback(
            lambda question: command.get("happened") if question.missing == "whether it happened" else None
        )
    ]
    web = WebAgent(Chooser(*command.get("wanted", REGISTER)), memory="off", approve="auto", answers=answers)
    if command.get("die"):
        web.listeners.append(lambda event: killed_by(event.model_dump(), command["die"]))
    out = Path(command["out"])
    if command.get("resume"):
        result = asyncio.run(web.aresume(out))
    else:
        result = asyncio.run(web.arun(command["task"], out=out, url=command["url"]))
    os._exit(0 if result.status == "done" else 1)


def killed_by(event: dict[str, Any], die: dict[str, Any]) -> None:
    """Die at an event that has these fields (``after`` is a bound on the step)."""
    fields = {key: value for key, value in die.items() if key != "after"}
    if all(event.get(key) == value for key, value in fields.items()) and event.get("step", 0) > die.get(
        "after", -1
    ):
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
