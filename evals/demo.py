"""The demo: seeing, acting, asking and remembering, for real, on the embedded models.

Every part runs the same agents that users call. Its seeds are fixed, so that it shows the same each time; its
pictures and pages are made or shipped by packages, so that it needs no network and no key.
"""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agentkit.config import Settings
from agentkit.content import Box, Image
from agentkit.content.box import box_text
from agentkit.contracts.event import Asked, EventBase, Recalled
from agentkit.contracts.result import Question, Result
from agentkit.errors import UsageError
from agentkit.runs.report import write_report
from agentkit.runtime.ask import Answerer, Callback
from agentkit.runtime.cast import Cast

from ..agents.search import VisualSearchAgent
from ..agents.web import WebAgent
from ..memory import ExemplarMemory, remember_run
from ..tools.browser import launch
from ..tools.browser.launch import require_browser
from .miniwob import MiniWobServer
from .miniwob.play import MiniWobEpisode, Played, play, read_task
from .scenes import Scene
from .search import make_item, make_scene

Say = Callable[[str], None]
Listener = Callable[[EventBase], None]

# A picture of 15 megapixels with one small thing to find; the seed is apart from training and evaluation.
SCENE_SEED, SCENE_SIZE = 20_002, (4800, 3200)
# Three MiniWoB++ episodes: name and seed.
ACTS = (("click-test-2", 20_000), ("click-link", 20_001), ("enter-text", 20_002))
# The task of which a value is cut out, and the sibling that follows it.
ASK, SIBLING = ("enter-text", 20_003), ("enter-text", 20_005)


@dataclass
class Part:
    """One part of the demo: what was to be shown, whether it was, and the runs that show it."""

    name: str
    shown: bool = True
    runs: list[Path] = field(default_factory=list)

    def check(self, right: bool, say: Say, text: str) -> None:
        """Say what came out and keep whether it is right."""
        self.shown = self.shown and right
        say(f"  {'✓' if right else '✗'} {text}")


class Demo:
    """Runs the four parts, each with a run folder (or several) and a report a run.

    ``say`` prints a line, ``listener`` gets every event, ``people`` are asked before the demo's own script is.
    """

    def __init__(
        self, settings: Settings, out: Path, say: Say, listener: Listener, people: Sequence[Answerer] = ()
    ) -> None:
        if out.exists() and any(out.iterdir()):
            raise UsageError(f"{out} is not empty", mend="choose another --out")
        self.settings, self.out, self.say, self.listener = settings, out, say, listener
        self.people = list(people)
        self.cast = Cast(settings)
        self._events: list[EventBase] = []

    async def run(self) -> list[Part]:
        """Run all parts and return them; reports are written as the runs end.

        Raises ``UsageError`` before the first when the later ones would find no browser.
        """
        require_browser()
        parts = [await self.see()]
        async with self._web() as (agent, server, memory):
            parts.append(await self.act(agent, server))
            asking, run = await self.ask(agent, server)
            parts += [asking, await self.remember(agent, server, memory, run)]
        await self.cast.aclose()
        return parts

    def _listen(self, event: EventBase) -> None:
        self._events.append(event)
        self.listener(event)

    async def see(self) -> Part:
        """Ask about a small thing in a large picture: directly, then with visual search."""
        part = Part("see")
        scene = make_scene(SCENE_SEED, SCENE_SIZE)
        item = make_item(SCENE_SEED, scene)
        width, height = SCENE_SIZE
        self.say(f"1. See: “{item.question}” in a picture of {width * height / 1e6:.0f} megapixels.")
        self.say(f"   It is {item.box.width:.0f} pixels wide; the answer is “{item.answer}”.")
        agent = VisualSearchAgent(settings=self.settings, cast=self.cast)
        agent.listeners.append(self._listen)
        result = await agent.arun(item.question, images=[_encoded(scene)], out=self.out / "see")
        direct = _direct(result)
        part.check(
            direct["text"] != item.answer or (direct["confidence"] or 0.0) < 0.5,
            self.say,
            f"directly: “{direct['text']}” ({_percent(direct['confidence'])} sure)",
        )
        box = result.evidence[0].box if result.evidence else None
        iou = Box(*box).iou(item.box) if box else 0.0
        part.check(
            result.answer == item.answer and iou > 0.5,
            self.say,
            f"with visual search: “{result.answer}”, at {box_text(box) if box else 'nowhere'} (IoU with the truth: {iou:.2f})",
        )
        return self._report(part, result)

    async def act(self, agent: WebAgent, server: MiniWobServer) -> Part:
        """Do three tasks in a real browser, decided by the likelihoods of a 135M model."""
        part = Part("act")
        self.say("2. Act: three MiniWoB++ tasks in a real browser")
        for number, (name, seed) in enumerate(ACTS, start=1):
            played = await play(agent, server, name, seed, out=self.out / f"act-{number}-{name}")
            self._judge(part, name, played)
        return part

    async def ask(self, agent: WebAgent, server: MiniWobServer) -> tuple[Part, Path]:
        """Do a task whose text leaves out what it needs."""
        part = Part("ask")
        name, seed = ASK
        whole = await read_task(agent, MiniWobEpisode(server, name, seed))
        cut, value = cut_value(whole)
        self.say(f"3. Ask: “{cut}” (the words to enter are left out)")

        def script(question: Question) -> str:
            self.say(f"  (the demo's script answers: {value})")
            return value

        agent.answers = [*self.people, Callback(script, "the demo's script")]
        self._events.clear()
        played = await play(agent, server, name, seed, task=cut, out=self.out / "ask")
        agent.answers = []
        self._judge(part, name, played)
        questions = [event.question for event in self._events if isinstance(event, Asked)]
        part.check(len(questions) == 1, self.say, f"questions asked: {len(questions)}, for the missing value")
        return part, Path(played.result.run or "")

    async def remember(
        self, agent: WebAgent, server: MiniWobServer, memory: ExemplarMemory, run: Path
    ) -> Part:
        """Store the trajectory that was just finished, and see it retrieved for a sibling task."""
        part = Part("remember")
        self.say("4. Remember: the trajectory is stored, and retrieved for a sibling task")
        exemplar = remember_run(memory, run)
        self.say(f"  + stored: {exemplar.task} ({len(exemplar.steps)} steps)")
        name, seed = SIBLING
        self._events.clear()
        played = await play(agent, server, name, seed, out=self.out / "remember")
        self._judge(part, name, played)
        recalled = [e for event in self._events if isinstance(event, Recalled) for e in event.items]
        part.check(
            any(item["id"] == exemplar.id for item in recalled),
            self.say,
            "the stored trajectory was among the exemplars",
        )
        write_report(run)
        return part

    def _judge(self, part: Part, name: str, played: Played) -> None:
        part.check(
            played.success,
            self.say,
            f"{name}: “{played.task}” — raw reward {played.reward:g}, {played.result.steps} steps",
        )
        self._report(part, played.result)

    def _report(self, part: Part, result: Result) -> Part:
        if result.run is not None:
            write_report(result.run)
            part.runs.append(Path(result.run))
        return part

    @asynccontextmanager
    async def _web(self) -> AsyncIterator[tuple[WebAgent, MiniWobServer, ExemplarMemory]]:
        from playwright.async_api import async_playwright

        memory = ExemplarMemory(self.out / "memory")
        async with async_playwright() as playwright:
            browser = await launch(playwright)
            with MiniWobServer() as server:
                agent = WebAgent(settings=self.settings, cast=self.cast, memory=memory, browser=browser)
                agent.listeners.append(self._listen)
                yield agent, server, memory


def cut_value(task: str) -> tuple[str, str]:
    """Return a task without the first of its quoted values, and that value."""
    found = re.search(r'\s*"([^"]+)"', task)
    if found is None:
        raise UsageError(f"the task {task!r} quotes no value")
    return task[: found.start()] + " the name" + task[found.end() :], found[1]


def _encoded(scene: Scene) -> Image:
    buffer = io.BytesIO()
    scene.image.save(buffer, "JPEG", quality=92)
    return Image.open(buffer.getvalue())


def _direct(result: Result) -> dict:
    output = result.output if isinstance(result.output, dict) else {}
    return output.get("direct") or {"text": "", "confidence": None}


def _percent(share: float | None) -> str:
    return "not" if share is None else f"{share:.0%}"


async def run_demo(
    settings: Settings, out: Path, say: Say, listener: Listener, people: Sequence[Answerer] = ()
) -> list[Part]:
    """Run the demo into ``out`` (see ``Demo``)."""
    return await Demo(settings, out, say, listener, people).run()
