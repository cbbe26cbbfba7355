"""The vectors of an index on a Chroma server."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from agentkit.errors import ToolError, UsageError
from agentkit.tools.retrieval import LocalIndex, Query
from agentkit.tools.retrieval.index.checking import check


@pytest.fixture
def chroma(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).parent / "chroma"
    where = ["--path", str(tmp_path / "server"), "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(
        [program, "run", *where], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                httpx.get(f"{url}/api/v2/heartbeat", timeout=1).raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield url, server
    finally:
        server.kill()
        server.wait()


async def test_the_same_index_on_a_server(chroma, folder: Path, tmp_path: Path, embedder) -> None:
    url, server = chroma
    options = {"embedder": embedder, "looks": "none"}
    with LocalIndex(tmp_path / "i", chroma=url, create=True, **options) as index:
        assert (await index.add([folder])).added == 3
    assert not (tmp_path / "i" / "chroma").exists()
    with LocalIndex(tmp_path / "i", **options) as index:
        assert (await index.add([folder])).unchanged == 3
        assert (await index.search(Query("earliest computer programmer"), 1))[0].title == "Ada Lovelace"
        assert check(index, 3).whole
        await index.remove([folder / "ada.md"])
        assert index.vectors.count("texts") == 2
        server.kill()
        server.wait()
        with pytest.raises(ToolError, match="can't be used"):
            await index.search(Query("bread"), 1)
    with pytest.raises(UsageError, match="can't be opened"):
        LocalIndex(tmp_path / "i", **options)
