"""Turns a training state into the folder that ships: a plain transformers model with its card.

python -m agentkit.evals.mini.export --state DIR --out agentkit/models/mini/weights
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from transformers import LlavaForConditionalGeneration, LlavaProcessor
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil

from ..scenes.questions import NOT_VISIBLE
from ..scenes.scene import CROP, SEEN_RADIUS
from ..scenes.vocabulary import COLOURS, DIGITS, HOST_OF, HOSTS, LETTERS, SHAPES
from .data import FIRST_TRAINING_SEED
from .model import build_model
from .tokenizer import BINS, CHAT_TEMPLATE, build_tokenizer
from .train import Recipe


def build_processor() -> LlavaProcessor:
    """Pads a picture to a centred square with grey, resizes it to 128 x 128, scales it to -1..1."""
    images = LlavaImageProcessorPil(
        size={"height": CROP, "width": CROP},
        crop_size={"height": CROP, "width": CROP},
        do_center_crop=False,
        do_pad=True,
        image_mean=[0.5, 0.5, 0.5],
        image_std=[0.5, 0.5, 0.5],
    )
    return LlavaProcessor(
        image_processor=images,
        tokenizer=build_tokenizer(),
        patch_size=16,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT_TEMPLATE,
    )


def load_state(state: Path) -> tuple[LlavaForConditionalGeneration, int]:
    """The model of a training state (float32) and its step."""
    saved = torch.load(state / "state.pt", weights_only=True)
    model = build_model(build_tokenizer())
    with torch.no_grad():
        for parameter, master in zip(model.parameters(), saved["master"], strict=False):
            parameter.copy_(master)
        for name, buffer in model.named_buffers():
            buffer.copy_(saved["buffers"][name])
    return model.eval(), int(saved["step"])


def card(step: int) -> dict[str, Any]:
    """What a caller needs to know to ask `mini` and to read its answers."""
    return {
        "name": "mini",
        "prompts": {
            "exists": "is there a {object}?",
            "locate": "where is the {object}?",
            "context": "where would the {object} most likely be?",
            "colour": "what colour is the {object}?",
            "shape": "what shape is the {object}?",
            "glyph": "what is written on the {object}?",
            "count": "how many {objects} are there?",
            "relation": "is the {object} {relation} the {other}?",
            "side": "where is the {object} relative to the {other}?",
        },
        "yes": "yes",
        "no": "no",
        "not_visible": NOT_VISIBLE,
        "input_size": CROP,
        "smallest_radius": SEEN_RADIUS,
        "close_up": 3.0,  # a thing fills a third of the view: the middle of the trained sizes
        "temperature": 1.0,
        "location": {
            "bins": BINS,
            "token": "<loc{:02d}>",
            "order": "ltrb",
            "square": True,
            "space": "The picture is padded to a square of its longer side with grey (127), the picture centred. "
            "Bin b of a coordinate covers [b, b + 1) / 64 of the square's side.",
        },
        "vocabulary": {
            "shapes": SHAPES,
            "colours": COLOURS,
            "letters": LETTERS,
            "digits": DIGITS,
            "hosts": HOSTS,
            "host_of": HOST_OF,
        },
        "trained": {
            "steps": step,
            "images": step * Recipe.batch,
            "first_seed": FIRST_TRAINING_SEED,
            "date": datetime.now(UTC).date().isoformat(),
        },
    }


def export(state: Path, folder: Path, earlier: int = 0) -> None:
    """Writes model (float16), processor and card into `folder`; leaves the measured numbers to `evaluate`.

    `earlier` adds the steps of runs that this one started from, for the card.
    """
    model, step = load_state(state)
    folder.mkdir(parents=True, exist_ok=True)
    model.generation_config.max_new_tokens = 8
    model.generation_config.do_sample = False
    model.half().save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)
    build_processor().save_pretrained(folder)
    (folder / "card.json").write_text(json.dumps(card(step + earlier), indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="the --out folder of the training")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--earlier", type=int, default=0, help="steps of earlier runs, for the card")
    arguments = parser.parse_args()
    export(arguments.state, arguments.out, arguments.earlier)


if __name__ == "__main__":
    main()
