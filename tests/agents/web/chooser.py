"""A model that ranks by a list: deterministic, instant, and without a single weight."""

from __future__ import annotations

from collections.abc import Sequence

from agentkit.contracts.result import Usage
from agentkit.models import Capabilities, Model, Reply, Request, Scores, VisionCard


class Chooser(Model):
    """Scores options by a list of words, the first that is offered first; the rest are all worse.

    ``asked`` holds the options of every call.
    """

    reference = "test:chooser"
    capabilities = Capabilities(scoring=True)
    card = VisionCard()

    def __init__(self, *wanted: str) -> None:
        self.wanted = wanted
        self.asked: list[tuple[str, ...]] = []

    async def _generate(self, request: Request) -> Reply:
        raise NotImplementedError("a chooser only ranks")

    async def _score(self, requests: Sequence[Request], options: tuple[str, ...]) -> list[Scores]:
        self.asked.append(options)
        ranks = [
            self.wanted.index(option) if option in self.wanted else len(self.wanted) for option in options
        ]
        # Far apart: what the agent adds to a likelihood changes nothing.
        scores = tuple(-10.0 * rank for rank in ranks)
        # Without the task every option is alike, so that a ranking that subtracts the prior keeps the order.
        flat = tuple(0.0 for _ in options)
        usage = Usage(calls=1)
        return [
            Scores(options, flat if "(no task" in str(r.messages) else scores, (1,) * len(options), usage)
            for r in requests
        ]


REGISTER = (
    'type "Ada" into textbox "Name"',
    'type "Paris" into textbox "City"',
    'click button "Register"',
    "finish",
)
TASK = 'Register with the name "Ada" and the city "Paris".'
