"""The expert of a template: it finds an icon by what it looks like."""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable

from agentkit.content import Image

from ....tools.vision.detector import Detection
from ....tools.vision.template import TemplatePlan, check_template, find_template
from ..eyes import Eyes
from ..tree import Find, FocusNode

# Of how many pictures the matches are kept.
PICTURES = 16


class TemplateExpert:
    """Finds the places that look like a small picture, whatever words are used for it.

    The whole picture is matched at the first look, and each region gets the matches whose middle lies in it; give
    ``TemplateExpert.maker(template)`` to an agent, and that is done once for a picture. A find's confidence is its
    correlation. Raises ``UsageError`` for a template of one flat colour.
    """

    def __init__(
        self,
        eyes: Eyes,
        template: Image | str | os.PathLike[str],
        *,
        plan: TemplatePlan | None = None,
        known: OrderedDict[str, list[Detection]] | None = None,
    ) -> None:
        self.eyes, self.template, self.plan = eyes, Image.open(template), plan or TemplatePlan()
        check_template(self.template)
        self._known = known if known is not None else OrderedDict()

    @classmethod
    def maker(
        cls, template: Image | str | os.PathLike[str], plan: TemplatePlan | None = None
    ) -> Callable[[Eyes], TemplateExpert]:
        """Return what makes an expert for a picture; the experts of one picture share its matches."""
        picture = Image.open(template)
        check_template(picture)
        known: OrderedDict[str, list[Detection]] = OrderedDict()
        return lambda eyes: cls(eyes, picture, plan=plan, known=known)

    async def find(self, node: FocusNode) -> list[Find]:
        """Return the matches in the region, best first; leaves ``exists`` on the node's scores."""
        image = self.eyes.image
        if image.sha256 not in self._known:
            self._known[image.sha256] = await asyncio.to_thread(
                find_template, image, self.template, self.plan
            )
            while len(self._known) > PICTURES:
                self._known.popitem(last=False)
        finds = []
        for match in self._known[image.sha256]:
            (x, y), box = match.box.center, node.box
            if box.left <= x <= box.right and box.top <= y <= box.bottom:
                finds.append(Find(match.box, match.score))
        node.scores["exists"] = finds[0].confidence if finds else 0.0
        return finds
