"""``agentkit attend``: where a local model looks in a picture when it answers."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .flags import Flags

if TYPE_CHECKING:
    from ..attention.edits import Edit
    from ..attention.readers.look import Look
    from ..attention.regions import Region
    from ..config import Settings
    from ..content import Image
    from ..contracts.attention import Attended, Looked
    from ..models.local import LocalModel

REPLY_TOKENS = 64


class Method(StrEnum):
    """How attention becomes a heat map."""

    raw = "raw"
    rollout = "rollout"
    relevance = "relevance"
    flow = "flow"


def attend(
    question: Annotated[str, typer.Argument(help="What to ask about the picture.")],
    image: Annotated[Path, typer.Option("--image", "-i", help="The picture.")],
    box: Annotated[
        str | None,
        typer.Option(help="LEFT,TOP,RIGHT,BOTTOM in pixels: answer also with the attention moved there."),
    ] = None,
    method: Annotated[Method, typer.Option(help="How attention becomes a heat map.")] = Method.raw,
    layers: Annotated[str | None, typer.Option(help="Which layers, as 0,2-4. Default: all.")] = None,
    heads: Annotated[str | None, typer.Option(help="Which heads, as 0,2-4. Default: all.")] = None,
    *,
    flags: Flags,
) -> None:
    """Answer a question about a picture, and show where the model looked: an overlay and a table of heads."""
    from ..attention.regions import Region
    from ..content import Image
    from ..errors import UsageError
    from ..models.roles import SEE
    from .running import wait_for
    from .terminal import note, print_json, show

    if not question.strip():
        raise UsageError("the question is empty")
    picture = Image.open(image)
    _ = picture.pixels
    region = None if box is None else Region.of_box(picture, _box(box))
    settings = flags.settings()
    reference = settings.see or settings.model or SEE.default
    asked = Question(question, picture, region, method, numbers(layers, "layers"), numbers(heads, "heads"))
    found: Attended = wait_for(asked.answer(reference, settings, _folder(flags, settings)))
    if flags.json:
        print_json(found)
        return
    _show(found)
    note(f"where it looked: {found.plain.overlay}", "dim")
    if found.focused is not None:
        note(f"with the box: {found.focused.overlay}", "dim")
    show("", Path(found.table).read_text("utf-8").rstrip())


class Question:
    """A question about a picture, and what is to be read when it is answered."""

    def __init__(
        self,
        text: str,
        image: Image,
        region: Region | None,
        method: Method,
        layers: tuple[int, ...] | None,
        heads: tuple[int, ...] | None,
    ) -> None:
        from ..content import Message

        self.text, self.image, self.region = text, image, region
        self.method, self.layers, self.heads = method, layers, heads
        self.messages = [Message.user(image, text)]

    async def answer(self, reference: str, settings: Settings, out: Path) -> Attended:
        """Ask the model of a reference, write the files into ``out``, and return what was found."""
        import asyncio

        from ..errors import UnsupportedCapability
        from ..models.base import INSTEAD, Request
        from ..models.local import LocalModel
        from ..models.registry import load_model

        model = await asyncio.to_thread(load_model, reference, settings)
        try:
            wanted = ["gradients"] if self.region is not None or self.method == Method.relevance else []
            model.check(Request(tuple(self.messages)), "attention", *wanted)  # type: ignore[arg-type]
            if not isinstance(model, LocalModel):
                raise UnsupportedCapability(f"{reference} can't do 'attention'", mend=INSTEAD["attention"])
            return await self._ask(model, out)
        finally:
            await model.aclose()

    async def _ask(self, model: LocalModel, out: Path) -> Attended:
        from ..attention.readers.overlay import head_table
        from ..contracts.attention import Attended

        plain, view = await self._look(model, (), out, "overlay.png")
        focused, box = None, None
        if self.region is not None:
            focus = await self._focus(model)
            focused, _ = await self._look(model, focus, out, "focused.png")
            (left, top), (right, bottom) = self.region.points
            box = (left, top, right, bottom)
        layers = list(self.layers or range(len(plain.heads)))
        heads = list(self.heads or range(len(plain.heads[0])))
        tables = [("attention on the picture, per cent", plain), ("with the box", focused)]
        table = out / "heads.txt"
        text = [
            f"{title}\n{head_table(looked.heads, layers, heads)}"
            for title, looked in tables
            if looked is not None
        ]
        table.write_text("\n".join(text), "utf-8")
        found = Attended(
            question=self.text,
            image=self.image.sha256,
            model=model.reference,
            method=self.method.value,
            view=view,
            layers=layers,
            head_numbers=heads,
            plain=plain,
            box=box,
            focused=focused,
            table=str(table),
        )
        (out / "attend.json").write_text(found.model_dump_json(indent=1), "utf-8")
        return found

    async def _focus(self, model: LocalModel) -> tuple[Edit, ...]:
        """Return the edits that move the attention into the region, made for this prompt once."""
        from ..attention import Focus

        assert self.region is not None
        focus = Focus(self.region)
        return tuple(await model.work(lambda lab: focus.prepare(lab, self.messages, ())))

    async def _look(
        self, model: LocalModel, edits: tuple[Edit, ...], out: Path, name: str
    ) -> tuple[Looked, tuple[float, float, float, float]]:
        """Answer under edits, look, and draw; return what was found and what its grid covers."""
        from ..attention.readers.look import look
        from ..contracts.attention import Looked
        from ..models.base import Sampling

        # Looking comes first: what can't be read is an error before any token.
        seen = await model.work(
            lambda lab: look(
                lab,
                self.messages,
                self.image,
                method=self.method.value,  # type: ignore[arg-type]
                edits=edits,
                layers=self.layers,
                heads=self.heads,
            )
        )
        reply = await model.generate(self.messages, sampling=Sampling(max_tokens=REPLY_TOKENS), edits=edits)
        looked = Looked(
            answer=reply.text,
            heat=seen.heat.tolist(),
            heads=seen.by_head.tolist(),
            in_box=self._in_box(seen),
            overlay=str(self._draw(seen, out / name)),
        )
        return looked, seen.view

    def _in_box(self, seen: Look) -> float | None:
        if self.region is None:
            return None
        inside = self.region.cells((seen.heat.shape[0], seen.heat.shape[1]), seen.view)
        return float(seen.heat[inside].sum() / max(float(seen.heat.sum()), 1e-12))

    def _draw(self, seen: Look, path: Path) -> Path:
        from ..attention.readers.overlay import overlay
        from ..errors import RunError

        boxes = [] if self.region is None else [(*self.region.points[0], *self.region.points[1])]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            overlay(self.image, seen.heat, seen.view, boxes=boxes).save(path)
        except OSError as error:
            raise RunError(f"can't write to {path.parent}: {error.strerror or error}") from error
        return path


def numbers(text: str | None, what: str) -> tuple[int, ...] | None:
    """Return the indices of ``0,2-4``, ascending; None for None. Raises ``UsageError``."""
    from ..errors import UsageError

    if text is None:
        return None
    found: set[int] = set()
    for piece in text.split(","):
        start, dash, end = piece.strip().partition("-")
        if not start.isdecimal() or (dash and not end.isdecimal()):
            raise UsageError(f"--{what} {text!r} names none", mend="write them as 0,2-4")
        found.update(range(int(start), int(end or start) + 1))
    if not found:
        raise UsageError(f"--{what} {text!r} names none", mend="write them as 0,2-4")
    return tuple(sorted(found))


def _box(text: str) -> tuple[float, float, float, float]:
    from ..errors import UsageError

    try:
        left, top, right, bottom = (float(piece) for piece in text.split(","))
    except ValueError as error:
        raise UsageError(f"--box {text!r} is no box", mend="LEFT,TOP,RIGHT,BOTTOM in pixels") from error
    return left, top, right, bottom


def _folder(flags: Flags, settings: Settings) -> Path:
    from ..runs.folder import new_id

    return flags.out or settings.runs / f"{time.strftime('%Y%m%d-%H%M%S')}-attend-{new_id()}"


def _show(found: Attended) -> None:
    from rich.text import Text

    from .terminal import out, plain

    out().print(Text(plain(found.plain.answer), style="bold"))
    if found.focused is not None:
        said = f"with the box: {plain(found.focused.answer)}"
        shares = f" (heat in it {100 * (found.plain.in_box or 0):.0f} % -> {100 * (found.focused.in_box or 0):.0f} %)"
        out().print(Text.assemble((said, "bold"), shares))
