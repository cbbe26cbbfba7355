from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image as Pillow
from PIL import ImageDraw

from agentkit.config import Settings
from agentkit.tools.retrieval import Passage

from .shelf import Shelf


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(runs=tmp_path / "runs")


def flag(path: Path, *colours: str) -> Path:
    picture = Pillow.new("RGB", (60, 40), "white")
    draw = ImageDraw.Draw(picture)
    for number, colour in enumerate(colours):
        draw.rectangle((number * 20, 0, number * 20 + 20, 40), fill=colour)
    picture.save(path)
    return path


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """A few facts, two flags, an old and a new version of one fact."""
    texts = {
        "peru": ("Peru", "The capital of Peru is Lima. Peru borders Ecuador, Colombia and Brazil."),
        "lima": ("Lima", "The mayor of Lima is Rafael Lopez. Lima was founded in 1535."),
        "france": (
            "France",
            "The capital of France is Paris. The area of France is 640,679 square kilometres.",
        ),
        "spain": ("Spain", "The capital of Spain is Madrid. The area of Spain is 505,992 square kilometres."),
        "francium": ("Francium", "Francium was discovered by Marguerite Perey in the year 1939 in France."),
    }
    passages = [
        Passage(id=key, source="shelf", title=title, text=text, document=f"{key}.txt")
        for key, (title, text) in texts.items()
    ]
    for year, price in (("2008-01-01", "11.5"), ("2010-03-01", "28.8")):
        text = f"On {year}, the price of one ACME share was {price} dollars."
        passages.append(
            Passage(
                id=f"acme-{year}",
                source="shelf",
                title=f"ACME {year}",
                text=text,
                document=f"acme-{year}",
                date=year,
            )
        )
    for name, colours in {"Peru": ("red", "white", "red"), "France": ("blue", "white", "red")}.items():
        picture = flag(tmp_path / f"{name}.png", *colours)
        passages.append(
            Passage(
                id=f"flag-{name}",
                source="shelf",
                title=f"Flag of {name}",
                text=f"The flag of {name}.",
                document=str(picture),
                picture=str(picture),
            )
        )
    return Shelf(passages)
