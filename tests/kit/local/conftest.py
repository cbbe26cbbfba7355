from __future__ import annotations

from collections.abc import Callable

import pytest
import tiny_models
import torch

from agentkit.models.local import LocalModel, load_local

# Tiny matrices: more threads only wait for each other.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], LocalModel]:
    """Return the loader of tiny random models, each loaded once from a folder as a real one is."""
    loaded: dict[str, LocalModel] = {}

    def load(kind: str) -> LocalModel:
        if kind == "smolvlm":
            pytest.importorskip("num2words")  # its processor wants it, for video
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
