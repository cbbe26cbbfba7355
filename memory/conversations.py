"""Named conversations that are remembered: turns in SQLite, their pictures beside it by digest."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentkit.content import Image, Message, dump, images_of
from agentkit.errors import UsageError

from .exemplars import default_folder

FILE = "conversations.sqlite"
PICTURES = "pictures"
VERSION = 1
LONGEST_NAME = 200
# Two processes may talk at once: each waits this many seconds for the other's write.
PATIENCE = 30.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS conversations (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, created REAL NOT NULL, updated REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS turns (
    id INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
    run TEXT NOT NULL, time REAL NOT NULL, messages TEXT NOT NULL, text TEXT NOT NULL,
    UNIQUE (conversation, run)
);
CREATE TABLE IF NOT EXISTS pictures (
    digest TEXT NOT NULL, turn INTEGER NOT NULL REFERENCES turns(id) ON DELETE CASCADE,
    PRIMARY KEY (digest, turn)
);
"""


@dataclass(frozen=True)
class Turn:
    """What was said in one run: dumped messages (pictures by digest), the run's folder, seconds since the epoch."""

    run: str
    time: float
    messages: list[dict[str, Any]]


@dataclass(frozen=True)
class Conversation:
    """A conversation in a list: its name, when it began and was last used, and how many turns it has."""

    name: str
    created: float
    updated: float
    turns: int


@dataclass(frozen=True)
class Hit:
    """A turn that holds what was searched for. ``number`` counts from 1; ``text`` is the place in it."""

    name: str
    number: int
    run: str
    text: str


class Conversations:
    """Conversations in a folder (default: where exemplars are, ``AGENTKIT_MEMORY``).

    Every change is one transaction, so that several processes can use one folder and a kill leaves whole turns.
    Raises ``UsageError`` for a name that is not there, is taken, or can't be a name.
    """

    def __init__(self, folder: Path | str | None = None) -> None:
        self.folder = Path(folder).expanduser() if folder is not None else default_folder()
        self._ready = False

    def add(self, name: str, run: str, messages: Sequence[Message], *, at: float | None = None) -> None:
        """Add the turn of a run; the same run again replaces it, so that a resumed run may add it once more."""
        text = "\n".join(message.text for message in messages)
        when = time.time() if at is None else at
        with self._writing() as db:
            row = db.execute("SELECT id FROM conversations WHERE name = ?", (checked_name(name),)).fetchone()
            if row is None:
                made = "INSERT INTO conversations (name, created, updated) VALUES (?, ?, ?)"
                owner = db.execute(made, (name, when, when)).lastrowid
            else:
                owner = row[0]
                db.execute("UPDATE conversations SET updated = ? WHERE id = ?", (when, owner))
            data = json.dumps(dump(messages), ensure_ascii=False)
            (turn,) = db.execute(
                "INSERT INTO turns (conversation, run, time, messages, text) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (conversation, run) DO UPDATE SET messages = excluded.messages, text = excluded.text "
                "RETURNING id",
                (owner, run, when, data, text),
            ).fetchone()
            for image in {image.origin for image in images_of(messages)}:
                self._put(image)
                db.execute("INSERT OR IGNORE INTO pictures VALUES (?, ?)", (image.sha256, turn))

    def turns(self, name: str, last: int | None = None) -> list[Turn]:
        """Return the turns of a conversation, oldest first, only the ``last`` ones if given; none when it is new."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT run, time, messages FROM turns WHERE conversation = "
                "(SELECT id FROM conversations WHERE name = ?) ORDER BY id DESC LIMIT ?",
                (name, -1 if last is None else last),
            ).fetchall()
        return [Turn(run, when, json.loads(messages)) for run, when, messages in reversed(rows)]

    def picture(self, digest: str) -> Image:
        """Return a picture of a conversation. Raises ``UsageError`` when it is not there."""
        if not digest.isalnum():
            raise UsageError(f"{digest!r} is no digest of a picture")
        path = self.folder / PICTURES / digest
        if not path.is_file():
            raise UsageError(f"no conversation holds the picture {digest[:12]}")
        return Image.open(path)

    def list(self) -> list[Conversation]:
        """Return the conversations, the one used last first."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT name, created, updated, (SELECT COUNT(*) FROM turns WHERE conversation = c.id) "
                "FROM conversations c ORDER BY updated DESC, id DESC"
            ).fetchall()
        return [Conversation(*row) for row in rows]

    def search(self, text: str) -> list[Hit]:
        """Return the turns that hold ``text`` (case does not matter), the newest first."""
        wanted = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        with self._reading() as db:
            rows = db.execute(
                "SELECT name, number, run, text FROM (SELECT c.name, t.run, t.text, t.id, "
                "ROW_NUMBER() OVER (PARTITION BY t.conversation ORDER BY t.id) AS number "
                "FROM turns t JOIN conversations c ON c.id = t.conversation) "
                "WHERE text LIKE ? ESCAPE '\\' ORDER BY id DESC",
                (wanted,),
            ).fetchall()
        return [Hit(name, number, run, _around(found, text)) for name, number, run, found in rows]

    def rename(self, old: str, new: str) -> None:
        """Give a conversation another name."""
        with self._writing() as db:
            try:
                changed = db.execute(
                    "UPDATE conversations SET name = ? WHERE name = ?", (checked_name(new), old)
                ).rowcount
            except sqlite3.IntegrityError as error:
                raise UsageError(f"there is a conversation {new!r} already") from error
            if not changed:
                raise UsageError(f"there is no conversation {old!r}")

    def delete(self, name: str) -> None:
        """Delete a conversation: its text is overwritten on disk, its pictures are removed if no other has them.

        The run folders of its turns are not touched.
        """
        with self._writing() as db:
            if not db.execute("DELETE FROM conversations WHERE name = ?", (name,)).rowcount:
                raise UsageError(f"there is no conversation {name!r}")
            used = {digest for (digest,) in db.execute("SELECT DISTINCT digest FROM pictures")}
            for path in (self.folder / PICTURES).glob("*"):
                if path.name not in used:
                    path.unlink()

    # Inside.

    def _put(self, image: Image) -> None:
        target = self.folder / PICTURES / image.sha256
        if not target.is_file():
            target.parent.mkdir(exist_ok=True)
            draft = target.with_suffix(".new")
            draft.write_bytes(image.data)
            draft.replace(target)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        db = self._connect()
        try:
            yield db
        finally:
            db.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._reading() as db:
            # At once, not at the first write: a picture is put or removed only by who holds the lock.
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    def _connect(self) -> sqlite3.Connection:
        # What people say is theirs: nobody else on the machine may read it.
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / FILE
        if not path.exists():
            path.touch(mode=0o600)
        try:
            db = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("PRAGMA secure_delete = ON")
            if not self._ready:
                self._prepare(db)
        except sqlite3.DatabaseError as error:
            raise UsageError(f"{path} can't be opened: {error}") from error
        return db

    def _prepare(self, db: sqlite3.Connection) -> None:
        (found,) = db.execute("PRAGMA user_version").fetchone()
        if found not in (0, VERSION):
            raise UsageError(f"{self.folder / FILE} is of version {found}; this agentkit reads {VERSION}")
        if found == 0:
            db.execute("BEGIN IMMEDIATE")
            for statement in SCHEMA.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {VERSION}")
            db.execute("COMMIT")
        self._ready = True


def checked_name(name: str) -> str:
    """Return a conversation's name. Raises ``UsageError`` when it can't be one."""
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise UsageError(f"{name!r} can't be the name of a conversation", mend="a short line of text")
    return name


def _around(text: str, wanted: str, width: int = 60) -> str:
    """Return the part of a text around what was searched for, in one line."""
    place = max(text.casefold().find(wanted.casefold()), 0)
    start, end = max(place - width, 0), place + len(wanted) + width
    return ("…" if start else "") + " ".join(text[start:end].split()) + ("…" if end < len(text) else "")
