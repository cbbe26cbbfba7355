"""Open-vocabulary detectors: boxes of what a text names, from OWLv2, Grounding DINO and their like.

Everything that transformers loads as a zero-shot object detector works. What differs between the architectures (how
text is given, how boxes come out) is known by their processors, which all take lists of labels and all have
``post_process_grounded_object_detection``.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agentkit.content import Box, Image
from agentkit.errors import MissingExtra, ModelError, UsageError
from agentkit.models.local_loading import find
from agentkit.models.quiet import quietly

# Pictures in one pass: more need more memory and bring nothing on a CPU.
BATCH = 4
# In a picture with a side of fewer pixels no detector sees a thing; processors mistake such sides for colours.
LEAST = 4


@dataclass(frozen=True)
class Detection:
    """A box in pixels of the original, and the detector's own score of it (0..1)."""

    box: Box
    score: float


class Detector:
    """A loaded detector. ``threshold``: boxes below this score are left out; default: the architecture's own.

    ``prompt`` makes the text out of what is looked for; OWL-type models were trained on texts like "a photo of a {}".
    It works on one thread at a time, and blocks while it works.
    """

    def __init__(
        self,
        module: Any,
        processor: Any,
        *,
        reference: str = "detector",
        threshold: float | None = None,
        prompt: str = "{}",
        batch: int = BATCH,
    ) -> None:
        process = getattr(processor, "post_process_grounded_object_detection", None)
        if process is None:
            raise UsageError(
                f"{reference} has no open-vocabulary detector's processor", mend="OWLv2, Grounding DINO"
            )
        default = inspect.signature(process).parameters["threshold"].default
        self.module, self.processor, self.reference = module, processor, reference
        self.threshold = float(default if threshold is None else threshold)
        if not 0 <= self.threshold < 1:
            raise UsageError(f"a detector's threshold is from 0 to 1, got {threshold}")
        if "{}" not in prompt:
            raise UsageError(f"a detector's prompt has {{}} where the thing's name goes, got {prompt!r}")
        self.prompt, self.batch = prompt, max(batch, 1)
        self._lock = threading.Lock()

    @classmethod
    def load(cls, reference: str, **settings: Any) -> Detector:
        """Load the detector of ``hf:FOLDER`` or ``hf:Org/Name``. Takes seconds.

        Raises ``UsageError`` for a folder that is not there or holds another kind of model, ``MissingExtra`` without
        torch or transformers, ``ModelError`` when the weights can't be loaded or are not whole.
        """
        source = find(reference)
        for library in ("torch", "transformers"):
            if importlib.util.find_spec(library) is None:
                raise MissingExtra(library, "local")
        import torch
        from safetensors import SafetensorError

        threads = int(os.environ.get("AGENTKIT_THREADS") or 0)
        if threads and torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        with quietly():
            try:
                module, processor = _load(source.name, reference)
            except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
                first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
                raise ModelError(
                    f"{source.name} can't be loaded: {first}",
                    mend="check the name; a hub model needs the network once"
                    if source.folder is None
                    else "check that the folder is a whole transformers detector with its processor",
                ) from error
        return cls(module, processor, reference=reference, **settings)

    def detect(self, images: Sequence[Image], thing: str) -> list[list[Detection]]:
        """Return what each picture or crop shows of a thing, best first, in pixels of the original."""
        text = _text(self.prompt.format(thing))
        found: list[list[Detection]] = [[] for _ in images]
        with self._lock:
            for places in self._batches(images):
                for place, boxes in zip(places, self._pass([images[i] for i in places], text), strict=True):
                    found[place] = boxes
        return found

    def _batches(self, images: Sequence[Image]) -> list[list[int]]:
        # Only pictures of one size go together: the padding of the smaller ones would change what is seen in them.
        sizes: dict[tuple[int, int], list[int]] = {}
        for place, image in enumerate(images):
            if min(image.size) >= LEAST:
                sizes.setdefault(image.size, []).append(place)
        return [
            places[start : start + self.batch]
            for places in sizes.values()
            for start in range(0, len(places), self.batch)
        ]

    def _pass(self, images: Sequence[Image], text: str) -> list[list[Detection]]:
        import torch

        labels = [[text] for _ in images]
        inputs = self.processor(
            images=[image.pixels for image in images],
            text=labels,
            return_tensors="pt",
            truncation=True,
        ).to(self.module.device)
        with torch.inference_mode():
            outputs = self.module(**inputs)
        results = self.processor.post_process_grounded_object_detection(
            outputs,
            threshold=self.threshold,
            target_sizes=[(image.size[1], image.size[0]) for image in images],
            text_labels=labels,
        )
        return [_detections(result, image) for result, image in zip(results, images, strict=True)]


def _load(name: str, reference: str) -> tuple[Any, Any]:
    from transformers import AutoConfig, AutoModelForZeroShotObjectDetection, AutoProcessor
    from transformers.models.auto.modeling_auto import MODEL_FOR_ZERO_SHOT_OBJECT_DETECTION_MAPPING

    config = AutoConfig.from_pretrained(name)
    if type(config) not in MODEL_FOR_ZERO_SHOT_OBJECT_DETECTION_MAPPING:
        raise UsageError(
            f"{reference} is no open-vocabulary detector, but of the kind {config.model_type}",
            mend="for example hf:google/owlv2-base-patch16-ensemble or hf:IDEA-Research/grounding-dino-tiny",
        )
    processor = AutoProcessor.from_pretrained(name)
    module, report = AutoModelForZeroShotObjectDetection.from_pretrained(name, output_loading_info=True)
    if missing := sorted(report["missing_keys"]):
        # transformers would fill them with random numbers, and only say so in a log.
        raise ValueError(f"{len(missing)} weights are missing, the first is {missing[0]}")
    return module.eval(), processor


def _text(thing: str) -> str:
    # A full stop ends a label for Grounding DINO.
    return " ".join(thing.replace(".", " ").split()).lower() or "object"


def _detections(result: Any, image: Image) -> list[Detection]:
    found = []
    for values, score in zip(result["boxes"].tolist(), result["scores"].tolist(), strict=True):
        left, top, right, bottom = values
        if left < right and top < bottom:
            # Some pad pictures to squares, and see things in the padding.
            box = Box(left, top, right, bottom).clip(Box(0, 0, *image.size))
            if box.area > 0:
                found.append(Detection(box.shift(image.box.left, image.box.top), float(score)))
    return sorted(found, key=lambda detection: -detection.score)
