"""Waiting for an export in a cell: with a limit, with a callback, and interruptible.

An interrupt or a limit ends the waiting only; the error says that the job runs on, and
how to take it up again.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.arguments import expect
from intercom_export_widgets.errors import WaitInterruptedError, WaitTimeoutError
from intercom_export_widgets.jobs.progress import Stage, attach_line

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from intercom_export_widgets.jobs.backfill import Backfill
    from intercom_export_widgets.jobs.progress import Progress
    from intercom_export_widgets.jobs.running import Running

__all__ = ["wait_for", "wait_for_backfill"]

TICK: Final = 0.1
"""Seconds between two looks of a waiting thread: short enough for Ctrl-C on Windows."""


def wait_for(
    event: threading.Event,
    export: Running,
    *,
    timeout: float | None = None,
    callback: Callable[[Progress], None] | None = None,
) -> None:
    """Block until an event of an export has come.

    Parameters
    ----------
    event : threading.Event
        What is waited for.
    export : Running
        Whose progress the callback takes.
    timeout : float, optional
        Seconds to wait at most.
    callback : callable, optional
        Takes the newest progress about ten times a second, and once at the end.

    Raises
    ------
    WaitTimeoutError
        If the time has passed.
    WaitInterruptedError
        If the wait was interrupted.
    """
    expect(timeout, (int, float, type(None)), "timeout", "a number of seconds, or nothing")
    deadline = None if timeout is None else time.monotonic() + timeout
    try:
        while not event.wait(TICK):
            if callback is not None:
                callback(export.progress)
            if deadline is not None and time.monotonic() >= deadline:
                raise WaitTimeoutError(
                    f"{export.name_of_job} has not ended within {timeout:g} seconds",
                    job_identifier=export.job_identifier,
                    advice="It runs on: wait again, or cancel it.",
                )
        if callback is not None:
            callback(export.progress)
    except KeyboardInterrupt:
        interrupted = _interrupted(export)
    else:
        return
    raise interrupted


def wait_for_backfill(
    event: threading.Event,
    backfill: Backfill,
    *,
    timeout: float | None = None,
    callback: Callable[[Backfill], None] | None = None,
) -> None:
    """Block until a backfill has ended; as `wait_for`.

    Parameters
    ----------
    event : threading.Event
        Its end.
    backfill : Backfill
        What the callback takes.
    timeout, callback
        As in `wait_for`.

    Raises
    ------
    WaitTimeoutError, WaitInterruptedError
        As `wait_for`.
    """
    name = f"The backfill of {backfill.timeframe.label}"
    expect(timeout, (int, float, type(None)), "timeout", "a number of seconds, or nothing")
    deadline = None if timeout is None else time.monotonic() + timeout
    try:
        while not event.wait(TICK):
            if callback is not None:
                callback(backfill)
            if deadline is not None and time.monotonic() >= deadline:
                raise WaitTimeoutError(
                    f"{name} has not ended within {timeout:g} seconds",
                    advice="It runs on: wait again, or cancel it.",
                )
        if callback is not None:
            callback(backfill)
    except KeyboardInterrupt:
        interrupted = WaitInterruptedError(
            f"Waiting was interrupted; {name[0].lower()}{name[1:]} goes on",
            advice="Run the same line again to wait for it, in this kernel or after a restart. "
            "Or stop it: %intercom_export cancel.",
        )
    else:
        return
    raise interrupted


def _interrupted(export: Running) -> WaitInterruptedError:
    if export.progress.stage is Stage.QUEUED:
        return WaitInterruptedError(
            "Waiting was interrupted; the range stays in the queue, and is submitted in its turn",
            advice="See where it stands: %intercom_export queue. "
            "Or take it out: %intercom_export queue clear.",
        )
    if not export.job_identifier:
        return WaitInterruptedError(
            "Waiting was interrupted; the submission is still under way",
            advice="Stay in this kernel until its identifier is known: %intercom_export status.",
        )
    return WaitInterruptedError(
        f"Waiting was interrupted; {export.name_of_job} runs on",
        job_identifier=export.job_identifier,
        advice=f"Take it up again: {attach_line(export.job_identifier)} --wait. "
        "Or end it: %intercom_export cancel.",
    )
