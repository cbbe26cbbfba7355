"""Load on the chat server: conversations at once, and memory over many turns, with a model that costs nothing.

    python -m tests.serve.bench_load [--talks 20] [--turns 500]

Prints how long the first event of a turn takes (median and worst), and the memory of the process, as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .conftest import Served, Talker, served


async def first_event(server: Served, talk: str, text: str) -> float:
    """Return the seconds from sending a turn to its first event, when the whole turn was read."""
    start = time.perf_counter()
    key = (await server.begin(talk, text))["key"]
    first = 0.0
    async with server.client.stream("GET", f"/api/turns/{key}/events") as answer:
        async for line in answer.aiter_lines():
            if line.startswith("id: ") and not first:
                first = time.perf_counter() - start
    return first


def resident() -> float:
    """Return the memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


async def measure(talks: int, turns: int) -> dict[str, Any]:
    says = " ".join(f"word{i}" for i in range(40))
    with tempfile.TemporaryDirectory() as folder:
        async with served(Path(folder), Talker(says)) as server:
            await first_event(server, await server.conversation(), "Warm up.")
            keys = [await server.conversation() for _ in range(talks)]
            rounds = [
                await asyncio.gather(*(first_event(server, key, "Hi.") for key in keys)) for _ in range(5)
            ]
            times = sorted(time for some in rounds for time in some)
            # Long conversations are recalled up to a number of turns: the memory is compared beyond it.
            sizes = []
            for number in range(turns):
                await first_event(server, keys[number % talks], f"Turn {number}.")
                if number % 50 == 49:
                    sizes.append(round(resident(), 1))
                    sys.stderr.write(f"{number + 1} turns, {sizes[-1]} MB\n")
    return {
        "talks": talks,
        "first event, median s": round(statistics.median(times), 3),
        "first event, 95 % s": round(times[int(len(times) * 0.95)], 3),
        "first event, worst s": round(times[-1], 3),
        "n": len(times),
        "turns": turns,
        "memory every 50 turns, MB": sizes,
        "growth": round(sizes[-1] / sizes[0] - 1, 3) if sizes else None,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--talks", type=int, default=20)
    parser.add_argument("--turns", type=int, default=500)
    given = parser.parse_args()
    sys.stdout.write(json.dumps(asyncio.run(measure(given.talks, given.turns)), indent=1) + "\n")
