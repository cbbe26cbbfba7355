"""Load on the chat server: conversations at once, and memory over many turns, with a model that costs nothing.

    python -m tests.serve.bench_load [--talks 20] [--turns 500]

Prints how long the first event of a turn takes (median and worst), and the memory of the process, as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

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


def resident(process: int) -> float:
    """Return the memory of a process in MB."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def be_served(folder: Path) -> None:
    """Run the server until standard input ends; its address is the first line of standard output."""
    async with served(folder, Talker(" ".join(f"word{i}" for i in range(40)))) as server:
        sys.stdout.write(server.url + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


def started(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """Start the server in a process of its own; return it with its address."""
    command = [sys.executable, "-m", "tests.serve.bench_load", "--serve", str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


async def measure(talks: int, turns: int, folder: Path) -> dict[str, Any]:
    """Return what the server does under load."""
    process, url = started(folder)
    async with httpx.AsyncClient(base_url=url, timeout=120) as client:
        server = Served(url, client, None, folder, None, process.kill)
        await first_event(server, await server.conversation(), "Warm up.")
        keys = [await server.conversation() for _ in range(talks)]
        rounds = [await asyncio.gather(*(first_event(server, key, "Hi.") for key in keys)) for _ in range(5)]
        times = sorted(seconds for some in rounds for seconds in some)
        sizes = []
        for number in range(turns):
            await first_event(server, keys[number % talks], f"Turn {number}.")
            if number % 50 == 49:
                sizes.append(round(resident(process.pid), 1))
                sys.stderr.write(f"{number + 1} turns, {sizes[-1]} MB\n")
    process.communicate("")
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
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(be_served(given.serve))
    else:
        with tempfile.TemporaryDirectory() as place:
            found = asyncio.run(measure(given.talks, given.turns, Path(place)))
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
