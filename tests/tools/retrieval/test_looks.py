"""Image embedders and perceptual hashes: what counts as like, and what as the same."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageEnhance

from agentkit.content import Image
from agentkit.errors import UnsupportedCapability, UsageError
from agentkit.tools.retrieval import LocalIndex, Query
from agentkit.tools.retrieval.hashing import SAME, distances, perceptual_hash
from agentkit.tools.retrieval.index.passages import Way
from agentkit.tools.retrieval.looks import load_looks

from .conftest import shapes


def jpeg(picture: Pillow.Image, quality: int = 60) -> Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer.getvalue())


def apart(one: Image, other: Image) -> int:
    return int(distances(perceptual_hash(one), np.array([perceptual_hash(other)]))[0])


def test_the_same_picture_is_known_after_scaling_and_compression() -> None:
    rng = np.random.default_rng(0)
    for seed in range(20):
        blobs = Pillow.fromarray(rng.integers(0, 255, (6, 8, 3), np.uint8)).resize(
            (320, 240), Pillow.Resampling.BICUBIC
        )
        original = Image.of_pixels(blobs)
        lighter = ImageEnhance.Brightness(blobs.resize((150, 110))).enhance(1.1)
        assert apart(original, jpeg(lighter)) <= SAME, seed
        other = Pillow.fromarray(rng.integers(0, 255, (6, 8, 3), np.uint8)).resize(
            (320, 240), Pillow.Resampling.BICUBIC
        )
        assert apart(original, Image.of_pixels(other)) > SAME
        assert -(2**63) <= perceptual_hash(original) < 2**63


def test_like_pictures_are_nearer_than_others(looks) -> None:
    red, blue = shapes("circle", "red"), shapes("square", "blue")
    turned = red.rotate(10, fillcolor=(120, 120, 120))
    vectors = looks.embed([Image.of_pixels(picture) for picture in (red, turned, blue)])
    assert vectors.shape == (3, 2048)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.05
    with pytest.raises(UnsupportedCapability, match="has no words"):
        looks.embed_texts(["a circle"])


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP with random weights and a tokenizer of a few words, saved as a user's would be."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import (
        CLIPConfig,
        CLIPImageProcessor,
        CLIPModel,
        CLIPProcessor,
        PreTrainedTokenizerFast,
    )

    words = ["<pad>", "<s>", "</s>", "<unk>", "a", "red", "blue", "circle", "square"]
    raw = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    raw.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    tokenizer.model_max_length = 16
    torch.manual_seed(0)
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {**small, "vocab_size": len(words), "max_position_embeddings": 16, "eos_token_id": 2}
    text |= {"bos_token_id": 1, "pad_token_id": 0}
    vision = {**small, "image_size": 32, "patch_size": 8}
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)
    folder = tmp_path_factory.mktemp("clip")
    CLIPModel(config).save_pretrained(folder)
    images = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    CLIPProcessor(image_processor=images, tokenizer=tokenizer).save_pretrained(folder)
    return folder


async def test_a_clip_of_the_user_finds_pictures_by_words_through_their_pixels(
    clip: Path, tmp_path: Path, embedder
) -> None:
    looks = load_looks(f"hf:{clip}")
    assert looks.joint
    pictures = [
        Image.of_pixels(shapes(kind, colour)) for kind, colour in (("circle", "red"), ("square", "blue"))
    ]
    assert (
        looks.embed(pictures).shape == looks.embed_texts(["a red circle", "a blue square"]).shape == (2, 24)
    )
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, picture in zip(("IMG_1.png", "IMG_2.png"), pictures, strict=True):
        picture.pixels.save(folder / name)
    with LocalIndex(tmp_path / "index", embedder=embedder, looks=looks, create=True) as index:
        await index.add([folder], way=Way(ocr=False))
        found = await index.search(Query("a red circle", want="image"), 2)
        best = looks.embed_texts(["a red circle"])[0]
        for passage in found:
            own = looks.embed([Image.open(passage.picture or "")])[0]
            assert passage.scores["looks"] == pytest.approx(float(best @ own), abs=1e-3)
        assert len(found) == 2
    with pytest.raises(UsageError, match="made with the image embedder hf:"):
        LocalIndex(tmp_path / "index", embedder=embedder, looks="efficientnet-lite0")


def test_only_image_embedders_are_taken(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no image embedder"):
        load_looks("clip")
