"""Finds what ``known`` keeps: heads of PASTA and JuICE on training seeds. Takes an hour on one core.

python -m agentkit.evals.attention.tune [--decide hf:...]
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from agentkit.attention import Pasta
from agentkit.models.local import load_local
from agentkit.models.wrapper import fingerprint_of

from .choice import ElementChoice
from .conflict import ASK, SAMPLES, Conflict, sample
from .fits import TRAINING_SEED, find_juice, find_pasta


async def tune(reference: str) -> None:
    """Print the entries of ``known.HEADS`` for a model."""
    model = load_local(reference, threads=1)
    weights = fingerprint_of(model)[:12]
    choice, conflict = ElementChoice(), Conflict()
    trained = [choice.item(TRAINING_SEED + number) for number in range(8)]
    heads = await find_pasta(model, trained, Pasta("instruction"))
    sys.stdout.write(f'("{weights}", "pasta"): ({heads}, ()),\n')
    sys.stdout.flush()
    items = await conflict.items(model, 4 * SAMPLES, TRAINING_SEED)
    for way in ASK:
        mine = [item for item in items if item.stratum == way]
        added, taken = await find_juice(model, [sample(item) for item in mine[:SAMPLES]])
        sys.stdout.write(f'("{weights}", "juice.{way}"): ({added}, {taken}),\n')
        sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--decide", default="smollm2")
    asyncio.run(tune(parser.parse_args().decide))


if __name__ == "__main__":
    main()
