"""A scripted HTTP server on loopback, for the faults that no well-behaved server has.

It plays one scripted answer a request, in order, over a real socket: it can break
connections, lie about lengths, stall, chunk, redirect, and honour or ignore ranges.
What it was asked is kept in ``requests``. It imports nothing of the package.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True)
class Asked:
    """A request as it came over the wire; the names of headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> object:
        """The body's JSON value."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """A scripted answer.

    Attributes
    ----------
    length : int or None
        A ``Content-Length`` that differs from the truth; -1 sends none.
    chunked : bool
        Send it in chunks, without a length.
    cut : int or None
        Send so many bytes of the body, then close.
    reset : bool
        Close with a TCP reset.
    silent : bool
        Close without a word.
    stall : bool
        Say nothing until the server closes.
    drip : int or None
        Send the body in pieces of so many bytes, 20 ms apart.
    slow_head : bool
        Send the status and the headers too in such pieces, of one byte.
    early : bool
        Send ``102 Processing`` every 20 ms, and nothing else.
    endless : bool
        Send the body in chunks, again and again.
    """

    status: int = 200
    body: bytes | str | dict | list = b""
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    chunked: bool = False
    cut: int | None = None
    reset: bool = False
    silent: bool = False
    stall: bool = False
    drip: int | None = None
    slow_head: bool = False
    early: bool = False
    endless: bool = False

    @property
    def content(self) -> bytes:
        """The body's bytes."""
        if isinstance(self.body, dict | list):
            return json.dumps(self.body).encode()
        return self.body.encode() if isinstance(self.body, str) else self.body


Step = Reply | Callable[[Asked], Reply]


def error(status: int, code: str, message: str, **headers: str) -> Reply:
    """Return an error list as Intercom sends it."""
    body = {
        "type": "error.list",
        "request_id": "req-17",
        "errors": [{"code": code, "message": message}],
    }
    return Reply(status, body, {name.replace("_", "-"): text for name, text in headers.items()})


def job(identifier: str = "v5xsp8c19ji0s82", status: str = "pending", **more: object) -> dict:
    """Return a job as Intercom sends it."""
    unset = {"download_expires_at": "", "download_url": ""}
    return {"job_identifier": identifier, "status": status, **unset, **more}


def file(data: bytes, *, ranges: bool = True, **options) -> Callable[[Asked], Reply]:
    """Return a step that sends a file, or the part of it that a range asks for."""
    headers = {"Content-Type": "application/octet-stream", **options.pop("headers", {})}

    def step(asked: Asked) -> Reply:
        wanted = asked.headers.get("range", "")
        if not ranges or not wanted:
            return Reply(200, data, headers, **options)
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start >= len(data):
            return Reply(416, b"", {"Content-Range": f"bytes */{len(data)}"})
        part = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
        return Reply(206, data[start:], headers | part, **options)

    return step


class Clock:
    """A clock that only a pause moves; ``pauses`` are the seconds asked for."""

    def __init__(self, now: float = 1_530_000_000.0) -> None:
        self.time = now
        self.pauses: list[float] = []

    def now(self) -> float:
        """Return the time in Unix seconds."""
        return self.time

    def pause(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.pauses.append(seconds)
        self.time += seconds


class WireServer:
    """The server; its last step is played again for every further request."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.requests: list[Asked] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Return the running server."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.close()

    def close(self) -> None:
        """Close every connection and the listener."""
        self.closing.set()
        # Closing alone does not wake a thread that waits in accept or recv.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            reader = connection.makefile("rb")
            with reader:
                while (asked := _read(reader)) is not None:
                    with self._lock:
                        step = self.steps[min(len(self.requests), len(self.steps) - 1)]
                        self.requests.append(asked)
                    if not self._play(connection, step(asked) if callable(step) else step):
                        break
        with self._lock:
            self._open.discard(connection)

    def _play(self, connection: socket.socket, reply: Reply) -> bool:
        """Send an answer; return whether the connection stays open."""
        if reply.stall:
            self.closing.wait(30)
            return False
        if reply.early:
            while not self.closing.wait(0.02):
                connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\n")
            return False
        if reply.endless:
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while not self.closing.is_set():
                connection.sendall(b"%x\r\n%b\r\n" % (len(reply.content), reply.content))
            return False
        if not reply.silent and not (reply.reset and reply.cut is None):
            self._send(connection, _bytes(reply), 1 if reply.slow_head else reply.drip, reply)
        if reply.reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return not (reply.silent or reply.reset or reply.cut is not None or reply.length)

    def _send(
        self, connection: socket.socket, content: bytes, drip: int | None, reply: Reply
    ) -> None:
        start = content.index(b"\r\n\r\n") + 4 if drip else len(content)
        start = 0 if reply.slow_head else start
        connection.sendall(content[:start])
        for place in range(start, len(content), drip or 1):
            if self.closing.wait(0.02):
                return
            connection.sendall(content[place : place + drip])


def _read(reader) -> Asked | None:
    """Read a request; None where the caller went, though in the middle of one."""
    line = reader.readline().decode("latin-1").split()
    if len(line) != len(("method", "path", "version")):
        return None
    headers = {}
    while (header := reader.readline().decode("latin-1")).strip() != "":
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    length = int(headers.get("content-length", 0))
    body = reader.read(length)
    if not header or len(body) < length:
        return None
    return Asked(line[0], line[1], headers, body)


def _bytes(reply: Reply) -> bytes:
    content = reply.content
    headers = dict(reply.headers)
    if reply.chunked:
        headers["Transfer-Encoding"] = "chunked"
        middle = len(content) // 2
        pieces = [piece for piece in (content[:middle], content[middle:]) if piece]
        content = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        content += b"0\r\n\r\n"
    elif reply.length != -1:
        length = len(content) if reply.length is None else reply.length
        headers["Content-Length"] = str(length)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    content = content if reply.cut is None else content[: reply.cut]
    return f"HTTP/1.1 {reply.status} X\r\n{head}\r\n".encode("latin-1") + content
