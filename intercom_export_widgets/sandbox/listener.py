"""uvicorn in a thread: a bound socket in, a server that can be stopped out.

Knows nothing of what it serves. Pure Python protocols only (h11, asyncio), so that it
behaves alike wherever it is installed.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import socket

    from starlette.types import ASGIApp

__all__ = ["Listener"]

LONGEST_START: Final = 10.0
LONGEST_STOP: Final = 10.0


class OpenProtocol(H11Protocol):
    """h11's protocol, which lets the application see its connection.

    ASGI has no word for "close this without an answer"; faults need one.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # typeshed's base wants a BaseTransport
        """Put the transport where the application finds it: in the scope's state."""
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


class QuietServer(uvicorn.Server):
    """A server that says when it listens, in place of logging it."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None
        self._leave = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets=sockets)
        self.loop = asyncio.get_running_loop()
        self.ready.set()

    async def main_loop(self) -> None:
        """Keep the Date header going until told to leave; idle, it wakes once a second."""
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._leave.wait(), 1.0)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, and close what came in while it was being stopped.

        asyncio loses, open, what it has accepted when its server closes before the
        connection is made (https://github.com/python/cpython/issues/109564): so first it
        accepts no more, and makes those.
        """
        for server in self.servers:
            for listening in server.sockets:
                with suppress(NotImplementedError):  # as by Windows' own loop
                    asyncio.get_running_loop().remove_reader(listening)
        await self._turn()
        for server in self.servers:
            server.close()
        self.abort()
        await super().shutdown(sockets=sockets)
        self.abort()
        await self._turn()

    def drop(self) -> None:
        """Leave, and close all connections, whatever is still being sent on them."""
        self.should_exit = True
        self._leave.set()
        self.abort()

    async def _turn(self) -> None:
        """Let the loop make or close its transports, which takes it two turns."""
        for _ in range(2):
            await asyncio.sleep(0)

    def abort(self) -> None:
        """Close all connections at once."""
        for connection in list(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()


class Listener:
    """A thread that serves an application.

    Parameters
    ----------
    app : ASGI application
        What is served.
    bound : socket.socket
        A listening socket; the listener closes it.
    """

    def __init__(self, app: ASGIApp, bound: socket.socket) -> None:
        self.port: int = bound.getsockname()[1]
        self._socket = bound
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http=OpenProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=2,
        )
        self._server = QuietServer(config)
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)

    def start(self) -> None:
        """Begin to serve; return when it does.

        Raises
        ------
        RuntimeError
            If it does not within ten seconds.
        """
        self._thread.start()
        if not self._server.ready.wait(LONGEST_START):
            self._server.should_exit = True
            self._socket.close()
            raise RuntimeError("The sandbox's server did not start.")

    def stop(self) -> None:
        """Close all connections and the port; return when the thread has ended."""
        loop = self._server.loop
        if loop is not None and self._thread.is_alive():
            loop.call_soon_threadsafe(self._server.drop)
        self._thread.join(LONGEST_STOP)
        self._socket.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])
