"""A process that dies in the middle of a tool call: ``crash.py FOLDER EFFECT [ANSWER]``."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from agentkit.agents.general import Agent
from agentkit.config import Settings
from agentkit.contracts.script import ScriptLine
from agentkit.models.script import ScriptModel
from agentkit.runtime.ask import Callback
from agentkit.toolset import tool

folder, effect, *more = sys.argv[1:]
base = Path(folder)


@tool(effect=effect)  # pyright: ignore[reportArgumentType] - from the command line
def deliver(item: str) -> str:
    """Deliver an item."""
    with (base / "delivered").open("a") as file:
        file.write(item + "\n")
    if not (base / "died").exists():
        (base / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return f"delivered {item}"


async def main() -> None:
    first = {"tool_calls": [{"name": "deliver", "arguments": {"item": "milk"}}]}
    model = ScriptModel(
        [ScriptLine.model_validate(line) for line in [first, {"text": "all done"}]], "script:test"
    )
    answers = [Callback(lambda question: more[0] if more[0] in question.choices else None)]
    agent = Agent(model, tools=[deliver], settings=Settings.load(approve="auto"), answers=answers)
    if more:
        print((await agent.aresume(base / "run")).model_dump_json())
    else:
        await agent.arun("deliver milk", out=base / "run")


asyncio.run(main())
