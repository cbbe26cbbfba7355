"""What the user gave beside the task: secrets that are typed by name, and files that may be given to pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from agentkit.errors import UsageError

from ...tools.browser import Action, Element, Secret, SessionConfig, Snapshot
from ...tools.browser.secrets import Secrets, placeholder
from .page import is_text_field, name_of
from .values import Value, tokens_of

# Values of these sources go where they belong, whatever the task says.
HELD = frozenset({"secret", "upload"})
# Names of buttons that ask for a file, in the languages of ``tools.browser.deeds``.
ASKS_FOR_FILE = re.compile(
    r"\b(upload|attach|browse|choose (?:a )?file|add (?:a )?file|pick (?:a )?file|datei|anhang|hochladen|fichier|"
    r"joindre|archivo|adjuntar|arquivo|anexar|allega|carica|bestand|bijlage|plik|fil|soubor|ファイル|添付)",
    re.IGNORECASE,
)


def secrets_of(items: Iterable[Secret | str | dict[str, Any]]) -> tuple[Secret, ...]:
    """Return secrets of ``name@domain=env:VARIABLE``, of ``Secret.to_json`` or as they are. Raises ``UsageError``."""
    found = tuple(
        Secret.parse(item) if isinstance(item, str) else Secret(**item) if isinstance(item, dict) else item
        for item in items
    )
    names = [secret.name for secret in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"there are two secrets {twice!r}", mend="give each a name of its own")
    return found


def uploads_of(files: Iterable[Path | str]) -> tuple[Path, ...]:
    """Return the files, absolute. Raises ``UsageError`` for what is no file, and for two of one name."""
    paths = [Path(file).expanduser().absolute() for file in files]
    for path in paths:
        if not path.is_file():
            raise UsageError(f"there is no file {path} to upload")
    names = [path.name for path in paths]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(
            f"two files to upload are named {twice!r}", mend="rename one: pages see the name only"
        )
    return tuple(paths)


def check_task(task: str, secrets: Sequence[Secret]) -> None:
    """Raise ``UsageError`` when a secret can't be read, or stands in the task: the task is shown to models and kept."""
    known = Secrets(secrets)
    for name in known.items:
        if placeholder(name) in known.redact(task).replace(
            placeholder(name), "", task.count(placeholder(name))
        ):
            raise UsageError(
                f"the task holds the value of the secret {name!r}", mend=f"write {placeholder(name)} instead"
            )


def given_values(config: SessionConfig) -> list[Value]:
    """Return what can be typed by name, and the files that can be given: a secret's ``kind`` is its domain."""
    secrets = [
        Value(placeholder(secret.name), "secret", secret.domain, " ".join(tokens_of(secret.name)))
        for secret in config.secrets
    ]
    return [*secrets, *(Value(path.name, "upload", "file") for path in config.uploads)]


def secrets_for(snapshot: Snapshot, element: Element, values: Sequence[Value]) -> list[Value]:
    """Return the secrets that belong into a field: of its document's domain, and named as the field is.

    A password field takes any secret of the domain that is named as no other field of the page.
    """
    where = element.frame or snapshot.url
    own = [v for v in values if v.source == "secret" and Secret("x", v.kind).allows(where)]
    spoken = [value for value in own if _named_as(value, element)]
    if spoken or "password" not in element.states:
        return spoken
    others = [other for other in snapshot.elements if is_text_field(other) and other.id != element.id]
    return [value for value in own if not any(_named_as(value, other) for other in others)]


def files_for(element: Element, values: Sequence[Value]) -> list[Value]:
    """Return the files that could be given to an element; a field that holds one already needs none."""
    if not takes_file(element) or element.value:
        return []
    return [value for value in values if value.source == "upload"]


def takes_file(element: Element) -> bool:
    """Say whether an element takes files, or is a button that says so."""
    return element.role == "file" or (element.role == "button" and bool(ASKS_FOR_FILE.search(element.name)))


def file_action(snapshot: Snapshot, element: Element, files: Sequence[str]) -> tuple[str, Action]:
    """Return the words and the action of giving files to an element."""
    names = " and ".join(f'"{name}"' for name in files)
    value = files[0] if len(files) == 1 else tuple(files)
    return f"give {names} to {name_of(snapshot, element)}", Action.on(
        snapshot, "upload_file", element.id, value
    )


def _named_as(value: Value, element: Element) -> bool:
    return bool(set(value.cue.split()) & set(tokens_of(element.name)))


def with_given(config: SessionConfig, secrets: Sequence[Any], uploads: Sequence[Path | str]) -> SessionConfig:
    """Return the settings with secrets and uploads added. Raises ``UsageError``."""
    secret = (*config.secrets, *secrets_of(secrets))
    files = uploads_of([*config.uploads, *uploads])
    if secret and config.video is not None:
        raise UsageError(
            "a video would show what secrets are typed into", mend="leave out the video or the secrets"
        )
    return replace(config, secrets=secrets_of(secret), uploads=files)
