"""The progress line of ``--wait``: one line that changes in place, wherever it is shown."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING, Final, Self

from intercom_export_widgets.notebook.backfillview import backfill_line
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


class ProgressLine:
    """Shows the newest state of an export on one line; used as a context manager.

    Parameters
    ----------
    shell : InteractiveShell
        Where it is shown.
    now : callable
        The clock, Unix seconds.
    """

    def __init__(self, shell: InteractiveShell, now: Callable[[], float]) -> None:
        self._terminal = find_frontend(shell) is Frontend.TERMINAL
        self._stage = ""
        self._now = now
        self._handle: DisplayHandle | None = None
        self._last = ""
        self._shown_at = 0.0

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
        if self._terminal and self._last and sys.stdout.isatty():
            print()  # noqa: T201 - a terminal's line is printed

    def show(self, export: Export) -> None:
        """Show where the export stands, if it has changed and the page can follow."""
        ended = export.progress.stage.ended
        self._show(line(export, self._now()), describe(export).status, ended=ended)

    def show_backfill(self, backfill: Backfill) -> None:
        """Show where a backfill stands, likewise."""
        done, windows = backfill.count
        stage = f"{done} of {windows}"
        self._show(backfill_line(backfill, self._now()), stage, ended=backfill.done)

    def _show(self, text: str, stage: str, *, ended: bool) -> None:
        instant = time.monotonic()
        soon = instant - self._shown_at < SHORTEST and not ended
        if text == self._last or soon:
            return
        self._last, self._shown_at = text, instant
        if self._terminal and not sys.stdout.isatty():
            self._show_stage(stage, text)
        elif self._terminal:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r{text[:width]:<{width}}", end="", flush=True)  # noqa: T201 - as above
        elif self._handle is None:
            from IPython.display import display

            self._handle = display(Note(text), display_id=True)  # type: ignore[no-untyped-call] # IPython's
        else:
            self._handle.update(Note(text))  # type: ignore[no-untyped-call] # IPython's

    def _show_stage(self, stage: str, text: str) -> None:
        """Print a line for each stage, where a line can't be written over."""
        if stage != self._stage:
            self._stage = stage
            print(text, flush=True)  # noqa: T201 - a pipe's line is printed
