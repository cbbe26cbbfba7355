"""Pictures and conversations for the tests of local models."""

from __future__ import annotations

import numpy as np
from PIL import Image as Pillow

from agentkit.content import Image, Message, Text
from agentkit.models.local import LocalModel


def picture(seed: int, width: int = 64, height: int = 48) -> Image:
    """Return a picture of noise."""
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.of_pixels(Pillow.fromarray(pixels))


RED, BLUE = picture(1), picture(2, 64, 64)


def talk(model: LocalModel, task: str = "what is the red button?") -> list[Message]:
    """Return a conversation with every kind of part that the model takes."""
    page = Text("button button click here", "observation", "untrusted")
    if not model.capabilities.images:
        return [Message.system("be kind"), Message.user(page, task)]
    return [Message.system("be kind"), Message.user(RED, task, BLUE, page)]
