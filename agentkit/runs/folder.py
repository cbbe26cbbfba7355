"""The run folder: ``run.json``, append-only JSON lines, pictures by digest, the checkpoint.

A killed process may leave a half-written last line; it is cut off when the folder is opened again.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..content import Box, Image
from ..contracts.run import FORMAT, RunInfo
from ..errors import RunError, UsageError

EVENTS = "events.jsonl"
CALLS = "calls.jsonl"
JOURNAL = "journal.jsonl"
CHECKPOINT = "checkpoint.sqlite"
REPORT = "report.html"
VIDEO = "video"


class RunFolder:
    """A run on disk. Raises ``RunError`` when the disk is full or the folder is of another format."""

    def __init__(self, path: Path, info: RunInfo) -> None:
        self.path = path
        self.info = info

    @classmethod
    def create(cls, info: RunInfo, path: Path | None = None, *, under: Path | None = None) -> RunFolder:
        """Return a new folder at ``path``, or ``under``/<time>-<id>. Raises ``UsageError`` if it holds a run."""
        if path is None:
            stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(info.created))
            path = (under or Path("runs")) / f"{stamp}-{info.id}"
        if (path / "run.json").exists():
            raise UsageError(f"{path} already holds a run", mend="choose another --out, or resume it")
        with _disk(path):
            (path / "images").mkdir(parents=True, exist_ok=True)
        folder = cls(path, info)
        folder.save(sync=False)
        return folder

    @classmethod
    def open(cls, path: Path, *, mend: bool = True) -> RunFolder:
        """Return the folder of an earlier run, mended where a kill tore its last lines.

        Without ``mend`` nothing is written, so that a run in progress can be looked at.
        """
        head = path / "run.json"
        if not head.is_file():
            raise UsageError(f"{path} is not a run folder (no run.json)")
        try:
            data = json.loads(head.read_text("utf-8"))
        except ValueError as error:
            raise RunError(f"{head} is damaged: {error}") from error
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            found = data.get("format") if isinstance(data, dict) else None
            raise RunError(
                f"{path} was written in run format {found}; this agentkit reads {FORMAT}",
                mend="open it with the agentkit version named in its run.json",
            )
        try:
            folder = cls(path, RunInfo.model_validate(data))
        except ValidationError as error:
            raise RunError(f"{head} does not describe a run: {error.errors()[0]['msg']}") from error
        if mend:
            for name in (EVENTS, CALLS, JOURNAL):
                folder._mend(path / name)
        return folder

    def save(self, *, sync: bool = True) -> None:
        """Write ``run.json`` so that a kill leaves the old or the new one, never half of it.

        ``sync`` also waits for the disk, so that a power failure does the same.
        """
        target, draft = self.path / "run.json", self.path / "run.json.new"
        with _disk(self.path):
            with draft.open("w", encoding="utf-8") as file:
                file.write(self.info.model_dump_json(indent=1))
                file.flush()
                if sync:
                    os.fsync(file.fileno())
            draft.replace(target)

    def append(self, name: str, data: dict[str, Any], *, sync: bool = False) -> None:
        """Add one line to a file; ``sync`` also waits for the disk."""
        line = json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=str) + "\n"
        with _disk(self.path), (self.path / name).open("ab") as file:
            # One write call, so that lines of two tasks never mix.
            file.write(line.encode())
            file.flush()
            if sync:
                os.fsync(file.fileno())

    def lines(self, name: str) -> list[dict[str, Any]]:
        """Return the lines of a file, without a torn last one."""
        path = self.path / name
        if not path.is_file():
            return []
        whole = path.read_bytes()
        end = whole.rfind(b"\n") + 1
        try:
            return [json.loads(line) for line in whole[:end].splitlines()]
        except ValueError as error:
            raise RunError(f"{path} is damaged: {error}") from error

    def put_image(self, image: Image) -> str:
        """Keep the original of a picture in the folder; return its digest."""
        image = image.origin
        if self._image_path(image.sha256) is None:
            data = image.data
            target = self.path / "images" / f"{image.sha256}{_suffix(data)}"
            with _disk(self.path):
                draft = target.with_suffix(".new")
                draft.write_bytes(data)
                draft.replace(target)
        return image.sha256

    def get_image(self, digest: str, box: Box | None = None) -> Image:
        """Return a kept picture, or a region of it. Raises ``RunError`` when it is not there."""
        path = self._image_path(digest)
        if path is None:
            raise RunError(f"{self.path} holds no picture {digest[:12]}")
        image = Image.open(path)
        return image if box is None else image.crop(box)

    def _image_path(self, digest: str) -> Path | None:
        return next((self.path / "images").glob(f"{digest}.*"), None)

    def _mend(self, path: Path) -> None:
        if not path.is_file():
            return
        with path.open("rb+") as file:
            whole = file.read()
            end = whole.rfind(b"\n") + 1
            if end != len(whole):
                file.truncate(end)


def new_id() -> str:
    """Return a short random run id."""
    return secrets.token_hex(3)


def runs_under(root: Path) -> Iterator[RunFolder]:
    """Yield the readable runs of a folder, newest first; folders that are no runs are passed over."""
    heads = (
        sorted(root.glob("*/run.json"), key=lambda p: p.parent.name, reverse=True) if root.is_dir() else []
    )
    for head in heads:
        try:
            yield RunFolder.open(head.parent, mend=False)
        except (RunError, UsageError):
            continue


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise RunError(
                f"the disk is full: can't write to {path}", mend="free some space, then `agentkit resume` it"
            ) from error
        raise RunError(f"can't write to {path}: {error.strerror or error}") from error


def _suffix(data: bytes) -> str:
    for magic, suffix in ((b"\x89PNG", ".png"), (b"\xff\xd8", ".jpg"), (b"GIF8", ".gif"), (b"RIFF", ".webp")):
        if data.startswith(magic):
            return suffix
    return ".img"
