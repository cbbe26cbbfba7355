"""Small run folders, written event by event, for tests of the report."""

from __future__ import annotations

import time
from pathlib import Path

from PIL import Image as Pillow

from agentkit.content import Box, Image, Message, Picture, Text, dump
from agentkit.contracts import event as ev
from agentkit.contracts.result import Evidence, Question, Result, Status, Usage
from agentkit.contracts.run import RunInfo
from agentkit.runtime.run import Run, span_of

USAGE = Usage(calls=1, input_tokens=80, output_tokens=2, images=1, cost=0.0, seconds=0.2)


def start(path: Path, agent: str = "web", task: str = "Book a table", **more) -> Run:
    run = Run.start(RunInfo(id="ab12cd", agent=agent, task=task, created=time.time(), **more), path)
    run.emit(ev.RunStarted(agent=agent, task=task, models={"decide": "smollm2"}))
    return run


def node(run: Run, name: str, step: int, *events: ev.EventBase, ended: bool = True) -> None:
    """Emit a node with its events."""
    span = f"{step}:{name}"
    run.emit(ev.NodeStarted(node=name, step=step, counted=True, span=span))
    with span_of(span):
        for event in events:
            run.emit(event)
    if ended:
        run.emit(ev.NodeEnded(node=name, step=step, seconds=0.1, span=span))


def end(run: Run, status: Status = "done", **result) -> None:
    run.info.result = Result(status=status, usage=USAGE, run=str(run.folder.path), **result)
    run.emit(ev.RunEnded(status=status, answer=result.get("answer"), usage=USAGE))
    run.folder.save()


def picture(run: Run, size=(640, 360), colour=(200, 210, 220)) -> str:
    return run.put_image(Image.of_pixels(Pillow.new("RGB", size, colour)))


def web_run(path: Path, words: str = "Luigi's", *, steps: int = 2, kill: bool = False) -> Run:
    """Write a web run; ``words`` are everywhere that a page, a user, a tool or a model has a say."""
    run = start(
        path, task=f"Book {words}", budget={"steps": 20}, arguments={"url": words}, settings={"x": words}
    )
    shot = picture(run)
    question = Question(id="q", text=words, missing=words, choices=[words, "other"], why=words)
    prompt = [
        Message.user(
            Text(words, "instruction"), Text(words, "observation", "untrusted"), Picture(run.get_image(shot))
        )
    ]
    for step in range(steps):
        node(
            run,
            "observe",
            3 * step,
            ev.Observed(url=words, title=words, text=words, image=shot),
            ev.Recalled(query=words, items=[{"id": words, "task": words, "similarity": 0.5}]),
        )
        node(
            run,
            "decide",
            3 * step + 1,
            ev.ModelCalled(
                role="decide",
                model=words,
                call="score",
                prompt=dump(prompt),
                options=[words, "b"],
                scores=[-1.0, -2.0],
                edits=[{"edit": "reweight", "span": words, "factor": 15.0}],
                usage=USAGE,
            ),
            ev.Decided(choice="b", options=[words, "b"], scores=[-3.0, -1.5], rule=words),
            ev.ModelCalled(
                role="decide",
                model=words,
                call="generate",
                prompt=dump(prompt),
                reply=words,
                tool_calls=[{"id": "1", "name": words, "arguments": {words: words}}],
                usage=USAGE,
            ),
        )
        ends = [] if kill and step == steps - 1 else [ev.Acted(action=words, state="done", detail=words)]
        pending = ev.Acted(action=words, state="pending", box=(10, 10, 90, 60))
        node(run, "act", 3 * step + 2, pending, *ends, ended=bool(ends))
    if kill:
        return run
    node(
        run,
        "tools",
        3 * steps,
        ev.ToolCalled(tool=words, arguments={"a": words}, outcome={words: words}),
        ev.ToolCalled(tool=words, error=words),
        ev.Note(text=words, level="warning"),
    )
    for event in (ev.Asked(question=question), ev.Answered(id="q", answer=words, by=words)):
        run.emit(event)
    run.emit(ev.Remembered(id="m", task=words, steps=2))
    run.emit(ev.BudgetSpent(limit=words, allowed=2, used=3))
    source = Evidence(kind="source", source=words, text=words, label=words, score=0.4)
    end(run, answer=words, evidence=[source], output={words: words}, error=words)
    return run


def search_run(path: Path, size=(2400, 1600), found=(1700, 900, 1780, 980)) -> Run:
    """Write a visual search that halves its way to ``found``."""
    run = start(path, agent="search", task="What is there?")
    big = Pillow.new("RGB", size, (90, 120, 90))
    big.paste((220, 20, 20), found)
    image = Image.of_pixels(big)
    digest = run.put_image(image)
    box, number = Box(0, 0, *size), 0
    while True:
        hit = box.width < 400
        prompt = dump([Message.user(Picture(image.crop(box)), Text("is it there?"))])
        node(
            run,
            "look",
            number,
            ev.ModelCalled(
                role="see", model="mini", call="score", prompt=prompt, options=["yes", "no"], scores=[-1, -2]
            ),
            ev.Looked(
                image=digest,
                box=box,
                about="red thing",
                node=number,
                above=number - 1 if number else None,
                depth=number,
                scores={"exists": min(0.1 + 0.2 * number, 0.9)},
                found=hit,
            ),
        )
        if hit:
            break
        middle_x, middle_y = box.center
        left, right = (box.left, middle_x) if found[2] <= middle_x else (middle_x, box.right)
        top, bottom = (box.top, middle_y) if found[3] <= middle_y else (middle_y, box.bottom)
        box, number = Box(left, top, right, bottom), number + 1
    region = Evidence(kind="region", image=digest, box=found, label="red thing", score=0.93, path=[box])
    run.emit(ev.Found(evidence=region))
    end(run, answer="red", evidence=[region])
    return run


def long_search(
    path: Path, looks: int = 500, size=(1200, 800), about: str = "red thing", *, end_with: bool = True
) -> Run:
    """Write a search that visits many regions, best first, of a tree that splits in four; some say what they saw."""
    run = start(path, agent="search", task=f"What colour is the {about}?", settings={"strategy": "vstar"})
    digest = picture(run, size)
    look_around(run, digest, size, looks, about)
    if end_with:
        box = (0.1 * size[0], 0.1 * size[1], 0.2 * size[0], 0.2 * size[1])
        region = Evidence(kind="region", image=digest, box=box, label=about, score=0.93, path=[(0, 0, *size)])
        run.emit(ev.Found(evidence=region))
        end(run, answer="red", evidence=[region])
    return run


def look_around(run: Run, digest: str, size, looks: int, about: str, span: str = "") -> None:
    """Emit the looks of a search, in the order of the tree."""
    boxes, above, depths = [Box(0, 0, *size)], [-1], [0]
    for number in range(looks):
        box = boxes[number]
        x, y = box.center
        cuts = [(box.left, x, box.top, y), (x, box.right, box.top, y)]
        cuts += [(box.left, x, y, box.bottom), (x, box.right, y, box.bottom)]
        parts = []
        for left, right, top, bottom in cuts:
            hopes = {"exists": 0.02 * (len(boxes) % 40), "priority": 0.5 ** depths[number]}
            parts.append(ev.Part(node=len(boxes), box=(left, top, right, bottom), scores=hopes))
            boxes.append(Box(left, top, right, bottom))
            above.append(number)
            depths.append(depths[number] + 1)
        parts[-1].closed = True
        seen = ev.Seen(box=(box.left, box.top, x, y), confidence=0.2, text=about) if number % 5 == 2 else None
        run.emit(
            ev.Looked(
                image=digest,
                box=box,
                about=about,
                sought=about,
                node=number,
                above=above[number] if number else None,
                depth=depths[number],
                scores={"exists": 0.02 * (number % 40), "priority": 0.5 ** depths[number]},
                found=number == looks - 1,
                find=seen,
                heat=[(*part.box, 0.25 * rank) for rank, part in enumerate(parts)],
                parts=parts,
                span=f"{span}{number}:search",
            )
        )
