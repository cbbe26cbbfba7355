"""What is kept beside the turns of a conversation: their digest, and their vectors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .conversations import Conversations, Turn

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Whole:
    """A conversation in one read: its finished turns, oldest first, and what is kept beside them.

    ``upto`` is how many turns ``digest`` (plain data) holds; 0 without one.
    """

    turns: Sequence[Turn] = ()
    digest: Mapping[str, Any] | None = None
    upto: int = 0


@dataclass(frozen=True)
class Beside:
    """Reads and writes what is kept beside the turns of ``conversations``; it goes with them when they are deleted."""

    conversations: Conversations = field(default_factory=Conversations)

    def read(self, name: str) -> Whole:
        """Return a conversation as it is at one moment; an empty one when it is new."""
        with self.conversations.reading() as db:
            db.execute("BEGIN")
            rows = db.execute(
                "SELECT id, run, time, messages, key FROM turns WHERE done AND messages != '[]' AND conversation = "
                "(SELECT id FROM conversations WHERE name = ?) ORDER BY id",
                (name,),
            ).fetchall()
            kept = db.execute(
                "SELECT upto, data FROM digests WHERE conversation = (SELECT id FROM conversations WHERE name = ?)",
                (name,),
            ).fetchone()
            db.execute("COMMIT")
        turns = [Turn(run, when, json.loads(messages), key) for _, run, when, messages, key in rows]
        if kept is None:
            return Whole(turns)
        return Whole(turns, json.loads(kept[1]), sum(row[0] <= kept[0] for row in rows))

    def keep_digest(self, name: str, last: str, data: Mapping[str, Any]) -> None:
        """Keep the digest of a conversation up to the turn of the key ``last``, in the place of the one before.

        One that reaches less far than what is kept already changes nothing; nor does one of a turn that is gone.
        """
        with self.conversations.writing() as db:
            row = db.execute(
                "SELECT t.conversation, t.id FROM turns t JOIN conversations c ON c.id = t.conversation "
                "WHERE t.key = ? AND t.done AND c.name = ?",
                (last, name),
            ).fetchone()
            if row is not None:
                db.execute(
                    "INSERT INTO digests (conversation, upto, data) VALUES (?, ?, ?) ON CONFLICT (conversation) "
                    "DO UPDATE SET upto = excluded.upto, data = excluded.data WHERE excluded.upto > upto",
                    (*row, json.dumps(data, ensure_ascii=False)),
                )

    def vectors(self, name: str, embedder: str) -> dict[str, np.ndarray]:
        """Return the vectors that an embedder made of turns, by the keys of these."""
        import numpy as np

        with self.conversations.reading() as db:
            rows = db.execute(
                "SELECT t.key, v.data FROM vectors v JOIN turns t ON t.id = v.turn WHERE v.embedder = ? AND "
                "t.conversation = (SELECT id FROM conversations WHERE name = ?)",
                (embedder, name),
            ).fetchall()
        return {key: np.frombuffer(data, np.float32) for key, data in rows}

    def keep_vectors(self, embedder: str, vectors: Mapping[str, np.ndarray]) -> None:
        """Keep the vectors of turns, by the keys of these."""
        with self.conversations.writing() as db:
            db.executemany(
                "INSERT OR REPLACE INTO vectors (turn, embedder, data) SELECT id, ?, ? FROM turns WHERE key = ?",
                [(embedder, vector.astype("float32").tobytes(), key) for key, vector in vectors.items()],
            )
