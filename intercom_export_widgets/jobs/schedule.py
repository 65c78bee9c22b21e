"""When to ask about a job again.

Pure arithmetic: it knows no clock, no job and no network. `jobs.export.watch`
asks it how long to pause, and the tests ask it the same.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Schedule"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """Ask soon at first, and more rarely as a job takes longer.

    A small job is done within seconds, a large one "can take hours"; the pause is
    therefore a share of the time that the job has taken already, so that a
    completed job is noticed at most that share late.

    Attributes
    ----------
    first : float
        Shortest pause, in seconds.
    longest : float
        Longest pause, in seconds: the setting ``poll_interval``.
    share : float
        Pause as a share of the elapsed time, 0 to 1.
    limit : float
        Seconds after which a job is given up on. Intercom fails a job that runs
        over 12 hours (reference 2.5) or a day (2.17); this is a little more.
    """

    first: float = 1.0
    longest: float = 30.0
    share: float = 0.1
    limit: float = 25 * 3600.0

    def pause(self, elapsed: float) -> float:
        """Return how long to wait before the next question, in seconds.

        Parameters
        ----------
        elapsed : float
            Seconds since the job was submitted. A clock set back may make it
            negative: that counts as zero.
        """
        shortest = min(self.first, self.longest)
        return min(self.longest, max(shortest, self.share * max(0.0, elapsed)))

    def is_over(self, elapsed: float) -> bool:
        """Return whether a job that old is given up on."""
        return elapsed > self.limit
