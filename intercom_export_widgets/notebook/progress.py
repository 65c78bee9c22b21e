"""The progress of ``--wait`` in text: a line that changes in place, or one line a minute.

Where somebody looks, a page or a terminal, what can be counted is a bar as tqdm draws it.
Where nobody does (papermill, nbclient, a pipe), a line is printed at the beginning, once a
minute and at the end, since a log keeps them all.
"""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self

from intercom_export_widgets.errors import printable
from intercom_export_widgets.jobs.progress import Stage
from intercom_export_widgets.notebook.backfillview import backfill_line
from intercom_export_widgets.notebook.backfillview import describe as describe_backfill
from intercom_export_widgets.notebook.card import describe
from intercom_export_widgets.notebook.frontend import Frontend, find_frontend
from intercom_export_widgets.notebook.text import Note, line

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from IPython.core.interactiveshell import InteractiveShell
    from IPython.display import DisplayHandle

    from intercom_export_widgets.jobs.backfill import Backfill
    from intercom_export_widgets.jobs.handle import Export

__all__ = ["ProgressLine"]

SHORTEST: Final = 0.3
"""Seconds between two changes of the line: a page falls behind if told more often."""

MINUTE: Final = 60.0
"""Seconds between two printed lines."""

BLOCKS: Final = "█▏"
"""What tqdm draws a bar with, where it can be printed."""

PAGE_WIDTH: Final = 100
"""Columns of a bar on a page, which does not tell how many it has."""


class ProgressLine:
    """Shows the newest state of an export on one line; used as a context manager.

    Parameters
    ----------
    shell : InteractiveShell
        Where it is shown.
    now : callable
        The clock, Unix seconds.
    """

    def __init__(self, shell: InteractiveShell | None, now: Callable[[], float]) -> None:
        frontend = find_frontend(shell)
        # On the command line, standard output is for the data.
        script = frontend is Frontend.SCRIPT
        self._stream = sys.stderr if script else sys.stdout
        terminal = script or frontend is Frontend.TERMINAL
        tty = terminal and self._stream is not None and self._stream.isatty()
        self._terminal = tty
        self._printed = frontend is not Frontend.LIVE and not tty
        self._now = now
        self._handle: DisplayHandle | None = None
        self._last = ""
        self._shown_at = 0.0
        self._begin: tuple[float, int] | None = None
        self._note = ""

    def __enter__(self) -> Self:
        """Return the line, not shown yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave a terminal's cursor on a line of its own."""
        if self._terminal and self._last:
            print(file=self._stream)

    def show(self, export: Export) -> None:
        """Show where the export stands, if it has changed and the page can follow."""
        progress, card = export.progress, describe(export)
        text = line(export, self._now())
        said, self._note = progress.note and progress.note != self._note, progress.note
        if progress.stage is Stage.DOWNLOADING and not self._printed:
            head = ": ".join(part for part in (card.label, card.title) if part)
            if progress.note:  # first, since a terminal's line is cut
                text = f"{progress.note} {card.detail}"
            elif progress.expected:
                text = self._bar(head, progress.received, progress.expected, "B")
        self._show(text, ended=progress.stage.ended, at_once=bool(said))

    def say_kept(self, export: Export) -> None:
        """Say that an export was there already, and what exports it anew."""
        card, finished = describe(export), export.progress.finished_at
        kept = card.detail
        if export.progress.kept_since is None and finished is not None:
            at = datetime.fromtimestamp(finished, UTC)
            kept = f"{kept} Exported already, {at:%Y-%m-%d %H:%M} UTC; --fresh exports it anew."
        said = [card.label, card.title, card.identifier, kept]
        self._show(" · ".join(part for part in said if part), ended=True)

    def show_backfill(self, backfill: Backfill) -> None:
        """Show where a backfill stands, likewise."""
        done, windows = backfill.count
        text = backfill_line(backfill, self._now())
        if windows and not self._printed and not backfill.done:
            card = describe_backfill(backfill)
            head = ": ".join(part for part in (card.label, card.title) if part)
            bar = self._bar(head, done, windows, " windows")
            text = f"{bar} · {card.problem}" if card.problem else bar
        self._show(text, ended=backfill.done)

    def _bar(self, head: str, count: int, whole: int, unit: str) -> str:
        """Return the bar that tqdm draws: share, amount, elapsed and left, and the rate."""
        from tqdm import tqdm

        now = self._now()
        if self._begin is None or count < self._begin[1]:
            self._begin = (now, count)
        began, initial = self._begin
        drawn = tqdm.format_meter(
            count,
            whole,
            max(now - began, 0.0),
            ncols=self._width(),
            prefix=head,
            unit=unit,
            unit_scale=unit == "B",
            initial=initial,
            ascii=printable(BLOCKS, self._stream) != BLOCKS,
        )
        return str(drawn)

    def _width(self) -> int:
        return shutil.get_terminal_size().columns - 1 if self._terminal else PAGE_WIDTH

    def _show(self, text: str, *, ended: bool, at_once: bool = False) -> None:
        now = self._now()
        text = printable(text, self._stream)
        pause = MINUTE if self._printed else SHORTEST
        soon = self._last and 0 <= now - self._shown_at < pause and not (ended or at_once)
        if text == self._last or soon:
            return
        self._last, self._shown_at = text, now
        if self._printed:
            print(text, file=self._stream, flush=True)
        elif self._terminal:
            width = self._width()
            shown = text if ended else text[:width]  # what must be said is said whole at the end
            print(f"\r{shown:<{width}}", end="", file=self._stream, flush=True)
        elif self._handle is None:
            from IPython.display import display

            self._handle = display(Note(text), display_id=True)  # type: ignore[no-untyped-call] # IPython's
        else:
            self._handle.update(Note(text))  # type: ignore[no-untyped-call] # IPython's
