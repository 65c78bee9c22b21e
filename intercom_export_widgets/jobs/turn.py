"""Wait for the workspace's one slot, then submit: the part of an export before its job.

A range is submitted when it is the first in the queue and the slot is free. A job of this
machine that holds the slot is followed to its end. One that can't be named is waited for,
with a minute and more between two attempts. A generator, as `jobs.export.run` is.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from intercom_export_widgets.errors import (
    ArchiveError,
    ConnectionFailedError,
    IntercomExportError,
    JobCanceledError,
    JobLockedError,
    LedgerError,
    SubmissionUnknownError,
    ThrottledError,
    WaitInterruptedError,
)
from intercom_export_widgets.intercom.models import Job, JobStatus
from intercom_export_widgets.intercom.retry import ATTEMPTS, throttle_delay
from intercom_export_widgets.jobs.progress import Stage, duration
from intercom_export_widgets.jobs.reading import progress_of_file, progress_without_data
from intercom_export_widgets.jobs.slot import ELSEWHERE, find_holder, holder_sentence
from intercom_export_widgets.jobs.watch import Pause

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from intercom_export_widgets.jobs.entry import Entry
    from intercom_export_widgets.jobs.meanwhile import Meanwhile
    from intercom_export_widgets.jobs.progress import Progress
    from intercom_export_widgets.jobs.queue import Queue
    from intercom_export_widgets.jobs.ticket import Owner, Ticket
    from intercom_export_widgets.jobs.tools import Tools

__all__ = ["Turn", "await_turn", "patiently", "politely"]

POLITE: Final = 60.0
"""Shortest time between two tries of a slot that is held by nobody knows whom, in seconds."""

GROWTH: Final = 1.5
LONGEST: Final = 900.0
SIGN_OF_LIFE: Final = 20.0
"""Longest pause, in seconds: the lease is renewed after each."""

SOON: Final = 1.0
LEDGER_PAUSE: Final = 5.0
LEDGER_TRIES: Final = 40
"""Attempts to use a ledger that is locked or full: at least three minutes, ten if it is locked."""

T = TypeVar("T")


def politely(tries: int) -> float:
    """Return how long to wait after the slot was found taken so often, in seconds."""
    return min(LONGEST, POLITE * GROWTH ** min(tries, 20))


@dataclass(frozen=True, slots=True)
class Turn:
    """A range's place in the queue, and who waits there.

    Attributes
    ----------
    queue : Queue
        On disk.
    number : int
        The ticket.
    owner : Owner
        Who waits.
    busy : callable
        Returns a sentence about the job that holds the slot, if this session follows it
        and will say when it has ended; else an empty text.
    canceled : callable
        Returns whether the user does not want the range any more.
    meanwhile : Meanwhile or None
        What others may have exported of the range by the time that its turn comes.
    """

    queue: Queue
    number: int
    owner: Owner
    busy: Callable[[], str] = lambda: ""
    canceled: Callable[[], bool] = lambda: False
    meanwhile: Meanwhile | None = None


def await_turn(
    tools: Tools,
    turn: Turn,
    progress: Progress,
    submit: Callable[[Progress], Progress],
) -> Generator[Pause, None, tuple[int, Progress]]:
    """Wait until the range may be submitted, submit it, and return its row's number and progress.

    What others have exported by then is not submitted: the last progress of that is returned,
    or their job, whose data are still to be fetched.

    Parameters
    ----------
    tools : Tools
        What to work with.
    turn : Turn
        The place in the queue.
    progress : Progress
        Where the export stands.
    submit : callable
        Submits once.

    Raises
    ------
    JobCanceledError
        If the range was removed from the queue.
    WaitInterruptedError
        If another notebook took the range over and has not submitted it.
    IntercomExportError
        What waiting can't cure.
    """
    try:
        while True:
            done = yield from patiently(tools, progress, partial(_step, tools, turn, progress))
            if isinstance(done, _Wait):
                yield _rest(tools, progress, done)
            elif isinstance(done, tuple):
                return done
            else:
                begun = yield from _try(tools, turn, done, progress, submit)
                if begun is not None:
                    return tools.number, begun
    except WaitInterruptedError:
        with contextlib.suppress(LedgerError):
            turn.queue.release(turn.owner, [turn.number])
        raise


def patiently(
    tools: Tools, progress: Progress, action: Callable[[], T]
) -> Generator[Pause, None, T]:
    """Return what an action on the ledger returns; wait while the ledger is locked or full.

    Raises
    ------
    LedgerError
        If waiting does not cure it, or has not for `LEDGER_TRIES` attempts.
    """
    for _ in range(LEDGER_TRIES):
        try:
            return action()
        except LedgerError as fault:
            if not fault.temporary:
                raise
            note = f"{fault.message}. Nothing is submitted until it can be used."
        yield _rest(tools, progress, _Wait(note, LEDGER_PAUSE))
    return action()


def _step(tools: Tools, turn: Turn, progress: Progress) -> Ticket | _Wait | tuple[int, Progress]:
    """Return the claimed ticket, or what must be waited for, or what others have exported."""
    ticket = _mine(tools, turn)
    if ticket is None:
        return _follow(tools, turn, progress) or _Wait(
            "Another notebook is submitting this range.", SOON
        )
    waits = _wait_for(tools, turn, ticket)
    if waits is not None:
        return waits
    taken = None if turn.meanwhile is None else _take(tools, turn, turn.meanwhile, progress)
    if taken is not None:
        return taken
    if tools.stopped():  # what was requested above may have been interrupted: nothing is known
        return _Wait("", 0.0)
    if turn.queue.claim(turn.number, turn.owner, tools.now()):
        return ticket
    return _Wait("Another range is being submitted.", SOON)


def _take(
    tools: Tools, turn: Turn, meanwhile: Meanwhile, progress: Progress
) -> tuple[int, Progress] | None:
    """Take what another notebook has exported of the same range, with its row, if there is any."""
    now = tools.now()
    found = meanwhile.found(now)
    if found is None:
        ended = meanwhile.ended(tools.client, now)
        if ended is not None:
            entry, job = ended
            found = (
                entry,
                replace(progress, stage=Stage.WAITING, job=job, note="", next_ask_at=None),
            )
        else:  # it may have been kept between the two looks
            found = meanwhile.found(now)
    if found is None:
        return None
    entry, taken = found
    turn.queue.update(turn.number, state="submitted", job=entry.number, note="", next_try_at=None)
    if entry.number != tools.number:
        tools.ledger.remove(tools.number)
    return _adopt(tools, entry, taken)


def _follow(tools: Tools, turn: Turn, progress: Progress) -> tuple[int, Progress] | None:
    """Take the job of a range that another kernel submitted; None while it is submitting it.

    So it is after this kernel was frozen, or its computer slept, for longer than its lease.
    """
    ticket = turn.queue.ticket(turn.number)
    lost = ticket is not None and ticket.state == "submitting" and ticket.is_orphan(tools.now())
    if ticket is None or (ticket.state == "submitting" and not lost):
        return None
    if lost or ticket.state == "unknown":
        raise SubmissionUnknownError(
            "Another notebook submitted this range, and Intercom's response to it was lost"
        )
    entry = None if ticket.job is None else tools.ledger.entry(ticket.job)
    if entry is None or not entry.job_identifier:
        raise WaitInterruptedError(
            f"Another notebook took this range over and could not export it. {ticket.note}".strip(),
            advice="Run the same line again.",
        )
    return _adopt(tools, entry, _progress_of(entry, progress, tools.now()))


def _progress_of(entry: Entry, progress: Progress, now: float) -> Progress:
    """Return where another kernel's export stands: its file, or its job, to be followed."""
    status = JobStatus.read(entry.status)
    if status is JobStatus.NO_DATA:
        return progress_without_data(entry, now)
    if entry.path is not None:
        with contextlib.suppress(ArchiveError, OSError):
            return progress_of_file(Path(entry.path), entry)
    job = Job(entry.job_identifier or "", status, entry.status)
    return replace(progress, stage=Stage.WAITING, job=job, note="", next_ask_at=None)


def _adopt(tools: Tools, entry: Entry, taken: Progress) -> tuple[int, Progress]:
    """Make another kernel's export this one's, and say so."""
    tools.say(
        f"Another notebook exported this range, as job {entry.job_identifier}. Its data are used "
        "here; nothing was submitted."
    )
    tools.adopt(entry.number)
    tools.report(taken)
    return entry.number, taken


@dataclass(frozen=True, slots=True)
class _Wait:
    """What is waited for, and how long at most until the next look."""

    note: str
    seconds: float
    next_try_at: float | None = None


def _mine(tools: Tools, turn: Turn) -> Ticket | None:
    """Return the ticket after renewing its lease; None if another kernel has submitted it."""
    ticket = turn.queue.ticket(turn.number)
    mine = ticket is not None and ticket.belongs_to(turn.owner)
    if turn.canceled() and mine:
        turn.queue.remove(turn.number)
    if turn.canceled() or ticket is None or ticket.state in {"removed", "stopped"}:
        raise JobCanceledError(
            "The range was removed from the queue", advice="Nothing was submitted for it here."
        )
    if ticket.state != "waiting":
        return None
    if not mine:
        raise WaitInterruptedError(
            "Another notebook has taken this range over",
            advice="See where it stands: %intercom_export queue.",
        )
    turn.queue.renew(turn.owner, tools.now(), number=turn.number)
    return ticket


def _wait_for(tools: Tools, turn: Turn, ticket: Ticket) -> _Wait | None:
    """Return what must be waited for; None if the slot seems free and it is our turn."""
    now = tools.now()
    pause = tools.schedule.pause(now - ticket.queued_at)
    ahead = turn.queue.place(ticket, now)
    if ahead:
        ranges = "1 range comes" if ahead == 1 else f"{ahead} ranges come"
        return _noted(turn, ticket, _Wait(f"Waiting in the queue: {ranges} first.", pause))
    followed = turn.busy()
    if followed:
        return _noted(turn, ticket, _Wait(followed, SIGN_OF_LIFE))
    if ticket.next_try_at is not None and ticket.next_try_at > now:
        return _Wait(ticket.note, ticket.next_try_at - now, ticket.next_try_at)
    found = find_holder(tools.ledger, tools.client, now)
    if found is None:
        return None
    said = f"{holder_sentence(*found, now)} This range is submitted when that job has ended."
    return _noted(turn, ticket, _Wait(said, pause))


def _noted(turn: Turn, ticket: Ticket, wait: _Wait) -> _Wait:
    """Write down what is waited for, for whoever else looks at the queue."""
    if (ticket.note, ticket.next_try_at) != (wait.note, wait.next_try_at):
        turn.queue.update(turn.number, note=wait.note, next_try_at=wait.next_try_at)
    return wait


def _rest(tools: Tools, progress: Progress, wait: _Wait) -> Pause:
    """Say what is waited for, and return the pause until the next look."""
    seconds = min(wait.seconds, SIGN_OF_LIFE)
    shown_until = wait.next_try_at or tools.now() + seconds
    tools.report(replace(progress, stage=Stage.QUEUED, note=wait.note, next_ask_at=shown_until))
    return Pause(seconds)


def _try(
    tools: Tools,
    turn: Turn,
    ticket: Ticket,
    progress: Progress,
    submit: Callable[[Progress], Progress],
) -> Generator[Pause, None, Progress | None]:
    """Submit the claimed range; return None, after putting it back, if that must wait."""
    try:
        yield from patiently(tools, progress, partial(_mark, tools))
    except WaitInterruptedError:
        with contextlib.suppress(LedgerError):
            turn.queue.update(turn.number, state="waiting")
        raise
    now = tools.now()
    try:
        begun = submit(
            replace(progress, stage=Stage.SUBMITTING, started_at=now, note="", next_ask_at=None)
        )
    except (JobLockedError, ThrottledError, ConnectionFailedError) as error:
        refused = error
    except SubmissionUnknownError as error:
        _note_end(turn, "unknown", str(error))
        raise
    except IntercomExportError as error:
        _note_end(turn, "failed", str(error))
        raise
    else:
        _note_end(turn, "submitted", "")
        return begun
    yield from patiently(tools, progress, partial(_put_back, tools, turn, ticket, refused))
    return None


def _mark(tools: Tools) -> None:
    """Write that the range is being submitted: before it is, as the row of any submission."""
    tools.ledger.update(tools.number, status="submitting", submitted_at=tools.now())


def _note_end(turn: Turn, state: str, note: str) -> None:
    """Write what became of the range; `Ledger.settle` does so too, as soon as it can."""
    with contextlib.suppress(LedgerError):
        turn.queue.update(turn.number, state=state, note=note, next_try_at=None)


def _put_back(tools: Tools, turn: Turn, ticket: Ticket, error: IntercomExportError) -> None:
    """Let a range wait again that the API refused without beginning anything."""
    tools.ledger.update(tools.number, status="queued", submitted_at=None)
    later = _later(tools, error, ticket)
    turn.queue.update(
        turn.number,
        state="waiting",
        note=later.note,
        next_try_at=later.next_try_at,
        tries=ticket.tries + 1,
    )


def _later(tools: Tools, error: IntercomExportError, ticket: Ticket) -> _Wait:
    """Return when a refused submission is sent again, and the sentence that says why.

    It waits as long as a throttling API says. A job that is known is followed, and the range
    is submitted when that has ended.
    """
    now = tools.now()
    throttled = error if isinstance(error, ThrottledError) else None
    locked = isinstance(error, JobLockedError) or (throttled is not None and throttled.may_be_lock)
    if locked and find_holder(tools.ledger, tools.client, now):
        return _Wait("", 0.0)
    if throttled is not None and (
        throttled.reset_at is not None or (not locked and ticket.tries < ATTEMPTS)
    ):
        seconds = throttle_delay(throttled, ticket.tries + 1, now)
        if ticket.tries >= ATTEMPTS:  # what the API says is not what it does
            seconds = max(seconds, politely(ticket.tries - ATTEMPTS))
        said = f"{error.message}. Nothing was submitted; it is sent again in {duration(seconds)}."
        return _Wait(said, seconds, now + seconds)
    seconds = politely(ticket.tries)
    said = ELSEWHERE if isinstance(error, JobLockedError) else f"{error.message}."
    again = f"The next try comes {duration(seconds)} later, others after longer."
    return _Wait(f"{said} {again}", seconds, now + seconds)
