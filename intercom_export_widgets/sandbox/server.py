"""A running sandbox: uvicorn on loopback, in a daemon thread.

The outermost layer: it starts and stops, and hands out the address, the token, the
switches and the record of requests. Starlette and uvicorn are imported by ``start``.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
import socket
import sys
import tempfile
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from intercom_export_widgets.sandbox.options import Controls, Switches
from intercom_export_widgets.sandbox.page import curl_lines
from intercom_export_widgets.sandbox.state import ExportJob, JobBook, Traffic, new_identifier

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from intercom_export_widgets.sandbox.listener import Listener
    from intercom_export_widgets.sandbox.state import SeenRequest, Written

__all__ = ["Sandbox"]

FIRST_DAY: Final = 17532
"""2018-01-01 in days since 1970: the first day with data."""

DAY: Final = 86400
LAST_PORT: Final = 65535


class Sandbox:
    """A workspace of synthetic messages behind Intercom's content data export API.

    Parameters
    ----------
    seed : int
        Of all that is random in the data: the same seed, rows and day give the same rows,
        whatever range is asked for.
    days : int, optional
        How many days of data there are before now; from 2018-01-01 on by default.
    rows_per_day : int
        Messages on an average day of 2018; there are 6 % more of them every year.
    job_seconds : float
        How long a job takes, by the clock; the first third of it is pending.
    switches : Switches, optional
        How it differs from what is usual, and what goes wrong.
    token : str, optional
        The token to let in; a random one by default.
    clock : callable
        Returns the time, in Unix seconds. Nothing is sent, opened or clicked after it.
    port : int
        Where to listen on 127.0.0.1; 0 finds a free port.
    region : str
        What ``/me`` says.

    Raises
    ------
    ValueError
        If a number can't be what it is.
    """

    def __init__(
        self,
        seed: int = 1,
        *,
        days: int | None = None,
        rows_per_day: int = 300,
        job_seconds: float = 3.0,
        switches: Switches | None = None,
        token: str | None = None,
        clock: Callable[[], float] = time.time,
        port: int = 0,
        region: str = "US",
    ) -> None:
        if not 0 <= port <= LAST_PORT:
            raise ValueError(f"A port is a number from 0 to {LAST_PORT}, not {port}.")
        if seed < 0 or rows_per_day < 0 or job_seconds < 0 or (days is not None and days < 0):
            raise ValueError("seed, days, rows_per_day and job_seconds can't be negative.")
        self.seed = seed
        self.days = days
        self.rows_per_day = rows_per_day
        self.job_seconds = job_seconds
        self.clock = clock
        self.region = region
        self._token = secrets.token_urlsafe(24) if token is None else token
        self._controls = Controls(switches or Switches())
        self._traffic = Traffic()
        self._book = JobBook(self._write)
        self._wanted_port = port
        self._folder: Path | None = None
        self._sweep: weakref.finalize[..., Self] | None = None
        self._listener: Listener | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        """Return the address, or that it is stopped; never the token."""
        where = self.base_url if self._listener is not None else "stopped"
        return f"<Sandbox {where}, seed {self.seed}, {self.rows_per_day} rows a day>"

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return self._listener is not None

    @property
    def base_url(self) -> str:
        """The address, such as ``http://127.0.0.1:54321``.

        Raises
        ------
        RuntimeError
            If it is not running.
        """
        if self._listener is None:
            raise RuntimeError("The sandbox is not running; call start().")
        return f"http://127.0.0.1:{self._listener.port}"

    @property
    def token(self) -> str:
        """The token that it lets in."""
        return self._token

    @property
    def id_code(self) -> str:
        """The workspace's identifier: the same data, the same identifier."""
        made_of = f"{self.seed} {self.rows_per_day} {self.days}".encode()
        return f"sandbox_{hashlib.sha256(made_of).hexdigest()[:8]}"

    @property
    def switches(self) -> Switches:
        """The switches as they stand; faults show how often they will still happen."""
        return self._controls.switches

    def switch(self, **changes: object) -> Switches:
        """Change some switches while it runs; return them all.

        Examples
        --------
        ``sandbox.switch(container="gzip", throttle="2@show")``
        """
        return self._controls.change(**changes)

    @property
    def requests(self) -> tuple[SeenRequest, ...]:
        """The last ten thousand requests, oldest first; without tokens."""
        return self._traffic.seen

    def forget_requests(self) -> None:
        """Empty :attr:`requests`."""
        self._traffic.forget()

    def lock(self, seconds: float | None = None) -> str:
        """Let a job from elsewhere hold the slot, which no call can find by its name.

        Parameters
        ----------
        seconds : float, optional
            For how long, by the clock; until :meth:`unlock` by default.

        Returns
        -------
        str
            Its identifier, for :meth:`unlock`.
        """
        forever = seconds is None
        job = ExportJob(
            identifier=new_identifier(),
            after=0,
            before=0,
            created=self.clock(),
            seconds=0.0 if seconds is None else seconds,
            switches=self.switches,
            fate="stuck" if forever else "no_data",
            foreign=True,
        )
        return self._book.open(job).identifier

    def unlock(self, identifier: str | None = None) -> None:
        """End the job that holds the slot, or the named one: somebody cancelled it."""
        now = self.clock()
        job = self._book.active(now) if identifier is None else self._book.find(identifier)
        if job is not None:
            self._book.cancel(job, now)

    def curl(self) -> str:
        """Return the documentation's curl example with this address and token, and more."""
        return curl_lines(self.base_url, self._token)

    def start(self) -> Self:
        """Listen; starting one that runs does nothing.

        Raises
        ------
        OSError
            If the port is taken.
        """
        from intercom_export_widgets.sandbox.handlers import Facts, build_app
        from intercom_export_widgets.sandbox.listener import Listener

        with self._lock:
            if self._listener is not None:
                return self
            bound = _bind(self._wanted_port)
            facts = Facts(
                token=self._token,
                clock=self.clock,
                controls=self._controls,
                traffic=self._traffic,
                book=self._book,
                job_seconds=self.job_seconds,
                id_code=self.id_code,
                region=self.region,
                created=self._first_day() * DAY,
                port=bound.getsockname()[1],
            )
            self._folder = Path(tempfile.mkdtemp(prefix="intercom-sandbox-"))
            # For whoever never stops it: finalizers run when the interpreter exits.
            self._sweep = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            self._listener = Listener(build_app(facts), bound)
            self._listener.start()
            return self

    def stop(self) -> None:
        """Free the port, end all threads and remove all archives; may be called twice."""
        with self._lock:
            listener, self._listener = self._listener, None
        if listener is None:
            return
        listener.stop()
        self._book.close()
        self._book = JobBook(self._write)
        self._folder = None
        if self._sweep is not None:
            self._sweep()

    def _first_day(self) -> int:
        if self.days is None:
            return FIRST_DAY
        return max(FIRST_DAY, int(self.clock() // DAY) - self.days)

    def _write(self, job: ExportJob) -> Written:
        from intercom_export_widgets.sandbox.archive_writer import write_archive
        from intercom_export_widgets.sandbox.data_generator import Workspace

        if self._folder is None:
            raise RuntimeError("The sandbox was stopped.")
        return write_archive(
            self._folder,
            job.identifier,
            Workspace(self.seed, self.rows_per_day, self._first_day()),
            after=job.after,
            before=job.before,
            until=int(job.created),
            switches=job.switches,
            stop=job.stop,
        )


def _bind(port: int) -> socket.socket:
    """Return a socket that listens on loopback.

    asyncio turns Nagle's algorithm off only for sockets whose protocol is named; with it,
    every small answer waits 40 ms for an acknowledgement.
    """
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", port))
        bound.listen()
    except OSError:
        bound.close()
        raise
    return bound
