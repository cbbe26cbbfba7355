from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tiny_models
import torch
from PIL import Image as Pillow

from agentkit.content import Image, Message, Text
from agentkit.models.local import LocalModel, load_local

# Tiny matrices: more threads only wait for each other.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], LocalModel]:
    """Return the loader of tiny random models, each loaded once from a folder as a real one is."""
    loaded: dict[str, LocalModel] = {}

    def load(kind: str) -> LocalModel:
        if kind not in loaded:
            folder = tmp_path_factory.mktemp(kind)
            save = tiny_models.save_picture if kind in tiny_models.PICTURE_KINDS else tiny_models.save_text
            loaded[kind] = load_local(f"hf:{save(kind, folder)}")
        return loaded[kind]

    return load


@pytest.fixture(scope="session")
def smollm2() -> LocalModel:
    """SmolLM2, loaded once: it takes 0.9 GB."""
    return load_local("smollm2")


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
