"""`agentkit serve`, and the terminal's chat on the same conversations."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    (folder / "talk.jsonl").write_text(
        "\n".join(
            ['{"scores": [0.0, -9.0, -9.0]}', '{"scores": [-1.0, -1.0, -1.0]}', '{"text": "Hello."}'] * 2
        )
        + "\n"
    )
    command = [sys.executable, "-m", "agentkit.cli.main", "serve", "--port", "0", *arguments]
    return subprocess.Popen(
        [*command, "--model", "script:talk.jsonl"],
        cwd=folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def request(url: str, data: dict | None = None) -> dict:
    body = None if data is None else json.dumps(data).encode()
    asked = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return json.load(answer)


def test_serve_and_chat_share_conversations(tmp_path, monkeypatch):
    monkeypatch.setenv("AGENTKIT_MEMORY", str(tmp_path / "memory"))
    process = start(tmp_path)
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        url = line.split()[-1].rstrip("/")
        assert url.startswith("http://127.0.0.1:")
        talk = request(f"{url}/api/conversations", {"name": "shared"})
        turn = request(f"{url}/api/conversations/{talk['key']}/turns", {"text": "Hi there."})
        with urllib.request.urlopen(f"{url}/api/turns/{turn['key']}/events", timeout=60) as stream:
            assert b'"answer":"Hello."' in stream.read()
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors
    listed = subprocess.run(
        [sys.executable, "-m", "agentkit.cli.main", "chat", "--list", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [(item["name"], item["turns"]) for item in json.loads(listed.stdout)["conversations"]] == [
        ("shared", 1)
    ]


def test_another_address_needs_a_token(tmp_path):
    process = start(tmp_path, "--host", "0.0.0.0")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "--token" in errors
    assert "Traceback" not in errors
