"""Named conversations that are remembered: turns in SQLite, their pictures beside it by digest."""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
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
VERSION = 3
LONGEST_NAME = 200
# Two processes may talk at once: each waits this many seconds for the other's write.
PATIENCE = 30.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS conversations (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, created REAL NOT NULL, updated REAL NOT NULL,
    key TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS turns (
    id INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
    run TEXT NOT NULL, time REAL NOT NULL, messages TEXT NOT NULL, text TEXT NOT NULL,
    key TEXT NOT NULL DEFAULT '', done INTEGER NOT NULL DEFAULT 1,
    UNIQUE (conversation, run)
);
CREATE TABLE IF NOT EXISTS pictures (
    digest TEXT NOT NULL, turn INTEGER NOT NULL REFERENCES turns(id) ON DELETE CASCADE,
    PRIMARY KEY (digest, turn)
);
CREATE TABLE IF NOT EXISTS digests (
    conversation INTEGER PRIMARY KEY REFERENCES conversations(id) ON DELETE CASCADE,
    upto INTEGER NOT NULL, data TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS vectors (
    turn INTEGER PRIMARY KEY REFERENCES turns(id) ON DELETE CASCADE, embedder TEXT NOT NULL, data BLOB NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS conversation_keys ON conversations(key);
CREATE UNIQUE INDEX IF NOT EXISTS turn_keys ON turns(key);
CREATE INDEX IF NOT EXISTS runs ON turns(run)
"""
# What version 1 did not have: keys that outlive a rename, and turns that have not ended.
UPGRADE = """
ALTER TABLE conversations ADD COLUMN key TEXT NOT NULL DEFAULT '';
ALTER TABLE turns ADD COLUMN key TEXT NOT NULL DEFAULT '';
ALTER TABLE turns ADD COLUMN done INTEGER NOT NULL DEFAULT 1;
UPDATE conversations SET key = lower(hex(randomblob(8)));
UPDATE turns SET key = lower(hex(randomblob(8)))
"""
LISTED = (
    "c.name, c.created, c.updated, (SELECT COUNT(*) FROM turns WHERE conversation = c.id AND done), c.key"
)


class NotKept(UsageError):  # noqa: N818 - says what is the matter
    """There is no such conversation, turn or picture."""


@dataclass(frozen=True)
class Turn:
    """What was said in one run: dumped messages (pictures by digest), the run's folder, seconds since the epoch.

    ``key`` stays the turn's own for good. A turn that is not ``done`` has the user's words only.
    """

    run: str
    time: float
    messages: list[dict[str, Any]]
    key: str = ""
    done: bool = True


@dataclass(frozen=True)
class Conversation:
    """A conversation in a list: its name, when it began and was last used, and how many turns were finished.

    ``key`` stays the conversation's own when it is renamed.
    """

    name: str
    created: float
    updated: float
    turns: int
    key: str = ""


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
        # Threads of one process queue here; SQLite would let them sleep and try again, ever longer.
        self._turn = threading.Lock()

    def create(self, name: str) -> Conversation:
        """Add a conversation without turns. Raises ``UsageError`` when there is one of this name."""
        with self.writing() as db:
            if db.execute("SELECT 1 FROM conversations WHERE name = ?", (checked_name(name),)).fetchone():
                raise UsageError(f"there is a conversation {name!r} already")
            self._owner(db, name, time.time())
            return self._one(db, "name", name)

    def find(self, key: str) -> Conversation:
        """Return the conversation of a key. Raises ``UsageError`` when it is not there."""
        with self.reading() as db:
            return self._one(db, "key", key)

    def key_of(self, name: str) -> str | None:
        """Return the key of the conversation of a name, None when there is none."""
        with self.reading() as db:
            row = db.execute("SELECT key FROM conversations WHERE name = ?", (name,)).fetchone()
        return row[0] if row is not None else None

    def begin(
        self,
        name: str,
        run: str,
        messages: Sequence[Message],
        *,
        key: str | None = None,
        at: float | None = None,
    ) -> tuple[str, bool]:
        """Add a turn that is under way; return its key, and whether it is new.

        A ``key`` that is there already names that turn, so that a request that is sent twice begins one turn.
        ``turns`` leaves it out until ``add`` ends it, under whatever name the conversation then has.
        """
        when = time.time() if at is None else at
        with self.writing() as db:
            if key is not None and db.execute("SELECT 1 FROM turns WHERE key = ?", (key,)).fetchone():
                return key, False
            key = key or new_key()
            owner = self._owner(db, name, when)
            self._store(db, owner, run, when, messages, key=key, done=False)
            return key, True

    def reopen(self, key: str) -> None:
        """Mark a turn as under way again (its run is resumed)."""
        with self.writing() as db:
            row = db.execute(
                "UPDATE turns SET done = 0 WHERE key = ? RETURNING conversation, id", (key,)
            ).fetchone()
            if row is not None:
                _outdate(db, *row)

    def add(self, name: str, run: str, messages: Sequence[Message], *, at: float | None = None) -> None:
        """Add the turn of a run; the same run again replaces it, so that a resumed run may add it once more."""
        when = time.time() if at is None else at
        with self.writing() as db:
            begun = db.execute("SELECT conversation FROM turns WHERE run = ? AND NOT done", (run,)).fetchone()
            owner = begun[0] if begun else self._owner(db, checked_name(name), when)
            db.execute("UPDATE conversations SET updated = ? WHERE id = ?", (when, owner))
            self._store(db, owner, run, when, messages, key=new_key(), done=True)

    def turns(self, name: str, last: int | None = None, *, unfinished: bool = False) -> list[Turn]:
        """Return the turns of a conversation, oldest first, only the ``last`` ones if given; none when it is new.

        Turns that are under way, or never ended, are among them only if ``unfinished``.
        """
        with self.reading() as db:
            rows = db.execute(
                "SELECT run, time, messages, key, done FROM turns WHERE conversation = "
                "(SELECT id FROM conversations WHERE name = ?) AND (done OR ?) ORDER BY id DESC LIMIT ?",
                (name, unfinished, -1 if last is None else last),
            ).fetchall()
        return [_turn(row) for row in reversed(rows)]

    def turn(self, key: str) -> tuple[str, Turn]:
        """Return the name of the conversation and the turn of a key. Raises ``UsageError`` when it is not there."""
        with self.reading() as db:
            row = db.execute(
                "SELECT t.run, t.time, t.messages, t.key, t.done, c.name FROM turns t "
                "JOIN conversations c ON c.id = t.conversation WHERE t.key = ?",
                (key,),
            ).fetchone()
        if row is None:
            raise NotKept(f"there is no turn {key!r}")
        return row[5], _turn(row[:5])

    def copy(self, keys: Sequence[str], name: str) -> None:
        """Add copies of turns to a conversation, in the order given; they share their runs."""
        with self.writing() as db:
            owner = self._owner(db, name, time.time())
            for key in keys:
                made = db.execute(
                    "INSERT INTO turns (conversation, run, time, messages, text, key, done) "
                    "SELECT ?, run, time, messages, text, ?, done FROM turns WHERE key = ? RETURNING id",
                    (owner, new_key(), key),
                ).fetchone()
                if made is None:
                    raise NotKept(f"there is no turn {key!r}")
                pictures = (
                    "INSERT INTO pictures SELECT p.digest, ? FROM pictures p JOIN turns t ON t.id = p.turn "
                    "WHERE t.key = ?"
                )
                db.execute(pictures, (made[0], key))
                source = (made[0], key)
                of_turn = "WHERE turn = (SELECT id FROM turns WHERE key = ?)"
                db.execute(f"INSERT INTO vectors SELECT ?, embedder, data FROM vectors {of_turn}", source)

    def holds(self, run: str) -> bool:
        """Return whether a turn of any conversation was this run."""
        with self.reading() as db:
            return db.execute("SELECT 1 FROM turns WHERE run = ?", (run,)).fetchone() is not None

    def picture(self, digest: str) -> Image:
        """Return a picture of a conversation. Raises ``UsageError`` when it is not there."""
        if not digest.isalnum():
            raise NotKept(f"{digest!r} is no digest of a picture")
        path = self.folder / PICTURES / digest
        if not path.is_file():
            raise NotKept(f"no conversation holds the picture {digest[:12]}")
        return Image.open(path)

    def list(self) -> list[Conversation]:
        """Return the conversations, the one used last first."""
        with self.reading() as db:
            rows = db.execute(
                f"SELECT {LISTED} FROM conversations c ORDER BY updated DESC, id DESC"
            ).fetchall()
        return [Conversation(*row) for row in rows]

    def search(self, text: str) -> list[Hit]:
        """Return the turns that hold ``text`` (case does not matter), the newest first."""
        wanted = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        with self.reading() as db:
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
        with self.writing() as db:
            try:
                changed = db.execute(
                    "UPDATE conversations SET name = ? WHERE name = ?", (checked_name(new), old)
                ).rowcount
            except sqlite3.IntegrityError as error:
                raise UsageError(f"there is a conversation {new!r} already") from error
            if not changed:
                raise NotKept(f"there is no conversation {old!r}")

    def delete(self, name: str) -> None:
        """Delete a conversation: its text is overwritten on disk, its pictures are removed if no other has them.

        The run folders of its turns are not touched.
        """
        with self.writing() as db:
            if not db.execute("DELETE FROM conversations WHERE name = ?", (name,)).rowcount:
                raise NotKept(f"there is no conversation {name!r}")
            used = {digest for (digest,) in db.execute("SELECT DISTINCT digest FROM pictures")}
            for path in (self.folder / PICTURES).glob("*"):
                if path.name not in used:
                    path.unlink()

    # Inside.

    def _one(self, db: sqlite3.Connection, column: str, value: str) -> Conversation:
        row = db.execute(f"SELECT {LISTED} FROM conversations c WHERE {column} = ?", (value,)).fetchone()
        if row is None:
            raise NotKept(f"there is no conversation {value!r}")
        return Conversation(*row)

    def _owner(self, db: sqlite3.Connection, name: str, when: float) -> int:
        """Return the id of a conversation, which is made when it is new."""
        row = db.execute("SELECT id FROM conversations WHERE name = ?", (checked_name(name),)).fetchone()
        if row is not None:
            db.execute("UPDATE conversations SET updated = ? WHERE id = ?", (when, row[0]))
            return row[0]
        made = "INSERT INTO conversations (name, created, updated, key) VALUES (?, ?, ?, ?)"
        found = db.execute(made, (name, when, when, new_key())).lastrowid
        assert found is not None
        return found

    def _store(
        self,
        db: sqlite3.Connection,
        owner: int,
        run: str,
        when: float,
        messages: Sequence[Message],
        *,
        key: str,
        done: bool,
    ) -> None:
        data = json.dumps(dump(messages), ensure_ascii=False)
        text = "\n".join(message.text for message in messages)
        (turn,) = db.execute(
            "INSERT INTO turns (conversation, run, time, messages, text, key, done) VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (conversation, run) DO UPDATE SET messages = excluded.messages, "
            "text = excluded.text, done = excluded.done RETURNING id",
            (owner, run, when, data, text, key, done),
        ).fetchone()
        _outdate(db, owner, turn)
        for image in {image.origin for image in images_of(messages)}:
            self._put(image)
            db.execute("INSERT OR IGNORE INTO pictures VALUES (?, ?)", (image.sha256, turn))

    def _put(self, image: Image) -> None:
        target = self.folder / PICTURES / image.sha256
        if not target.is_file():
            target.parent.mkdir(exist_ok=True)
            draft = target.with_suffix(".new")
            draft.write_bytes(image.data)
            draft.replace(target)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the database to what this package keeps beside the turns."""
        db = self._connect()
        try:
            yield db
        finally:
            db.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the database for one transaction."""
        with self._turn, self.reading() as db:
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
        if self._version(db) < VERSION:
            db.execute("BEGIN IMMEDIATE")
            # Another process may have been here while this one waited.
            found = self._version(db)
            upgrade = UPGRADE.split(";") if found == 1 else []
            for statement in [*upgrade, *SCHEMA.split(";")] if found < VERSION else []:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {VERSION}")
            db.execute("COMMIT")
        self._ready = True

    def _version(self, db: sqlite3.Connection) -> int:
        (found,) = db.execute("PRAGMA user_version").fetchone()
        if found not in range(VERSION + 1):
            raise UsageError(f"{self.folder / FILE} is of version {found}; this agentkit reads {VERSION}")
        return found


def new_key() -> str:
    """Return a random key of a conversation or a turn: 16 hexadecimal digits."""
    return secrets.token_hex(8)


def _outdate(db: sqlite3.Connection, conversation: int, turn: int) -> None:
    """Forget what was made of a turn that is written anew."""
    db.execute("DELETE FROM digests WHERE conversation = ? AND upto >= ?", (conversation, turn))
    db.execute("DELETE FROM vectors WHERE turn = ?", (turn,))


def _turn(row: Sequence[Any]) -> Turn:
    run, when, messages, key, done = row
    return Turn(run, when, json.loads(messages), key, bool(done))


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
