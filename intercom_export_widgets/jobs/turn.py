"""Waiting for the workspace's one slot: the part of an export's story before it is submitted.

A range is submitted when it is the first in the queue and the slot is free. A job of this
machine that holds it is followed to its end; one that can't be named is waited for, with
pauses of a minute and more between two tries. Driven as `jobs.export.run` is: it yields
a `Pause` where it has to wait.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import (
    ConnectionFailedError,
    IntercomExportError,
    JobCanceledError,
    JobLockedError,
    LedgerError,
    SubmissionUnknownError,
    ThrottledError,
    WaitInterruptedError,
)
from intercom_export_widgets.intercom.retries import ATTEMPTS, throttle_delay
from intercom_export_widgets.jobs.progress import Stage, duration
from intercom_export_widgets.jobs.slot import ELSEWHERE, find_holder, holder_sentence
from intercom_export_widgets.jobs.watch import Pause

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from intercom_export_widgets.jobs.meanwhile import Meanwhile
    from intercom_export_widgets.jobs.progress import Progress
    from intercom_export_widgets.jobs.queue import Queue
    from intercom_export_widgets.jobs.ticket import Owner, Ticket
    from intercom_export_widgets.jobs.tools import Tools

__all__ = ["Turn", "await_turn", "politely"]

POLITE: Final = 60.0
"""Shortest time between two tries of a slot that is held by nobody knows whom, in seconds."""

GROWTH: Final = 1.5
LONGEST: Final = 900.0
SIGN_OF_LIFE: Final = 20.0
"""Longest pause, in seconds: the lease is renewed after each."""


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
    """Wait until the range may be submitted, submit it, and return what was answered.

    What others have exported by then is not submitted: its last progress is returned, or
    their job, whose data are still to be fetched. The number is that of its row in the ledger.

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
        If the range was taken out of the queue.
    WaitInterruptedError
        If another notebook has taken it up.
    IntercomExportError
        What waiting can't cure.
    """
    try:
        while True:
            ticket = _mine(tools, turn)
            waits = _wait_for(tools, turn, ticket)
            if waits is None and turn.meanwhile is not None:
                taken = _take(tools, turn, turn.meanwhile, progress)
                if taken is not None:
                    return taken
            if waits is None and turn.queue.claim(turn.number, turn.owner, tools.now()):
                begun = _try(tools, turn, ticket, progress, submit)
                if begun is not None:
                    return tools.number, begun
                continue
            yield _rest(tools, progress, waits or _Wait("Another range is being submitted.", 1.0))
    except WaitInterruptedError:
        with contextlib.suppress(LedgerError):
            turn.queue.release(turn.owner, [turn.number])
        raise


def _take(
    tools: Tools, turn: Turn, meanwhile: Meanwhile, progress: Progress
) -> tuple[int, Progress] | None:
    """Take what another notebook has exported, with its row of the ledger, if there is any."""
    now = tools.now()
    found = meanwhile.found(now)
    if found is None:
        ended = meanwhile.ended(tools.client, now)
        if ended is None:
            return None
        entry, job = ended
        found = entry, replace(progress, stage=Stage.WAITING, job=job, note="", next_ask_at=None)
    entry, taken = found
    turn.queue.update(turn.number, state="submitted", job=entry.number, note="", next_try_at=None)
    tools.ledger.remove(tools.number)
    tools.adopt(entry.number)
    tools.report(taken)
    return entry.number, taken


@dataclass(frozen=True, slots=True)
class _Wait:
    """What is waited for, and how long at most until the next look."""

    note: str
    seconds: float
    next_try_at: float | None = None


def _mine(tools: Tools, turn: Turn) -> Ticket:
    """Return the ticket as it stands, after a sign of life; raise if it is not ours any more."""
    ticket = turn.queue.ticket(turn.number)
    if ticket is not None and turn.canceled():
        turn.queue.remove(turn.number)
        ticket = None
    if ticket is None or ticket.state != "waiting":
        raise JobCanceledError(
            "The range was taken out of the queue", advice="Nothing was submitted for it."
        )
    if not ticket.belongs_to(turn.owner):
        raise WaitInterruptedError(
            "Another notebook has taken this range over",
            advice="See where it stands: %intercom_export queue.",
        )
    turn.queue.renew(turn.owner, tools.now())
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
) -> Progress | None:
    """Submit once; return None, and when to try again, if the slot was taken."""
    now = tools.now()
    try:
        tools.ledger.update(tools.number, status="submitting", submitted_at=now)
        begun = submit(
            replace(progress, stage=Stage.SUBMITTING, started_at=now, note="", next_ask_at=None)
        )
    except (JobLockedError, ThrottledError, ConnectionFailedError) as error:
        tools.ledger.update(tools.number, status="queued", submitted_at=None)
        later = _later(tools, error, ticket)
        turn.queue.update(
            turn.number,
            state="waiting",
            note=later.note,
            next_try_at=later.next_try_at,
            tries=ticket.tries + 1,
        )
        return None
    except IntercomExportError as error:
        lost = isinstance(error, SubmissionUnknownError)
        turn.queue.update(turn.number, state="unknown" if lost else "failed", note=str(error))
        raise
    turn.queue.update(turn.number, state="submitted", note="", next_try_at=None)
    return begun


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
        said = f"{error.message}. Nothing was submitted; it is sent again in {duration(seconds)}."
        return _Wait(said, seconds, now + seconds)
    seconds = politely(ticket.tries)
    said = ELSEWHERE if isinstance(error, JobLockedError) else f"{error.message}."
    again = f"The next try comes {duration(seconds)} later, others after longer."
    return _Wait(f"{said} {again}", seconds, now + seconds)
