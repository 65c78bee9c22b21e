"""Targets, and the tables of what was measured: medians with their spread."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

Round = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Target:
    """What must hold in a round.

    Attributes
    ----------
    sentence : str
        What is compared.
    limit : float
        The largest value that reaches it.
    of : callable
        Makes the value of what the contestants of one round have measured.
    unit : str
        Of the value; empty for a ratio.
    """

    sentence: str
    limit: float
    of: Callable[[Round], float]
    unit: str = ""


def ratio(one, other, key="seconds"):
    """Return what divides a contestant's value by another's."""
    return lambda measured: measured[one][key] / measured[other][key]


def value(one, key="seconds", times=1.0):
    """Return what takes a contestant's value."""
    return lambda measured: measured[one][key] * times


HEADS = "| subject | target | limit | measured |\n| --- | --- | --- | --- |"


def report(subject, found):
    """Return the table of what each contestant took."""
    lines = ["| | seconds | peak MB beyond imports |", "| --- | --- | --- |"]
    for name in subject.CONTESTANTS:
        seconds = spread([each[name]["seconds"] for each in found], 3)
        peak = spread([each[name]["peak"] for each in found], 0)
        lines.append(f"| {name} | {seconds} | {peak} |")
    return "\n".join(lines)


def judge(subject, title, found):
    """Return a line of the table of targets for each target of a subject."""
    lines = []
    for target in subject.TARGETS:
        values = [target.of(each) for each in found]
        missed = "" if statistics.median(values) <= target.limit else " **missed**"
        unit = f" {target.unit}" if target.unit else ""
        lines.append(
            f"| {title} | {target.sentence} | {target.limit:g}{unit} | "
            f"{spread(values, 2)}{unit}{missed} |"
        )
    return lines


def spread(values, digits):
    """Return the median of values, and the smallest and largest."""
    least, median, most = min(values), statistics.median(values), max(values)
    return f"{median:.{digits}f} ({least:.{digits}f} to {most:.{digits}f})"
