"""Write the exemplars that ship, and their vectors: the experts' runs on seeds from 100,000 up.

python -m agentkit.evals.miniwob.demonstrate memory/exemplars_miniwob.jsonl --each 2
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from agentkit.errors import ToolError
from agentkit.models.embed import load_embedder

from ...agents.web.page import page_text
from ...memory import Exemplar, Step, describe_screen, precomputed
from ...tools.browser import BrowserSession, observe, perform
from .experts import EXPERTS, Desk, Expert
from .server import MiniWobServer
from .task import MiniWobTask, session_config

FIRST_SEED = 100_000
MAX_STEPS = 30


async def demonstrate(session: BrowserSession, task: MiniWobTask, expert: Expert) -> Exemplar | None:
    """Return the trajectory of an expert's episode, None when it did not end with raw reward 1."""
    text = await task.setup(session)
    screen = describe_screen(await session.screenshot())
    steps: list[Step] = []
    snapshot = None
    while len(steps) < MAX_STEPS and not await task.done(session):
        snapshot = await observe(session, snapshot)
        done, pages = tuple(step.action for step in steps), tuple(step.observation for step in steps)
        move = expert(Desk(text, snapshot, done, pages))
        if move is None or move.action is None:
            return None
        steps.append(Step(observation=page_text(snapshot, text), action=move.words))
        try:
            await perform(session, move.action)
        except ToolError:
            # What did not work is nothing to show.
            return None
    if await task.reward(session) != 1.0:
        return None
    return Exemplar(
        task=text,
        steps=tuple(steps),
        family=task.name,
        site="miniwob",
        run=f"expert/{task.name}/{task.seed}",
        screen=screen,
    )


async def collect(each: int) -> list[Exemplar]:
    """Return ``each`` exemplars of every task that has an expert, of the first seeds that succeed."""
    found: list[Exemplar] = []
    with MiniWobServer() as server:
        async with BrowserSession(session_config(server)) as session:
            for name, expert in EXPERTS.items():
                mine: list[Exemplar] = []
                seed = FIRST_SEED
                while len(mine) < each and seed < FIRST_SEED + 10 * each:
                    exemplar = await demonstrate(session, MiniWobTask(server, name, seed), expert)
                    mine += [exemplar] if exemplar else []
                    seed += 1
                found += mine
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--each", type=int, default=2)
    given = parser.parse_args()
    found = asyncio.run(collect(given.each))
    given.file.write_text("".join(item.model_dump_json() + "\n" for item in found), "utf-8")
    precomputed.write(given.file.with_suffix(".npz"), [item.key for item in found], load_embedder())
    print(f"{len(found)} exemplars of {len({item.family for item in found})} tasks")


if __name__ == "__main__":
    main()
