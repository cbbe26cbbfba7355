"""A person in front of the toy's command line, for tests of what a terminal does."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

TOY = Path(__file__).parent / "cli_toy.py"


def hear_interrupts() -> None:
    """Let a child process be interrupted: whoever runs the tests in the background has Ctrl-C ignored, and that is inherited."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """The toy's command line with a person in front of it."""

    task = "count"

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.own, theirs = pty.openpty()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AGENTKIT_")} | {
            "TERM": "xterm"
        }
        command = [
            sys.executable,
            str(TOY),
            "web",
            self.task,
            "--url",
            "http://x.test",
            "--out",
            "r",
            *arguments,
        ]
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=hear_interrupts,
        )
        os.close(theirs)
        self.text = ""

    def read_until(self, words: str) -> None:
        while words not in self.text:
            try:
                self.text += os.read(self.own, 4096).decode()
            except OSError:
                break
        assert words in self.text, self.text

    def type(self, text: str) -> None:
        os.write(self.own, text.encode())

    def end(self) -> int:
        while self.process.poll() is None:
            try:
                self.text += os.read(self.own, 4096).decode()
            except OSError:
                time.sleep(0.05)
        os.close(self.own)
        return self.process.returncode
