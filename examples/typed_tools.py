"""An agent with a tool of your own and an answer of a type of your own.

python examples/typed_tools.py                       # replies from a file: no model, no key
python examples/typed_tools.py openai:gpt-4o-mini    # or any other model that calls tools
"""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import BaseModel, Field

from agentkit import Agent, ToolError, tool

PRICES = {"tea": 3.5, "cake": 4.2}
SCRIPT = Path(__file__).with_name("typed_tools.jsonl")


@tool(read=True)
def price(item: str) -> float:
    """Return the price of an item in euros.

    Args:
        item: Its name on the menu.
    """
    if item not in PRICES:
        raise ToolError(f"{item!r} is not on the menu", mend=f"one of {', '.join(PRICES)}")
    return PRICES[item]


class Bill(BaseModel):
    """What the agent must answer with."""

    items: list[str]
    total: float = Field(ge=0)


def main(model: str = f"script:{SCRIPT}") -> None:
    """Ask, and print the typed answer."""
    agent = Agent(model, tools=[price], output=Bill)
    result = agent.run("What do a tea and a cake cost together?")
    bill: Bill | None = agent.typed(result)
    if bill is None:
        raise SystemExit(f"{result.status}: {result.error or result.question}")
    print(
        f"{' and '.join(bill.items)}: {bill.total:.2f} euros, after {result.steps} steps (run: {result.run})"
    )


if __name__ == "__main__":
    main(*sys.argv[1:2])
