"""What moves an export on: a thread while there is something to do, `alarm` while there is not.

It knows no job: it drives a story that yields a `Pause` where it wants to be taken up again.
"""

from __future__ import annotations

import contextvars
import threading
from typing import TYPE_CHECKING

from intercom_export_widgets.data.memory import memory_errors
from intercom_export_widgets.errors import WaitInterruptedError
from intercom_export_widgets.intercom.deadline import interruptible, is_shutdown, start_thread
from intercom_export_widgets.jobs.alarm import ALARM

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from intercom_export_widgets.jobs.alarm import Call
    from intercom_export_widgets.jobs.progress import Progress
    from intercom_export_widgets.jobs.watch import Pause

    Story = Generator[Pause, None, Progress]

__all__ = ["Drive"]


class Drive:
    """One story, driven to its end.

    Parameters
    ----------
    name : str
        Of its threads.
    stopped : callable
        Returns whether its requests are to end early; a submission is not interrupted.
    left : callable
        Returns the error that ends the story when it is left.
    failed : callable
        Takes what ended it early.
    ended : callable
        Is called at its end, well or not.
    """

    def __init__(
        self,
        name: str,
        *,
        stopped: Callable[[], bool],
        left: Callable[[], Exception],
        failed: Callable[[Exception], None],
        ended: Callable[[], None],
    ) -> None:
        self._name = name
        self._stopped = stopped
        self._left = left
        self._failed = failed
        self._ended = ended
        self._wake = threading.Event()
        self._leaving = threading.Event()
        self._resting = threading.Lock()
        self._call: Call | None = None
        self._story: Story | None = None
        self._context = contextvars.copy_context()

    @property
    def leaving(self) -> bool:
        """Whether the story is being left."""
        return self._leaving.is_set()

    def begin(self, story: Story) -> None:
        """Begin, in the caller's context; called once.

        The context matters to ipykernel, which finds there the cell that widget
        updates belong to.
        """
        self._context = contextvars.copy_context()
        self._story = story
        self._in_thread()

    def pause(self, seconds: float) -> None:
        """Wait within a step, for what the thread can't be given up for."""
        self._wake.wait(seconds)
        self._wake.clear()
        if self.leaving:
            raise self._left()

    def nudge(self) -> None:
        """Go on at once: from a rest, or from the next one."""
        with self._resting:
            if self._call is None:
                self._wake.set()
            else:
                ALARM.hurry(self._call)

    def leave(self) -> None:
        """End the story within a second, or as soon as a submission has been answered."""
        self._leaving.set()
        self.nudge()

    def _in_thread(self, *, after_rest: bool = False) -> None:
        # A copy each time: the thread before may not have left the context yet.
        run = self._context.copy().run
        if not start_thread(run, self._go_on, after_rest, name=self._name):
            self._leaving.set()
            run(self._go_on, True)  # noqa: FBT003 - after_rest, as a thread's argument

    def _go_on(self, after_rest: bool) -> None:  # noqa: FBT001 - a thread's argument
        """Work until there is only to wait; be called again after that."""
        story = self._story
        if story is None:
            return
        try:
            with interruptible(self._stopped):
                if after_rest and self.leaving:
                    story.throw(self._left())
                with memory_errors("continue the export"):
                    pause = next(story)
        except StopIteration:
            self._end()
        except WaitInterruptedError as error:
            # A request that was interrupted says neither what of nor how to resume it.
            self._failed(error if error.advice else self._left())
            self._end()
        except Exception as error:  # noqa: BLE001 - a fault of ours must reach the waiting thread too
            # A script that ends leaves its export; it has not failed.
            self._failed(self._left() if is_shutdown(error) else error)
            self._end()
        else:
            self._rest_or_leave(pause.seconds)

    def _rest_or_leave(self, seconds: float) -> None:
        try:
            self._rest(seconds)
        except RuntimeError as error:
            if not is_shutdown(error):
                raise
            self._leaving.set()
            self._go_on(after_rest=True)

    def _rest(self, seconds: float) -> None:
        """Have `alarm` wait, unless somebody has asked meanwhile to go on."""
        with self._resting:
            if self._wake.is_set():
                self._wake.clear()
                seconds = 0.0
            self._call = ALARM.after(seconds, self._rise)

    def _rise(self) -> None:
        with self._resting:
            self._call = None
        self._in_thread(after_rest=True)

    def _end(self) -> None:
        self._story = None
        self._ended()
