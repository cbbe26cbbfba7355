"""What a tool may use of the run that calls it, and how pictures are named in its arguments and outcomes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..content import Box, Image
from ..errors import AgentKitError, ToolError

if TYPE_CHECKING:
    from ..runtime.context import Context

REFERENCE = re.compile(r"([0-9a-f]{6,64})(?:@(-?[\d.]+),(-?[\d.]+),(-?[\d.]+),(-?[\d.]+))?")


@dataclass(frozen=True)
class ToolContext:
    """Handed to a tool that has a parameter annotated with ``ToolContext``.

    ``run`` is the runtime context of the calling run (models, clock, budget), None when the tool is called by
    hand; pictures are then kept here. ``approved`` says that the user allowed this very call.
    """

    run: Context | None = None
    approved: bool = False
    pictures: dict[str, Image] = field(default_factory=dict)

    def keep(self, image: Image) -> dict[str, Any]:
        """Keep a picture for later calls; return how JSON data names it."""
        origin = image.origin
        if self.run is not None:
            self.run.run.put_image(origin)
        else:
            self.pictures[origin.sha256] = origin
        data: dict[str, Any] = {"image": origin.sha256}
        if image.parent is not None:
            data["box"] = list(image.box)
        return data

    def picture(self, reference: str) -> Image:
        """Return a picture by its digest (or the start of it) and, after ``@``, a box in pixels of it.

        Raises ``ToolError`` when there is none or several.
        """
        match = REFERENCE.fullmatch(reference.strip())
        if match is None:
            raise ToolError(f"{reference!r} is no picture", mend="name one by its id, as in 3fa2b4c1d0e9")
        found = self._find(match[1])
        if match[2] is None:
            return found
        try:
            return found.crop(Box.of(*(float(value) for value in match.groups()[1:])))
        except (AgentKitError, ValueError) as error:
            raise ToolError(f"picture {reference}: {error}") from error

    def _find(self, start: str) -> Image:
        if self.run is None:
            known = [digest for digest in self.pictures if digest.startswith(start)]
        else:
            known = sorted(path.stem for path in (self.run.run.folder.path / "images").glob(f"{start}*"))
        if len(known) != 1:
            raise ToolError(f"there {'is no picture' if not known else 'are several pictures'} {start}")
        return self.pictures[known[0]] if self.run is None else self.run.run.get_image(known[0])


def picture_name(digest: str, box: list[float] | None = None) -> str:
    """Return the short name under which a model can ask for a picture again."""
    place = "@" + ",".join(f"{value:g}" for value in box) if box else ""
    return digest[:12] + place
