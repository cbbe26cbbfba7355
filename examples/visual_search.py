"""Find a small thing in a large picture, and keep the region that proves the answer.

python examples/visual_search.py                               # a picture made here, on the embedded model
python examples/visual_search.py street.jpg "what does the sign say?" hf:Org/VisionModel
"""

from __future__ import annotations

import sys

from agentkit import Box, Image, VisualSearchAgent
from agentkit.evals.search import make_item, make_scene

SEED, SIZE = 20_002, (2400, 1600)


def main(picture: str | None = None, question: str | None = None, model: str | None = None) -> None:
    """Search, then print the answer and save the region beside the run."""
    if picture is None or question is None:
        scene = make_scene(SEED, SIZE)
        image, question = Image.of_pixels(scene.image), make_item(SEED, scene).question
    else:
        image = Image.open(picture)
    result = VisualSearchAgent(see=model).run(question, images=[image])
    print(
        f"{question} {result.answer or 'nothing was found'} ({result.usage.calls} looks, run: {result.run})"
    )
    for number, region in enumerate(result.evidence):
        if region.box is not None:
            path = f"{result.run}/region-{number}.png"
            image.crop(Box(*region.box)).pixels.save(path)
            print(f"{region.label} at {region.box}: {path}")


if __name__ == "__main__":
    main(*sys.argv[1:4])
