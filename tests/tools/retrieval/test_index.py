"""The local index: what is found, what is done again and what is not, what a kill leaves behind."""

from __future__ import annotations

import asyncio
import io
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.content import Box, Image
from agentkit.errors import ToolError, UsageError
from agentkit.tools.retrieval import Document, LocalIndex, Query, Source
from agentkit.tools.retrieval.fusion import fuse
from agentkit.tools.retrieval.index.adding import writing
from agentkit.tools.retrieval.index.checking import check
from agentkit.tools.retrieval.index.local import with_heads
from agentkit.tools.retrieval.index.passages import Way
from agentkit.tools.retrieval.index.rebuilding import rebuild
from agentkit.tools.retrieval.index.vectors import FEWEST, FOLDER, MOST_CANDIDATES, Vectors, candidates
from agentkit.tools.retrieval.index.words import words_of
from agentkit.tools.retrieval.pictures import load_picture

from .conftest import FACTS, grey, pdf, shapes, written

PLAIN = Way(ocr=False)
# Documents of the interrupted run, in batches of 16.
COUNT = 40


async def test_texts_are_found_by_meaning_and_by_rare_words(index: LocalIndex, folder: Path) -> None:
    assert isinstance(index, Source)
    report = await index.add([folder])
    assert (report.added, report.unchanged, report.problems) == (3, 0, [])
    (first, *_) = await index.search(Query("Who was the earliest computer programmer?"), 3)
    assert first.title == "Ada Lovelace"
    assert first.date == "2024-05-01"
    assert first.trust == first.part().trust == "untrusted"
    assert first.document == str(folder / "ada.md")
    start, end = first.place or (0, 0)
    assert (folder / "ada.md").read_text()[start:end] == first.text
    (named, *_) = await index.search(Query("styria"), 3)
    assert named.title == "Graz"
    assert "words" in named.scores


@pytest.mark.parametrize(
    "text", ['AND OR NOT "', "a:b*", "(", "NEAR(x", "", "the", "'; DROP TABLE words; --"]
)
async def test_no_query_is_an_operator(index: LocalIndex, folder: Path, text: str) -> None:
    await index.add([folder])
    index.store.by_words(text, 5)
    assert words_of("the Mur, and the mur") == ["mur"]


async def test_what_is_unchanged_is_not_embedded_again(index: LocalIndex, folder: Path, embedder) -> None:
    Image.of_pixels(shapes("circle", "red")).pixels.save(folder / "circle.png")
    await index.add([folder], way=PLAIN)
    before = embedder.texts
    again = await index.add([folder], way=PLAIN)
    assert (again.added, again.unchanged, again.embedded) == (0, 4, 0)
    (folder / "copy of ada.md").write_text(FACTS["ada.md"])
    (folder / "graz.md").rename(folder / "moved.md")
    moved = await index.add([folder], way=PLAIN)
    assert (moved.duplicates, moved.removed, moved.embedded) == (2, 1, 0)
    assert embedder.texts == before
    # A paragraph more: only what is new is embedded.
    long = "\n\n".join(f"Paragraph {n} speaks of the number {n} and nothing else. " * 10 for n in range(6))
    (folder / "long.md").write_text(long)
    first = await index.add([folder], way=PLAIN)
    (folder / "long.md").write_text(long + "\n\nAnd one last remark on bread.")
    second = await index.add([folder], way=PLAIN)
    assert first.embedded == 6
    assert second.embedded == 1
    found = await index.search(Query("a last remark on bread"), 8)
    assert len({passage.id for passage in found}) == len(found)
    assert sum("one last remark" in passage.text for passage in found) == 1


async def test_a_text_that_changed_is_found_as_it_is_now(index: LocalIndex, folder: Path) -> None:
    await index.add([folder])
    (folder / "graz.md").write_text("# Graz\n\nGraz is twinned with Coventry.\n")
    report = await index.add([folder])
    assert (report.added, report.unchanged) == (1, 2)
    texts = [passage.text for passage in await index.search(Query("Graz Styria Mur Coventry"), 10)]
    assert any("Coventry" in text for text in texts)
    assert not any("Styria" in text for text in texts)
    assert check(index, 3).whole


async def test_documents_at_hand_are_indexed_too(index: LocalIndex) -> None:
    stale = Document(
        address="wiki:2020", title="Population", text="Graz has 290,000 people.", date="2020-01-01"
    )
    fresh = Document(
        address="wiki:2025", title="Population", text="Graz has 305,000 people.", date="2025-01-01"
    )
    report = await index.add_documents([stale, fresh])
    assert report.added == 2
    found = await index.search(Query("population of Graz"), 2)
    assert {passage.date for passage in found} == {"2020-01-01", "2025-01-01"}
    assert (await index.add_documents([stale, fresh])).unchanged == 2


async def test_what_is_removed_is_gone(index: LocalIndex, folder: Path) -> None:
    await index.add([folder])
    assert await index.remove([folder / "graz.md"]) == 1
    assert all(passage.title != "Graz" for passage in await index.search(Query("Graz Styria"), 10))
    with pytest.raises(UsageError, match="has nothing at"):
        await index.remove([folder / "graz.md"])
    assert await index.remove([folder]) == 2
    assert await index.search(Query("bread"), 5) == []
    assert index.store.counts() == {"documents": 0}
    assert index.vectors.count("texts") == 0


async def test_trouble_is_one_event_each_and_the_rest_goes_on(index: LocalIndex, folder: Path) -> None:
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 no")
    (folder / "cut.png").write_bytes(Image.of_pixels(shapes("circle", "red")).data[:300])
    (folder / "empty.txt").touch()
    (folder / "program.bin").write_bytes(b"\x7fELF" + bytes(100))
    (folder / "latin.txt").write_bytes("Müßiggang ist aller Laster Anfang, hieß es früher.".encode("latin-1"))
    with (folder / "huge.txt").open("wb") as file:
        file.truncate(200_000_000)
    steps = []
    report = await index.add([folder], listen=steps.append)
    assert report.added == 4
    troubled = sorted(Path(address).name for address, _ in report.problems)
    assert troubled == ["broken.pdf", "cut.png", "empty.txt", "huge.txt", "program.bin"]
    assert [step.done for step in steps] == list(range(1, 10))
    assert {step.total for step in steps} == {9}
    (found, *_) = await index.search(Query("Müßiggang"), 1)
    assert found.text.startswith("Müßiggang")


async def test_pictures_by_their_words_their_likeness_and_the_text_in_them(
    index: LocalIndex, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, picture in {
        "ball.png": shapes("circle", "red"),
        "box.png": shapes("square", "blue"),
        "sign.png": written("PLATFORM NINE"),
    }.items():
        picture.save(folder / name)
    (folder / "box.caption.txt").write_text("A blue crate in a warehouse")
    shapes("circle", "red").save(folder / "same.png")
    report = await index.add([folder])
    assert report.problems == []
    assert report.duplicates == 1
    assert index.store.counts()["picture"] == 3
    (crate, *_) = await index.search(Query("a crate", want="image"), 3)
    assert crate.picture == str(folder / "box.png")
    assert crate.image == Image.open(folder / "box.png").sha256
    (sign, *_) = await index.search(Query("which platform"), 1)
    assert "PLATFORM" in sign.text
    assert sign.box is not None
    region = (await load_picture(sign)).crop(Box(*sign.box))
    assert grey(region)[0] < 60
    # The same picture, smaller and as JPEG, is known as the same.
    small = io.BytesIO()
    shapes("square", "blue").resize((90, 68)).save(small, "JPEG", quality=70)
    same, *others = await index.search(Query(image=Image.open(small.getvalue())), 3)
    assert same.picture == str(folder / "box.png")
    assert same.scores["same"] > 0.85
    assert all("same" not in other.scores for other in others)
    (folder / "box.png").write_bytes((folder / "ball.png").read_bytes())
    with pytest.raises(ToolError, match="another picture now"):
        await load_picture(same)


async def test_a_model_describes_pictures_that_nobody_has_described(
    index: LocalIndex, tmp_path: Path
) -> None:
    class Describer:
        name = "describer"
        seen: list[tuple[int, int]]

        def __init__(self) -> None:
            self.seen = []

        async def caption(self, image: Image) -> str:
            self.seen.append(image.size)
            return "A round red thing."

    folder = tmp_path / "photos"
    folder.mkdir()
    shapes("circle", "red").save(folder / "IMG_1.png")
    shapes("square", "blue").save(folder / "IMG_2.png")
    (folder / "IMG_2.caption.txt").write_text("A blue crate.")
    describer = Describer()
    way = Way(ocr=False, captioner=describer)
    await index.add([folder], way=way)
    assert describer.seen == [(160, 120)]
    assert {p.text for p in await index.search(Query("thing", want="image"), 3)} == {
        "A round red thing.",
        "A blue crate.",
    }
    assert (await index.add([folder], way=way)).unchanged == 2
    assert len(describer.seen) == 1


async def test_pdf_passages_are_shown_on_their_pages(index: LocalIndex, tmp_path: Path) -> None:
    path = tmp_path / "rivers.pdf"
    page = "The Mur rises in the Hohe Tauern.\nFigure 1: a red circle"
    path.write_bytes(pdf("Title page.", page, title="Rivers", picture=shapes("circle", "red")))
    await index.add([path], way=PLAIN)
    (first, *_) = await index.search(Query("Where does the Mur rise?"), 1)
    assert first.page == 2
    assert first.box is not None
    shown = (await load_picture(first)).crop(Box(*first.box))
    assert grey(shown)[0] < 60
    (figure,) = await index.search(Query("circle", want="image"), 5)
    assert figure.page == 1
    assert (await load_picture(figure)).size == (160, 120)
    kept = list((index.folder / "pictures").iterdir())
    assert len(kept) == 1
    await index.remove([path])
    assert list((index.folder / "pictures").iterdir()) == []


async def test_pages_show_pictures_of_their_own_folder_only(index: LocalIndex, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    shapes("square", "blue").save(site / "box.png")
    shapes("circle", "red").save(tmp_path / "secret.png")
    text = "A page about crates that is long enough to be read as an article. " * 5
    pictures = '<img src="box.png" alt="A crate"><img src="../secret.png" alt="A secret">'
    (site / "page.html").write_text(f"<html><body><article><p>{text}</p>{pictures}</article></body></html>")
    report = await index.add([site / "page.html"], way=PLAIN)
    assert ["not beside it" in what for _, what in report.problems] == [True]
    found = await index.search(Query("crate secret", want="image"), 5)
    assert [passage.text for passage in found] == ["A crate"]


async def test_an_index_of_another_embedder_is_refused_and_can_be_rebuilt(
    tmp_path: Path, folder: Path, embedder
) -> None:
    with LocalIndex(tmp_path / "i", embedder=embedder, looks="none", create=True) as index:
        await index.add([folder])
        index.store.set_facts({"embedder_version": "0.0.1"})
    with pytest.raises(UsageError, match=r"made with the embedder minilm 0\.0\.1.*rebuild"):
        LocalIndex(tmp_path / "i")
    assert rebuild(tmp_path / "i") == []
    with LocalIndex(tmp_path / "i") as index:
        assert index.looks is None
        assert check(index, 3).whole
        assert (await index.search(Query("first program"), 1))[0].title == "Ada Lovelace"
        assert (await index.add([folder])).unchanged == 3


def test_there_must_be_an_index_and_only_one_of_this_format(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no index"):
        LocalIndex(tmp_path / "none")
    (tmp_path / "index.sqlite").write_bytes(
        b"not a database, but long enough to look like a file of one" * 20
    )
    with pytest.raises(UsageError, match="can't be opened"):
        LocalIndex(tmp_path)


async def test_one_process_writes_at_a_time(index: LocalIndex, folder: Path) -> None:
    with writing(index.folder), pytest.raises(UsageError, match="another process"):
        await index.add([folder])
    assert (await index.add([folder])).added == 3


async def test_after_a_kill_in_the_middle_adding_goes_on(tmp_path: Path, embedder) -> None:
    """The process dies after the vectors of a batch were written and before its rows were finished."""
    docs = tmp_path / "docs"
    docs.mkdir()
    for number in range(COUNT):
        (docs / f"{number:04}.txt").write_text(f"Note {number} is about the number {number * 7}.")
    script = textwrap.dedent(
        f"""
        import asyncio, os, signal
        from agentkit.tools.retrieval import LocalIndex
        from agentkit.tools.retrieval.index import adding
        from agentkit.tools.retrieval.index.store import Store

        finish, calls = Store.finish, []
        def killed(self, *given):
            calls.append(1)
            if len(calls) == 20:
                os.kill(os.getpid(), signal.SIGKILL)
            finish(self, *given)
        Store.finish = killed
        adding.BATCH = 16
        index = LocalIndex({str(tmp_path / "i")!r}, looks="none", create=True)
        asyncio.run(index.add([{str(docs)!r}]))
        """
    )
    died = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", script], capture_output=True, check=False
    )
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    with LocalIndex(tmp_path / "i", embedder=embedder) as index:
        assert index.store.unfinished()
        assert len(await index.search(Query("number"), 99)) == 19
        before = embedder.texts
        report = await index.add([docs])
        assert (report.unchanged, report.added) == (19, COUNT - 19)
        assert embedder.texts - before == report.added
        health = check(index, 20)
        assert health.whole
        assert health.passages == COUNT
        assert health.recall == 1.0
        assert index.vectors.count("texts") == COUNT


def test_fusion_adds_reciprocal_ranks() -> None:
    fused = fuse([["a", "b", "c"], ["c", "a"]])
    assert [item for item, _ in fused] == ["a", "c", "b"]
    assert dict(fused)["a"] == pytest.approx(1 / 61 + 1 / 62)


@given(st.integers(0, 1_000_000), st.integers(0, 1_000_000))
def test_a_search_looks_the_further_the_more_there_is(few: int, many: int) -> None:
    few, many = sorted((few, many))
    assert FEWEST <= candidates(few) <= candidates(many) <= MOST_CANDIDATES


def test_an_index_is_searched_as_far_as_its_size_asks_for_when_it_is_opened(tmp_path: Path) -> None:
    import chromadb
    from chromadb.config import Settings

    rows = np.random.default_rng(0).standard_normal((20, 8)).astype(np.float32)
    made = Vectors(tmp_path, "sized")
    made.put("texts", [str(number) for number in range(20)], rows)
    again = Vectors(tmp_path, "sized")
    same = Settings(anonymized_telemetry=False, allow_reset=False)
    client = chromadb.PersistentClient((tmp_path / FOLDER).resolve(), same)
    settings = client.get_collection("sized-texts", embedding_function=None).configuration.get("hnsw")
    # A new one may grow in the process that makes it; links stay as they were made.
    assert settings is not None
    kept = {"ef_search": 500, "max_neighbors": 32, "ef_construction": 200}
    assert {name: settings.get(name) for name in kept} == kept
    found = again.nearest("texts", rows[3], 1)
    assert found[0][0] == "3"


def test_the_first_of_every_ranking_is_among_the_first() -> None:
    scores = {
        "vector": {f"v{n}": 1.0 for n in range(9)},
        "words": {"rare": 9.0} | {f"v{n}": 1.0 for n in range(9)},
    }
    fused = with_heads(fuse([list(hits) for hits in scores.values()]), scores)
    assert "rare" in [item for item, _ in fused[:3]]
    assert len({item for item, _ in fused}) == len(fused) == 10
    assert with_heads([], {}) == []
