"""Errors, by who must react to them.

A question to the user and a spent budget are results, not errors (see ``agentkit.contracts.result``).
Every class has a page in ``docs/errors/`` named after it.
"""

from __future__ import annotations


class AgentKitError(Exception):
    """Base of every error that agentkit raises on purpose.

    ``mend`` says in one line what the reader can do; it is part of the printed message.
    """

    def __init__(self, message: str, *, mend: str | None = None) -> None:
        super().__init__(message if mend is None else f"{message} ({mend})")
        self.message = message
        self.mend = mend


class ToolError(AgentKitError):
    """A tool call went wrong in a way that the model should see and react to."""


class OutcomeUnknown(ToolError):  # noqa: N818 - the name says what is the matter
    """A tool call was made, and no answer came: it may or may not have had its effect."""


class UsageError(AgentKitError):
    """The caller asked for something impossible: a wrong argument, a missing file, a wrong version."""


class ImageError(UsageError):
    """A picture that can't be read: corrupt, truncated, not an image, or over the pixel limit."""


class MissingExtra(UsageError):  # noqa: N818 - the name says what to do
    """A library that an optional extra brings is not installed."""

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(f"{library} is not installed", mend=f"pip install 'agentkit-multimodal[{extra}]'")
        self.library = library
        self.extra = extra


class OtherVersion(UsageError):  # noqa: N818 - the name says what is wrong
    """A memory, or a file of one, was written by another version or with another embedder; nothing was changed."""


class UnsupportedCapability(UsageError):  # noqa: N818 - the name says what is wrong
    """A model was asked for something that it can't do; the message names models or settings that can."""


class ModelError(AgentKitError):
    """A model failed after its retries: not there, timed out, refused, answered garbage, broke off.

    ``partial`` holds the text that had arrived before the failure.
    """

    def __init__(self, message: str, *, mend: str | None = None, partial: str = "") -> None:
        super().__init__(message, mend=mend)
        self.partial = partial


class RunError(AgentKitError):
    """A run folder can't be used: another version, damaged, not resumable, or the disk is full."""


class ReplayError(RunError):
    """A replay asked for something that the recording does not hold: the decisions have diverged."""
