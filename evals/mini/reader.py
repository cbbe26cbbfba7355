"""Asking `mini` many questions at once, through the plain transformers classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor


@dataclass(frozen=True)
class Answer:
    """What the model says, the logit of "yes" minus that of "no", and the likelihood of its first word."""

    text: str
    margin: float
    confidence: float


class Reader:
    """Loads a folder once; every picture is encoded once for all its questions."""

    def __init__(self, folder: Path) -> None:
        self.model: Any = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
        self.processor = AutoProcessor.from_pretrained(folder)
        tokenizer = self.processor.tokenizer
        self.tokenizer = tokenizer
        self.yes, self.no = tokenizer.convert_tokens_to_ids(["yes", "no"])

    def answer(self, image: Image.Image, questions: list[str]) -> list[Answer]:
        """Answers about one picture of any size."""
        return self.answer_all([(image, questions)])[0]

    @torch.no_grad()
    def answer_all(self, asked: list[tuple[Image.Image, list[str]]]) -> list[list[Answer]]:
        """Answers about several pictures, in one batch."""
        images = [image for image, _ in asked]
        pixels = self.processor.image_processor(images=images, return_tensors="pt")["pixel_values"]
        features = self.model.get_image_features(pixels).pooler_output
        prompts = self.tokenizer(
            [f"<q>{q}<a>" for _, questions in asked for q in questions],
            return_tensors="pt",
            padding=True,
            padding_side="left",
        )
        owners = [i for i, (_, questions) in enumerate(asked) for _ in questions]
        words = self.model.get_input_embeddings()(prompts["input_ids"])
        longest = words.shape[1]
        # Padding goes before the picture: a prompt stays one piece.
        rows, masks = [], []
        for row, owner in enumerate(owners):
            keep = int(prompts["attention_mask"][row].sum())
            blank = longest - keep
            rows.append(torch.cat([words[row, :blank], features[owner], words[row, blank:]]))
            masks.append(torch.cat([torch.zeros(blank), torch.ones(len(features[owner]) + keep)]))
        output = self.model.generate(
            inputs_embeds=torch.stack(rows),
            attention_mask=torch.stack(masks).long(),
            max_new_tokens=6,
            do_sample=False,
            output_logits=True,
            return_dict_in_generate=True,
        )
        first = output.logits[0].float()
        texts = self.tokenizer.batch_decode(output.sequences, skip_special_tokens=True)
        margins = (first[:, self.yes] - first[:, self.no]).tolist()
        sure = first.softmax(-1).max(-1).values.tolist()
        replies: list[list[Answer]] = [[] for _ in asked]
        for owner, text, margin, confidence in zip(owners, texts, margins, sure, strict=True):
            replies[owner].append(Answer(text.strip(), margin, confidence))
        return replies
