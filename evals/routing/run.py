"""``agentkit eval routing``: whether turns of a chat go where they should."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from agentkit.config import Settings
from agentkit.contracts.evaluation import Evaluation, Metric
from agentkit.errors import UsageError
from agentkit.models import Model

from ...agents.chat import ChatAgent, routing
from ...agents.chat.nearness import Nearness
from ..intervals import proportion
from ..keep import keep
from ..rows import Row, Rows
from .items import RouteItem, items_of
from .tools import tools

POLICIES = ("chat", "model")
KEY = ("set", "id", "text", "policy", "model")
# A conversation with this source can be researched; nothing is searched here.
SOURCES = ("web",)
Say = Callable[[str], None]


async def evaluate(
    settings: Settings,
    out: Path | None,
    *,
    family: Sequence[str] = (),
    policy: str = "chat",
    items: int | None = None,
    say: Say = lambda line: None,
) -> Evaluation:
    """Evaluate the supervisor's routing on turns with everything possible: a picture, sources, four tools.

    ``family``: ``heldout`` (200 turns, the default) or ``tuning`` (62). ``policy``: ``chat`` decides as the chat
    does; ``model`` has the model decide, without likeness to examples. ``items``: only the first so many.
    """
    if policy not in POLICIES:
        raise UsageError(f"there is no policy {policy!r} of routing", mend=", ".join(POLICIES))
    store, rows = Rows(out, KEY), []
    agent = ChatAgent(settings=settings, tools=tools(), sources=SOURCES)
    try:
        model = await agent.cast.get("decide")
        near = await agent.nearness() if policy == "chat" else None
        for name in dict.fromkeys(family or ("heldout",)):
            for item in items_of(name)[:items]:
                row = {
                    "set": name,
                    "id": item.id,
                    "text": item.text,
                    "policy": policy,
                    "model": model.reference,
                }
                found = store.find(row)
                if found is None:
                    found = row | await _routed(agent, model, near, item)
                    store.add([found])
                rows.append(found)
                if len(rows) % 20 == 0:
                    say(f"▸ routing {len(rows)}: {sum(row['right'] for row in rows)} right")
    finally:
        await agent.aclose()
    return keep(
        Evaluation(
            name="routing",
            model=model.reference,
            items=len(rows),
            metrics=metrics_of(rows),
            rows=rows,
            table=table_of(rows),
        ),
        out,
    )


async def _routed(agent: ChatAgent, model: Model, near: Nearness | None, item: RouteItem) -> Row:
    """Return where a turn goes, and whether a fact settled it."""
    here = item.picture == "here"
    facts = routing.settled(item.text, pictures=here)
    route = facts or await routing.choose(
        model, item.text, agent.abilities, before=item.before, nearness=near
    )
    return {
        "expected": item.route,
        "route": route,
        "settled": facts is not None,
        "right": route == item.route,
    }


def metrics_of(rows: Sequence[Row]) -> dict[str, Metric]:
    """Return the share that went right: of all, of what no fact settled, and of each ability's turns."""

    def share(some: Sequence[Row]) -> Metric:
        return proportion(sum(row["right"] for row in some), len(some))

    open_ = [row for row in rows if not row["settled"]]
    found = {"accuracy": share(rows), "accuracy/unsettled": share(open_)}
    for route in dict.fromkeys(row["expected"] for row in rows):
        found[f"accuracy/{route}"] = share([row for row in rows if row["expected"] == route])
    return found


def table_of(rows: Sequence[Row]) -> str:
    """Return the confusion table as Markdown: a line an ability that was right, a column one that was taken."""
    names = list(dict.fromkeys([*(row["expected"] for row in rows), *(row["route"] for row in rows)]))
    counts = Counter((row["expected"], row["route"]) for row in rows)
    whole = metrics_of(rows)["accuracy"]
    lines = [
        f"{whole.mean:.1%} right [{whole.low:.1%}, {whole.high:.1%}] of {whole.n}",
        "",
        f"| should go to | {' | '.join(names)} | of |",
        "|---|" + "---|" * (len(names) + 1),
    ]
    for name in names:
        of = [counts[name, other] for other in names]
        lines.append(f"| {name} | {' | '.join(map(str, of))} | {sum(of)} |")
    return "\n".join(lines)
