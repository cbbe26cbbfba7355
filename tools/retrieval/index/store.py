"""The index's own book: documents, passages, and their words (BM25), in one SQLite file.

SQLite's FTS5 for the words, because it is built in, changes with every document instead of being built anew, and
commits with the passages that it indexes.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentkit.errors import OtherVersion, UsageError

from .words import any_of, spaced, words_of

FILE = "index.sqlite"
FORMAT = 1
PATIENCE = 30.0
SCHEMA = """
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE contents (
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, way TEXT NOT NULL, title TEXT NOT NULL, date TEXT,
    state TEXT NOT NULL
);
CREATE TABLE documents (
    address TEXT PRIMARY KEY, content INTEGER NOT NULL REFERENCES contents(id), bytes INTEGER NOT NULL
);
CREATE INDEX documents_content ON documents(content);
CREATE TABLE passages (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, content INTEGER NOT NULL REFERENCES contents(id),
    kind TEXT NOT NULL, text TEXT NOT NULL, embedded TEXT NOT NULL, start INTEGER, end INTEGER, page INTEGER,
    image TEXT, picture TEXT, box TEXT, hash INTEGER
);
CREATE INDEX passages_content ON passages(content);
CREATE INDEX passages_embedded ON passages(embedded);
CREATE VIRTUAL TABLE words USING fts5(
    title, text, kind, content='', tokenize="porter unicode61 remove_diacritics 2"
);
"""
_LINK = (
    "INSERT INTO documents SELECT ?, id, ? FROM contents WHERE digest = ? "
    "ON CONFLICT (address) DO UPDATE SET content = excluded.content, bytes = excluded.bytes"
)
# Title words count this many times as much as words of the text.
TITLE_WEIGHT = 2.0
# Passages whose score is computed in one search, beside those of the rarest word; about 1.5 ms a thousand.
SCORED = 3000
# The words of the column that tells texts from pictures.
TEXTS, PICTURES = "intexts", "inpictures"


@dataclass(frozen=True)
class Row:
    """A passage as it is written. ``kind``: text, picture (its text is what is said of it) or ocr (text in a picture).

    ``embedded``: digest of the text that its vector is of; ``hash``: perceptual, of a picture, signed 64 bits.
    """

    id: str
    kind: str
    text: str
    embedded: str
    start: int | None = None
    end: int | None = None
    page: int | None = None
    image: str | None = None
    picture: str | None = None
    box: tuple[float, float, float, float] | None = None
    hash: int | None = None


@dataclass(frozen=True)
class Found:
    """A passage as it is read, with the title, the date and the first address of its document."""

    id: str
    kind: str
    text: str
    start: int | None
    end: int | None
    page: int | None
    image: str | None
    picture: str | None
    box: tuple[float, float, float, float] | None
    title: str
    date: str | None
    address: str


@dataclass(frozen=True)
class Entry:
    """A document of the index: where it came from, its title and date, and how many passages it has."""

    address: str
    title: str
    date: str | None
    bytes: int
    passages: int


class Store:
    """The SQLite side of an index in a folder. Safe for several threads; each change is one transaction.

    A content that is being added or removed is marked as such before its vectors are touched, so that what a kill
    leaves behind is known (``unfinished``). Raises ``UsageError`` for a folder that holds something else,
    ``OtherVersion`` for an index of another format.
    """

    def __init__(self, folder: Path, *, create: bool) -> None:
        self.path = folder / FILE
        self._lock = threading.RLock()
        if not create and not self.path.is_file():
            raise UsageError(f"there is no index in {folder}", mend="agentkit index add PATH --index DIR")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("PRAGMA foreign_keys = ON")
            self._prepare(folder)
        except (OSError, sqlite3.DatabaseError) as error:
            raise UsageError(f"{self.path} can't be opened as an index: {error}") from error

    def close(self) -> None:
        self._db.close()

    def _prepare(self, folder: Path) -> None:
        (found,) = self._db.execute("PRAGMA user_version").fetchone()
        if found == 0:
            with self._change() as db:
                # Another process may have been quicker.
                if db.execute("PRAGMA user_version").fetchone()[0] == 0:
                    for statement in SCHEMA.split(";\n"):
                        db.execute(statement)
                    db.execute(f"PRAGMA user_version = {FORMAT}")
        elif found != FORMAT:
            raise OtherVersion(
                f"{folder} was written in index format {found}; this agentkit reads {FORMAT}",
                mend="index the documents again into a new folder",
            )

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _all(self, sql: str, given: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(sql, given).fetchall()

    # What the index is

    def fact(self, key: str) -> str | None:
        found = self._all("SELECT value FROM facts WHERE key = ?", (key,))
        return found[0][0] if found else None

    def set_facts(self, facts: dict[str, str]) -> None:
        with self._change() as db:
            db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts.items())

    # Writing

    def known(self, address: str) -> tuple[str, str] | None:
        """Return (digest, way) of the finished content at an address, None when there is none."""
        found = self._all(
            "SELECT c.digest, c.way FROM documents d JOIN contents c ON c.id = d.content "
            "WHERE d.address = ? AND c.state = 'ready'",
            (address,),
        )
        return (found[0][0], found[0][1]) if found else None

    def content(self, digest: str, way: str) -> bool:
        """Say whether a finished content of this digest, made in this way, is there."""
        sql = "SELECT 1 FROM contents WHERE digest = ? AND way = ? AND state = 'ready'"
        return bool(self._all(sql, (digest, way)))

    def link(self, address: str, digest: str, size: int) -> None:
        """Note that an address holds a finished content."""
        with self._change() as db:
            db.execute(_LINK, (address, size, digest))

    def begin(self, digest: str, way: str, title: str, date: str | None, rows: Sequence[Row]) -> None:
        """Write a content and its passages as unfinished: they are not found before ``finish``."""
        with self._change() as db:
            made = db.execute(
                "INSERT INTO contents (digest, way, title, date, state) VALUES (?, ?, ?, ?, 'adding')",
                (digest, way, title, date),
            )
            db.executemany(
                "INSERT INTO passages (id, content, kind, text, embedded, start, end, page, image, picture, box, hash)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(row.id, made.lastrowid, *_values(row)) for row in rows],
            )

    def finish(self, digest: str, addresses: Sequence[tuple[str, int]]) -> None:
        """Make a content that was begun searchable, at some (address, size in bytes); its vectors are there."""
        with self._change() as db:
            ((content, title),) = db.execute("SELECT id, title FROM contents WHERE digest = ?", (digest,))
            db.executemany(
                "INSERT INTO words (rowid, title, text, kind) VALUES (?, ?, ?, ?)",
                _words_of(db, content, title),
            )
            db.execute("UPDATE contents SET state = 'ready' WHERE id = ?", (content,))
            for address, size in addresses:
                db.execute(_LINK, (address, size, digest))

    def unlink(self, address: str) -> None:
        """Forget an address; a content that nobody holds any more is to be removed (``unfinished``)."""
        with self._change() as db:
            db.execute("DELETE FROM documents WHERE address = ?", (address,))

    def unfinished(self) -> list[str]:
        """Return the digests of contents that a kill left half done, and of those at no address."""
        rows = self._all(
            "SELECT digest FROM contents c WHERE state != 'ready' "
            "OR NOT EXISTS (SELECT 1 FROM documents WHERE content = c.id)"
        )
        return [digest for (digest,) in rows]

    def addresses(self, digest: str) -> list[tuple[str, int]]:
        """Return (address, size) of the documents with a content."""
        sql = "SELECT d.address, d.bytes FROM documents d JOIN contents c ON c.id = d.content WHERE c.digest = ?"
        return [(row[0], row[1]) for row in self._all(sql, (digest,))]

    def passages_of(self, digest: str) -> list[tuple[str, str]]:
        """Return (id, kind) of the passages of a content."""
        sql = "SELECT p.id, p.kind FROM passages p JOIN contents c ON c.id = p.content WHERE c.digest = ?"
        return [(row[0], row[1]) for row in self._all(sql, (digest,))]

    def hide(self, digest: str) -> None:
        """Take a content out of searches, before its vectors are deleted."""
        with self._change() as db:
            rows = db.execute("SELECT id, title, state FROM contents WHERE digest = ?", (digest,)).fetchall()
            if not rows or rows[0][2] != "ready":
                return
            content, title, _ = rows[0]
            db.executemany(
                "INSERT INTO words (words, rowid, title, text, kind) VALUES ('delete', ?, ?, ?, ?)",
                _words_of(db, content, title),
            )
            db.execute("UPDATE contents SET state = 'removing' WHERE id = ?", (content,))

    def drop(self, digest: str) -> list[str]:
        """Delete a hidden or unfinished content; its vectors are gone. Return its pictures that nobody else has."""
        pictures = self._all(
            "SELECT DISTINCT picture FROM passages p JOIN contents c ON c.id = p.content WHERE digest = ? "
            "AND picture LIKE 'pictures/%'",
            (digest,),
        )
        with self._change() as db:
            for (content,) in db.execute("SELECT id FROM contents WHERE digest = ?", (digest,)).fetchall():
                db.execute("DELETE FROM documents WHERE content = ?", (content,))
                db.execute("DELETE FROM passages WHERE content = ?", (content,))
                db.execute("DELETE FROM contents WHERE id = ?", (content,))
        left = "SELECT 1 FROM passages WHERE picture = ?"
        return [picture for (picture,) in pictures if not self._all(left, (picture,))]

    def with_embedded(self, digests: Iterable[str]) -> dict[str, tuple[str, str]]:
        """Return, by digest of what was embedded, (id, kind) of a finished passage that has that vector already."""
        wanted, found = list(digests), {}
        for start in range(0, len(wanted), 500):
            part = wanted[start : start + 500]
            marks = ",".join("?" * len(part))
            sql = (
                f"SELECT p.embedded, p.id, p.kind FROM passages p JOIN contents c ON c.id = p.content "
                f"WHERE c.state = 'ready' AND p.embedded IN ({marks})"
            )
            found |= {row[0]: (row[1], row[2]) for row in self._all(sql, part)}
        return found

    # Reading

    def entries(self) -> list[Entry]:
        """Return every document, by address."""
        rows = self._all(
            "SELECT d.address, c.title, c.date, d.bytes, (SELECT COUNT(*) FROM passages WHERE content = c.id) "
            "FROM documents d JOIN contents c ON c.id = d.content WHERE c.state = 'ready' ORDER BY d.address"
        )
        return [Entry(*row) for row in rows]

    def counts(self) -> dict[str, int]:
        """Return the number of documents and of finished passages of each kind."""
        rows = self._all(
            "SELECT p.kind, COUNT(*) FROM passages p JOIN contents c ON c.id = p.content "
            "WHERE c.state = 'ready' GROUP BY p.kind"
        )
        return {"documents": self._all("SELECT COUNT(*) FROM documents")[0][0], **dict(rows)}

    def fetch(self, ids: Sequence[str]) -> dict[str, Found]:
        """Return the finished passages of some ids, with title, date and first address of their documents."""
        marks = ",".join("?" * len(ids))
        rows = self._all(
            "SELECT p.id, p.kind, p.text, p.start, p.end, p.page, p.image, p.picture, p.box, c.title, c.date, "
            "(SELECT MIN(address) FROM documents WHERE content = c.id) "
            f"FROM passages p JOIN contents c ON c.id = p.content WHERE c.state = 'ready' AND p.id IN ({marks})",
            list(ids),
        )
        # A content that has just lost its last address is on its way out.
        return {row[0]: _found(row) for row in rows if row[11] is not None}

    def by_words(self, text: str, n: int, *, pictures: bool = False) -> list[tuple[str, float]]:
        """Return (id, BM25 score, higher is better) of the ``n`` passages that share most words with a text.

        ``pictures``: only of what is said of pictures or stands in them.
        """
        words = words_of(text)
        if not words:
            return []
        query = self._affordable(words)
        if pictures:
            query = f"kind:{PICTURES} AND ({query})"
        rows = self._all(
            "SELECT p.id, w.score FROM (SELECT rowid, bm25(words, ?, 1.0, 0.0) AS score FROM words "
            "WHERE words MATCH ? ORDER BY score LIMIT ?) w JOIN passages p ON p.number = w.rowid ORDER BY w.score",
            (TITLE_WEIGHT, query, n),
        )
        return [(row[0], -row[1]) for row in rows]

    def _affordable(self, words: Sequence[str]) -> str:
        """Return a query of any of the words, whose cost does not grow with the index.

        Scoring is what costs, and common words match most and tell least. The rarest words choose what is scored, at
        most ``SCORED`` passages of those after the first; all words count in the score of those.
        """
        counted = sorted((self._count(word), word) for word in words)
        total, rare = 0, []
        for count, word in counted:
            if rare and total + count > SCORED:
                break
            total += count
            rare.append(word)
        query = f"({any_of(rare)})"
        return query if len(rare) == len(words) else f"{query} AND ({any_of(words)})"

    def _count(self, word: str) -> int:
        """Return how many passages have a word, no further than one more than ``SCORED``."""
        sql = "SELECT COUNT(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)"
        return self._all(sql, (any_of([word]), SCORED + 1))[0][0]

    def changes(self) -> int:
        """Return a number that is another one after every change of this file, by any process."""
        mine, others = self._db.total_changes, self._all("PRAGMA data_version")[0][0]
        return mine * 1_000_003 + others

    def hashes(self) -> list[tuple[str, int]]:
        """Return (id, perceptual hash) of every picture."""
        return [
            (row[0], row[1])
            for row in self._all(
                "SELECT p.id, p.hash FROM passages p JOIN contents c ON c.id = p.content "
                "WHERE c.state = 'ready' AND p.hash IS NOT NULL ORDER BY p.number"
            )
        ]

    def texts(self) -> Iterator[tuple[str, str, str, str]]:
        """Yield (id, kind, title, text) of every finished passage."""
        last = 0
        while True:
            rows = self._all(
                "SELECT p.number, p.id, p.kind, c.title, p.text FROM passages p JOIN contents c ON c.id = p.content "
                "WHERE c.state = 'ready' AND p.number > ? ORDER BY p.number LIMIT 1000",
                (last,),
            )
            if not rows:
                return
            last = rows[-1][0]
            yield from ((row[1], row[2], row[3], row[4]) for row in rows)


def _values(row: Row) -> tuple[Any, ...]:
    box = json.dumps(row.box) if row.box is not None else None
    places = (row.start, row.end, row.page, row.image, row.picture)
    return (row.kind, row.text, row.embedded, *places, box, row.hash)


def _found(row: tuple[Any, ...]) -> Found:
    item, kind, text, start, end, page, image, picture, box, title, date, address = row
    return Found(item, kind, text, start, end, page, image, picture, _box(box), title, date, address)


def _box(stored: str | None) -> tuple[float, float, float, float] | None:
    if stored is None:
        return None
    left, top, right, bottom = json.loads(stored)
    return left, top, right, bottom


def _words_of(db: sqlite3.Connection, content: int, title: str) -> list[tuple[int, str, str, str]]:
    """Return what the word index holds of a content; the same is needed to delete it."""
    rows = db.execute("SELECT number, text, kind FROM passages WHERE content = ?", (content,)).fetchall()
    return [
        (number, spaced(title), spaced(text), TEXTS if kind == "text" else PICTURES)
        for number, text, kind in rows
    ]
