"""A small OpenAI-compatible server on loopback that behaves, and misbehaves on purpose."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behaviour = Callable[["Handler", dict[str, Any]], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server: Server = self.server.owner  # type: ignore[attr-defined]
        with server.lock:
            server.requests.append(body)
            server.headers.append({name.lower(): value for name, value in self.headers.items()})
            server.asked.set()
            behave = server.plan.pop(0) if server.plan else server.default
        try:
            behave(self, body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def send(self, status: int, body: str | bytes, kind: str = "application/json", **headers: str) -> None:
        data = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def events(self, events: list[Any], *, done: bool = True) -> None:
        """Send server-sent events, then close the connection (no length: the end is the end)."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for event in events:
            data = event if isinstance(event, str) else json.dumps(event)
            self.wfile.write(f"data: {data}\n\n".encode())
            self.wfile.flush()
        if done:
            self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Loopback(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that leave are what the tests are about."""


class Server:
    """Answers with the next behaviour of ``plan``, else with ``default``; keeps every request."""

    def __init__(self) -> None:
        self.plan: list[Behaviour] = []
        self.default: Behaviour = reply("hello there")
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.lock = threading.Lock()
        self.asked = threading.Event()
        self.released = threading.Event()
        self.http = Loopback(("127.0.0.1", 0), Handler)
        self.http.owner = self  # type: ignore[attr-defined]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}/v1"


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.http.shutdown()
        server.http.server_close()


def completion(message: dict[str, Any], finish: str = "stop", **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish, **more}
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "served",
        "choices": [choice],
        "usage": {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14},
    }


def _pieces(message: dict[str, Any], finish: str, logprobs: Any) -> list[Any]:
    events: list[Any] = []
    for i, word in enumerate((message.get("content") or "").split(" ")):
        events.append({"choices": [{"index": 0, "delta": {"content": word if i == 0 else f" {word}"}}]})
    for i, call in enumerate(message.get("tool_calls", [])):
        arguments = call["function"]["arguments"]
        head = {"index": i, "id": call["id"], "function": {"name": call["function"]["name"], "arguments": ""}}
        events.append({"choices": [{"index": 0, "delta": {"tool_calls": [head]}}]})
        for part in (arguments[:4], arguments[4:]):
            piece = {"index": i, "function": {"arguments": part}}
            events.append({"choices": [{"index": 0, "delta": {"tool_calls": [piece]}}]})
    last: dict[str, Any] = {"index": 0, "delta": {}, "finish_reason": finish}
    if logprobs:
        last["logprobs"] = logprobs
    events.append({"choices": [last], "model": "served"})
    events.append({"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 3}})
    return events


def reply(
    text: str | None = None, calls: list[tuple[str, str]] | None = None, finish: str | None = None
) -> Behaviour:
    """Answer well: text and tool calls (name, JSON arguments), streamed when asked for."""
    message: dict[str, Any] = {"content": text}
    if calls:
        message["tool_calls"] = [
            {"id": f"c{i}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for i, (name, arguments) in enumerate(calls)
        ]
    ended = finish or ("tool_calls" if calls else "stop")

    def behave(handler: Handler, body: dict[str, Any]) -> None:
        logprobs = None
        if body.get("logprobs"):
            words = (text or "").split()
            logprobs = {"content": [{"token": word, "logprob": -0.5} for word in words]}
        if body.get("stream"):
            handler.events(_pieces(message, ended, logprobs))
        else:
            handler.send(200, json.dumps(completion(message, ended, logprobs=logprobs)))

    return behave


def follow_schema(text: str = "hello there") -> Behaviour:
    """Answer ``text``, or the smallest object of the requested schema."""

    def behave(handler: Handler, body: dict[str, Any]) -> None:
        wanted = body.get("response_format")
        if wanted is None:
            return reply(text)(handler, body)
        schema = wanted["json_schema"]["schema"]
        kinds: dict[str, Any] = {"string": "x", "integer": 1, "boolean": True, "number": 0.5}
        data = {name: kinds[value["type"]] for name, value in schema["properties"].items()}
        return reply(json.dumps(data))(handler, body)

    return behave


def status(code: int, message: str = "no", error: dict[str, Any] | None = None, **headers: str) -> Behaviour:
    """Answer with an HTTP error."""
    content = json.dumps({"error": error or {"message": message, "type": "t", "code": None}})
    return lambda handler, body: handler.send(code, content, **headers)


def raw(content: str, kind: str = "application/json") -> Behaviour:
    """Answer 200 with any content."""
    return lambda handler, body: handler.send(200, content, kind)


def stream(events: list[Any], *, done: bool = True) -> Behaviour:
    """Answer with given events."""
    return lambda handler, body: handler.events(events, done=done)


def hang(handler: Handler, body: dict[str, Any]) -> None:
    """Say nothing until the test is over."""
    handler.server.owner.released.wait(20)  # type: ignore[attr-defined]
    handler.close_connection = True


def hang_in_stream(handler: Handler, body: dict[str, Any]) -> None:
    """Stream one word, then say nothing."""
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.end_headers()
    event = {"choices": [{"index": 0, "delta": {"content": "half"}}]}
    handler.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
    handler.wfile.flush()
    hang(handler, body)


def drop(handler: Handler, body: dict[str, Any]) -> None:
    """Close the connection without an answer."""
    handler.close_connection = True


def cut_body(handler: Handler, body: dict[str, Any]) -> None:
    """Promise more bytes than are sent."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.close_connection = True
