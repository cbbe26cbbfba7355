"""Real embedders, loaded once; documents of every kind, made here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from agentkit.content import Image
from agentkit.models.embed import load_embedder
from agentkit.tools.retrieval import LocalIndex
from agentkit.tools.retrieval.looks import load_looks


class Counting:
    """The packaged embedder, which counts what it embeds."""

    def __init__(self) -> None:
        self._inner = load_embedder("minilm")
        self.reference = self._inner.reference
        self.dimension = self._inner.dimension
        self.texts = 0

    def embed(self, texts: Sequence[str]):
        self.texts += len(texts)
        return self._inner.embed(texts)


@pytest.fixture(scope="session")
def embedder() -> Counting:
    return Counting()


@pytest.fixture(scope="session")
def looks():
    return load_looks()


@pytest.fixture
def index(tmp_path: Path, embedder: Counting, looks):
    with LocalIndex(tmp_path / "index", embedder=embedder, looks=looks, create=True) as opened:
        yield opened


FACTS = {
    "ada.md": "---\ndate: 2024-05-01\n---\n# Ada Lovelace\n\nShe wrote the first program, for the Analytical Engine.\n",
    "graz.md": "# Graz\n\nGraz is the capital of Styria. The Mur flows through it.\n",
    "bread.md": "# Sourdough\n\nA starter of flour and water ferments for a week before the first loaf.\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "docs"
    place.mkdir()
    for name, text in FACTS.items():
        (place / name).write_text(text)
    return place


def shapes(kind: str, colour: str, size: tuple[int, int] = (160, 120)) -> Pillow.Image:
    """Return a drawn picture: a circle or a square on a gradient."""
    picture = Pillow.linear_gradient("L").resize(size).convert("RGB")
    draw = ImageDraw.Draw(picture)
    box = (size[0] // 4, size[1] // 5, 3 * size[0] // 4, 4 * size[1] // 5)
    draw.ellipse(box, fill=colour) if kind == "circle" else draw.rectangle(box, fill=colour)
    return picture


def written(text: str) -> Pillow.Image:
    """Return a picture of a line of text."""
    picture = Pillow.new("RGB", (520, 90), "white")
    ImageDraw.Draw(picture).text((20, 20), text, fill="black", font=ImageFont.load_default(38))
    return picture


def grey(image: Image) -> tuple[int, int]:
    """Return the darkest and the lightest grey of a picture."""
    values = np.asarray(image.pixels.convert("L"))
    return int(values.min()), int(values.max())


def pdf(*pages: str, title: str = "", picture: Pillow.Image | None = None) -> bytes:
    """Return a PDF with lines of text on A5 pages; the picture, if any, is on the first."""
    objects: list[bytes] = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    if picture is not None:
        raw = picture.convert("RGB").tobytes()
        head = f"<< /Type /XObject /Subtype /Image /Width {picture.width} /Height {picture.height}"
        head += f" /ColorSpace /DeviceRGB /BitsPerComponent 8 /Length {len(raw)} >>"
        objects.append(head.encode() + b"\nstream\n" + raw + b"\nendstream")
    kids = []
    for number, text in enumerate(pages):
        lines = [line.replace("(", "\\(").replace(")", "\\)") for line in text.splitlines()]
        shown = "BT /F1 12 Tf 40 540 Td 16 TL " + " ".join(f"({line}) Tj T*" for line in lines) + " ET"
        use = ""
        if picture is not None and number == 0:
            shown += " q 200 0 0 150 40 60 cm /Im1 Do Q"
            use = "/XObject << /Im1 4 0 R >>"
        objects.append(f"<< /Length {len(shown)} >>\nstream\n{shown}\nendstream".encode())
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 420 595] /Contents {len(objects)} 0 R "
            f"/Resources << /Font << /F1 3 0 R >> {use} >> >>".encode()
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>".encode()
    objects.append(f"<< /Title ({title}) /ModDate (D:20230704120000Z) >>".encode())
    data, places = b"%PDF-1.4\n", []
    for number, item in enumerate(objects, start=1):
        places.append(len(data))
        data += f"{number} 0 obj\n".encode() + item + b"\nendobj\n"
    table = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n" + "".join(
        f"{p:010} 00000 n \n" for p in places
    )
    end = f"trailer << /Size {len(objects) + 1} /Root 1 0 R /Info {len(objects)} 0 R >>\nstartxref\n{len(data)}\n%%EOF"
    return data + table.encode() + end.encode()
