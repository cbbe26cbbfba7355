"""Documents of every kind and encoding, whole and broken; where each passage stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.content import Box, Image
from agentkit.errors import ToolError
from agentkit.tools.retrieval.chunks import spans
from agentkit.tools.retrieval.extract import extract, kind_of
from agentkit.tools.retrieval.extract.pdf import page_picture
from agentkit.tools.retrieval.workers import Workers

from .conftest import grey, pdf, shapes


@given(
    st.lists(st.text(alphabet="ab .!?\n。é", max_size=60), max_size=30).map("".join),
    st.integers(5, 80),
    st.integers(0, 30),
)
def test_passages_cover_every_word_in_order_and_keep_the_limit(text, size, overlap) -> None:
    found = spans(text, size, overlap)
    covered = set()
    for start, end in found:
        assert 0 < end - start <= size
        assert text[start:end] == text[start:end].strip()
        covered |= set(range(start, end))
    assert all(place in covered for place, character in enumerate(text) if not character.isspace())
    assert [start for start, _ in found] == sorted({start for start, _ in found})


def test_passages_end_with_sentences_and_repeat_whole_ones() -> None:
    text = "One is here. Two is there. Three is far. Four is near."
    parts = [text[start:end] for start, end in spans(text, 30, 15)]
    assert parts == [
        "One is here. Two is there.",
        "Two is there. Three is far.",
        "Three is far. Four is near.",
    ]
    paragraphs = "First part.\n\nSecond part."
    assert [paragraphs[a:b] for a, b in spans(paragraphs, 15, 14)] == ["First part.", "Second part."]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("Grüße aus Graz".encode(), "Grüße aus Graz"),
        ("Grüße aus Graz".encode("utf-16"), "Grüße aus Graz"),
        (b"\xef\xbb\xbf" + "Grüße".encode(), "Grüße"),
        ("Der Fluss heißt Mur, und er fließt durch Graz. Schöne Grüße!".encode("cp1252"), "Schöne Grüße!"),
        ("これは日本語の文章です。東京は日本の首都です。".encode("shift_jis"), "東京は日本の首都です"),
    ],
)
def test_texts_of_mixed_encodings_are_read(data: bytes, words: str) -> None:
    assert words in extract("a.txt", data, kind_of("a.txt", data)).text


def test_front_matter_gives_title_and_date() -> None:
    document = extract("notes.md", b"---\ntitle: The Mur\ndate: 2024-02-03\n---\nA river.\n", "text")
    assert (document.title, document.date) == ("The Mur", "2024-02-03")
    assert extract("a/some_old-notes.txt", b"No title.", "text").title == "some old notes"


def test_kinds_are_told_by_bytes_before_names() -> None:
    assert kind_of("x.txt", pdf("hello")) == "pdf"
    assert kind_of("x", Image.of_pixels(shapes("circle", "red")).data) == "picture"
    assert kind_of("http://h/p", b"  <!DOCTYPE html><p>x") == "html"
    assert kind_of("http://h/p", b"plain", "text/html") == "html"
    assert kind_of("cars.txt", b"BMW makes cars.") == "text"
    with pytest.raises(ToolError, match="no text, page, PDF or picture"):
        kind_of("a.bin", b"\x7fELF\0\0\0")


def test_a_page_gives_its_article_date_and_pictures() -> None:
    page = b"""<html><head><title>Clock tower</title><meta property="article:published_time" content="2023-01-02">
    </head><body><nav>Home About Contact</nav><article><h1>Clock tower</h1>
    <p>The clock tower of Graz stands on the Schlossberg. Its hands are reversed: the long one shows the hours.</p>
    <figure><img src="tower.jpg"><figcaption>The tower at dusk</figcaption></figure>
    <img src="dot.gif" width="1" height="1"><img src="data:image/png;base64,AA=="></article></body></html>"""
    document = extract("https://example.org/a/", page, "html")
    assert "its hands are reversed" in document.text.lower()
    assert document.title == "Clock tower"
    assert document.date == "2023-01-02"
    assert [(f.picture, f.caption) for f in document.figures] == [
        ("https://example.org/a/tower.jpg", "The tower at dusk")
    ]


def test_a_page_without_text_is_one_error() -> None:
    with pytest.raises(ToolError, match="has no text"):
        extract("https://example.org/", b"<html><body><script>fill()</script></body></html>", "html")


def test_a_pdf_gives_lines_with_their_places_and_pictures_with_captions() -> None:
    data = pdf(
        "The Mur flows through Graz.\nFigure 1: a red circle",
        "Second page.",
        title="Rivers",
        picture=shapes("circle", "red"),
    )
    document = extract("r.pdf", data, "pdf")
    assert (document.title, document.date) == ("Rivers", "2023-07-04")
    assert [page.number for page in document.pages] == [1, 2]
    start = document.text.index("The Mur")
    page = document.page_of(start)
    region = document.region(start, start + 7)
    assert page is not None
    assert page.number == 1
    assert region is not None
    # The line stands where its letters are: nothing but white around it, ink within.
    drawn = page_picture("r.pdf", data, 1)
    inside = grey(drawn.crop(Box(*region)))
    left, top, right, _ = region
    above = grey(drawn.crop(Box(left, top - 20, right, top - 2)))
    assert inside[0] < 60
    assert above == (255, 255)
    (figure,) = document.figures
    assert figure.caption.startswith("Figure 1: a red circle")
    assert figure.data is not None
    assert Image.open(figure.data).size == (160, 120)
    assert document.page_of(document.text.index("Second")).number == 2  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"%PDF-1.4\ngarbage", "can't be opened"),
        (pdf(""), "neither text nor pictures"),
    ],
)
async def test_broken_pdfs_are_one_error_and_the_worker_goes_on(data: bytes, what: str) -> None:
    async with Workers(1) as workers:
        with pytest.raises(ToolError, match=what):
            await workers.extract("broken.pdf", data)
        assert "hello" in (await workers.extract("good.pdf", pdf("hello"))).text


async def test_a_document_that_takes_too_long_is_given_up_and_the_next_is_read() -> None:
    async with Workers(1, seconds=0.01) as workers:
        with pytest.raises(ToolError, match="longer than"):
            await workers.extract("slow.pdf", pdf("hello"))
        workers._seconds = 60.0
        assert "hello" in (await workers.extract("good.pdf", pdf("hello"))).text


def test_a_broken_picture_is_one_error() -> None:
    whole = Image.of_pixels(shapes("circle", "red")).data
    with pytest.raises(ToolError, match="not a picture"):
        extract("a.png", b"\x89PNG\r\n" + b"x" * 50, "picture")
    assert extract("red circle.png", whole, "picture").title == "red circle"
