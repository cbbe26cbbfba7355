"""Pictures of every awkward kind, through the public class."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from PIL import ImageChops

from agentkit.content import Box, Image, Message, Picture, Text, dump, images_of, load
from agentkit.errors import ImageError, UsageError


def encoded(picture: Pillow.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def gradient(width: int = 40, height: int = 30) -> Pillow.Image:
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return Pillow.fromarray(np.stack([x * 5, y * 5, x + y], -1).astype("uint8"))


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    data = encoded(gradient(), "PNG")
    (tmp_path / "a.png").write_bytes(data)
    assert Image.open(tmp_path / "a.png").sha256 == hashlib.sha256(data).hexdigest()
    assert Image.open(data) == Image.open(tmp_path / "a.png")


def test_exif_orientation_is_applied() -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    image = Image.open(encoded(gradient(40, 30), "JPEG", exif=exif))
    assert image.size == (30, 40)
    assert image.pixels.size == (30, 40)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr"])
def test_every_mode_comes_out_as_rgb(mode: str) -> None:
    kind = "TIFF" if mode in ("CMYK", "YCbCr") else "PNG"
    image = Image.open(encoded(gradient().convert(mode), kind))
    assert image.pixels.mode == "RGB"
    assert image.size == (40, 30)


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    deep = Pillow.fromarray(np.linspace(0, 65535, 40 * 30).reshape(30, 40).astype("uint16"))
    values = np.asarray(Image.open(encoded(deep, "PNG")).pixels)
    assert values.min() == 0
    assert values.max() == 255
    assert 120 < values.mean() < 135


def test_transparency_is_laid_on_white() -> None:
    clear = Pillow.new("RGBA", (4, 4), (255, 0, 0, 0))
    assert Image.open(encoded(clear, "PNG")).pixels.getpixel((0, 0)) == (255, 255, 255)


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Pillow.new("RGB", (8, 8), c) for c in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert Image.open(data).pixels.getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("data", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_garbage_is_one_clear_error(data: bytes) -> None:
    with pytest.raises(ImageError):
        _ = Image.open(data).pixels


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_truncated_picture_is_one_clear_error(kind: str) -> None:
    data = encoded(Pillow.fromarray(np.random.default_rng(0).integers(0, 255, (90, 90, 3), "uint8")), kind)
    with pytest.raises(ImageError, match="damaged"):
        _ = Image.open(data[: len(data) // 2]).pixels


def test_a_decompression_bomb_is_refused_before_decoding() -> None:
    data = encoded(Pillow.new("1", (20_000, 10_000)), "PNG")
    assert len(data) < 100_000
    with pytest.raises(ImageError, match=r"limit of 179 megapixels.*AGENTKIT_MAX_PIXELS"):
        _ = Image.open(data).size


def test_the_limit_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTKIT_MAX_PIXELS", "100")
    with pytest.raises(ImageError):
        _ = Image.open(encoded(gradient(), "PNG")).size


def test_the_limit_can_be_raised_beyond_pillows_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", Pillow.MAX_IMAGE_PIXELS)
    monkeypatch.setenv("AGENTKIT_MAX_PIXELS", "300000000")
    assert Image.open(encoded(Pillow.new("1", (20_000, 10_000)), "PNG")).size == (20_000, 10_000)


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no\.png"):
        Image.open(tmp_path / "no.png")


def test_a_crop_keeps_the_original_and_its_pixels() -> None:
    image = Image.open(gradient())
    crop = image.crop(Box(10, 5, 20, 15))
    assert crop.parent is image
    assert crop.box == (10, 5, 20, 15)
    assert crop.size == (10, 10)
    assert crop.pixels.getpixel((0, 0)) == image.pixels.getpixel((10, 5))


def test_a_crop_of_a_crop_is_a_crop_of_the_original() -> None:
    image = Image.open(gradient())
    again = image.crop(Box(10, 5, 20, 15)).crop(Box(12, 6, 14, 9))
    assert again.parent is image
    assert again.box == (12, 6, 14, 9)


@given(st.tuples(*[st.floats(-100, 200)] * 4))
def test_no_crop_leaves_the_picture(values: tuple[float, float, float, float]) -> None:
    image = Image.open(gradient())
    x, y = sorted(values[:2]), sorted(values[2:])
    try:
        crop = image.crop(Box(x[0], y[0], x[1], y[1]))
    except UsageError:
        assert Box(x[0], y[0], x[1], y[1]).intersection(Box(0, 0, 40, 30)) == 0
        return
    left, top, right, bottom = crop.box
    assert 0 <= left < right <= 40
    assert 0 <= top < bottom <= 30
    assert crop.pixels.size == crop.size


def test_a_box_outside_is_an_error() -> None:
    with pytest.raises(UsageError, match="outside"):
        Image.open(gradient()).crop(Box(100, 100, 120, 120))


def test_messages_survive_a_round_trip() -> None:
    image = Image.open(gradient())
    message = Message.user(
        "look", image.crop(Box(1, 2, 9, 9)), Text("page", "observation", "untrusted"), Picture(image)
    )
    assert load(dump([message]), {image.sha256: image}) == [message]
    assert len(images_of([message])) == 2


def test_labels_follow_the_role_unless_said() -> None:
    assert [p.label for p in Message.user("a").parts] == ["instruction"]
    assert [p.label for p in Message.user("a", label="query").parts] == ["query"]
    part = Message.tool("1", "seen").parts[0]
    assert (part.label, part.trust) == ("observation", "untrusted")


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 900), st.integers(1, 900), st.integers(24, 300))
def test_a_shrunk_picture_stays_large_enough_and_looks_the_same(width: int, height: int, least: int) -> None:
    ramp = Pillow.linear_gradient("L").resize((width, height)).convert("RGB")
    image = Image.of_pixels(ramp)
    small = image.shrunk(least)
    assert min(small.size) >= min(least, width, height)
    assert max(small.size) <= max(width, height)
    part = image.crop(Box(0, 0, max(width // 2, 1), max(height // 2, 1))).shrunk(least)
    wanted = ramp.crop((0, 0, max(width // 2, 1), max(height // 2, 1))).resize((4, 4), Pillow.Resampling.BOX)
    near = part.resize((4, 4), Pillow.Resampling.BOX)
    assert np.asarray(ImageChops.difference(wanted, near)).max() <= 24
