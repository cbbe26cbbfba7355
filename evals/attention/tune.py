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
from .fits import TRAINING_SEED, juice, pasta_heads


async def tune(reference: str) -> None:
    """Print the entries of ``known.HEADS`` for a model."""
    model = load_local(reference, threads=1)
    weights = fingerprint_of(model)[:12]
    choice, conflict = ElementChoice(), Conflict()
    items = await conflict.items(model, 4 * SAMPLES, TRAINING_SEED)
    for way in ASK:
        mine = [item for item in items if item.stratum == way]
        edit = await juice(model, way, [sample(item) for item in mine[:SAMPLES]], mine[:1])
        sys.stdout.write(f'("{weights}", "juice.{way}"): ({edit.heads}, {edit.against}),\n')
        sys.stdout.flush()
    trained = [choice.item(TRAINING_SEED + number) for number in range(8)]
    heads = await pasta_heads(model, trained, Pasta("instruction"))
    sys.stdout.write(f'("{weights}", "pasta"): ({heads}, ()),\n')


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--decide", default="smollm2")
    asyncio.run(tune(parser.parse_args().decide))


if __name__ == "__main__":
    main()
