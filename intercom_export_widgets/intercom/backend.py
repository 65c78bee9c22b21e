"""Sockets that keep the deadline of a request, whatever the server does.

httpx has time limits between two bytes only: a server that sends a byte a second, or
``102 Processing`` for ever, is waited for without an end. Here each wait is bounded by the
deadline of `deadline.current`, and ends early when the export is no longer followed.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, Final

import httpcore

from intercom_export_widgets.intercom.deadline import TICK, current
from intercom_export_widgets.intercom.threads import start_thread

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable

__all__ = ["DeadlineBackend"]

SHORTEST: Final = 0.001
"""Seconds: a timeout of 0 would make a socket non-blocking."""


class DeadlineBackend(httpcore.NetworkBackend):
    """Opens sockets that keep the deadline of the thread that uses them.

    Parameters
    ----------
    inner : httpcore.NetworkBackend
        Opens them.
    """

    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Return a connection to a host."""
        options = None if socket_options is None else list(socket_options)
        return _DeadlineStream(
            _in_time(
                lambda: self._inner.connect_tcp(host, port, timeout, local_address, options),
                timeout,
            )
        )


class _DeadlineStream(httpcore.NetworkStream):
    """A connection that keeps the deadline of the thread that uses it.

    It is closed when it is dropped: one that comes about while its client is closed, or whose
    client is never closed, has nobody else to close it.
    """

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner
        self._close = weakref.finalize(self, inner.close)
        self._close.atexit = False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what has come, after waiting for it."""
        end = _end_of(timeout)
        while True:
            wait = _next_wait(httpcore.ReadTimeout, end)
            with contextlib.suppress(httpcore.ReadTimeout):
                return self._inner.read(max_bytes, wait)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes; the requests of this package fit into the system's buffer."""
        end = _end_of(timeout)
        _next_wait(httpcore.WriteTimeout, end)
        deadline = current()
        left = min(end - time.monotonic(), math.inf if deadline is None else deadline.left)
        self._inner.write(buffer, None if left == math.inf else max(left, SHORTEST))

    def close(self) -> None:
        """Close the connection."""
        self._close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Return the connection, encrypted."""
        encrypted = _DeadlineStream(
            _in_time(lambda: self._inner.start_tls(ssl_context, server_hostname, timeout), timeout)
        )
        self._close.detach()  # it has the same socket
        return encrypted

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - as httpcore has it
        """Return what is known of the connection."""
        return self._inner.get_extra_info(info)


def _end_of(timeout: float | None) -> float:
    return math.inf if timeout is None else time.monotonic() + timeout


def _next_wait(kind: type[httpcore.TimeoutException], end: float) -> float:
    """Return how many seconds to wait until the next look; raise if the time is up."""
    deadline = current()
    if deadline is not None and (reason := deadline.reason):
        raise kind(reason)
    left = end - time.monotonic()
    if left <= 0:
        raise kind("the time limit has passed")
    return max(SHORTEST, min(TICK, left, math.inf if deadline is None else deadline.left))


def _in_time(
    connect: Callable[[], httpcore.NetworkStream], timeout: float | None
) -> httpcore.NetworkStream:
    """Connect in a thread of its own, and leave it behind when the time is up.

    Looking a name up has no time limit in Python and can't be interrupted.
    """
    end = _end_of(timeout)
    attempt = _Attempt(connect)
    try:
        while not attempt.ended.wait(_next_wait(httpcore.ConnectTimeout, end)):
            pass
    except BaseException:  # also an interrupt
        attempt.abandon()
        raise
    return attempt.result()


class _Attempt:
    """A connection that comes about in a thread of its own.

    Parameters
    ----------
    connect : callable
        Returns it.
    """

    def __init__(self, connect: Callable[[], httpcore.NetworkStream]) -> None:
        self.ended = threading.Event()
        self._connect = connect
        self._lock = threading.Lock()
        self._abandoned = False
        self._stream: httpcore.NetworkStream | None = None
        self._error: BaseException | None = None
        # An ending process still submits what it has started; from Python 3.12 on without a thread.
        if not start_thread(self._run, name="intercom-export-connect"):
            self._run()

    def result(self) -> httpcore.NetworkStream:
        """Return the connection, or raise why there is none."""
        if self._stream is None:
            raise self._error or httpcore.ConnectError("no connection came about")
        return self._stream

    def abandon(self) -> None:
        """Close the connection as soon as it is there."""
        with self._lock:
            self._abandoned = True
            self._close()

    def _run(self) -> None:
        try:
            stream = self._connect()
        except Exception as error:  # noqa: BLE001 - raised anew in the waiting thread
            self._error = error
        else:
            with self._lock:
                self._stream = stream
                if self._abandoned:
                    self._close()
        self.ended.set()

    def _close(self) -> None:
        if self._stream is not None:
            with contextlib.suppress(Exception):
                self._stream.close()
