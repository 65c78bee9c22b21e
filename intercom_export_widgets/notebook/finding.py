"""What the doctor found: a row for each check, shown as text and as a table.

Plain values: `doctor` and `machine` make them, nothing here looks at anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from html import escape
from typing import Final

__all__ = ["Diagnosis", "Finding", "State"]


class State(StrEnum):
    """How a check came out."""

    GOOD = "ok"
    LOOK = "look"
    WRONG = "wrong"


COLORS: Final = {State.GOOD: "#1a7f37", State.LOOK: "#8a5c00", State.WRONG: "#c62828"}
"""Behind white text: legible in light and dark alike, where no one colour of text would be."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check.

    Attributes
    ----------
    check : str
        What was looked at.
    found : str
        What there is.
    advice : str
        What to do about it; empty if there is nothing to do.
    state : State
        ``wrong`` if exports can't work like this, ``look`` if something may go wrong.
    """

    check: str
    found: str
    advice: str = ""
    state: State = State.GOOD


class Diagnosis(list[Finding]):
    """All that was found; ``diagnosis.ok`` is whether exports can work.

    Shows itself as aligned lines and as an HTML table.
    """

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; what only deserves a look does not count."""
        return not [each for each in self if each.state is State.WRONG]

    def of(self, check: str) -> Finding:
        """Return what was found about one check.

        Raises
        ------
        KeyError
            If there is no such check.
        """
        for finding in self:
            if finding.check == check:
                return finding
        raise KeyError(check)

    def __repr__(self) -> str:
        """Return a line for each check, and beneath it what to do."""
        width = max((len(each.check) for each in self), default=0)
        indent = " " * (width + 9)
        lines = []
        for each in self:
            lines.append(f"{each.state:<5}  {each.check:<{width}}  {each.found}".rstrip())
            if each.advice:
                lines.append(f"{indent}→ {each.advice}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        cell = "text-align:left;vertical-align:top;white-space:normal"
        rows = []
        for each in self:
            advice = f"<br>→ {escape(each.advice)}" if each.advice else ""
            rows.append(
                f'<tr><td style="{cell}"><strong style="background:{COLORS[each.state]};'
                f'color:#fff;border-radius:3px;padding:1px 6px">{each.state}</strong></td>'
                f'<th scope="row" style="{cell};white-space:nowrap">{escape(each.check)}</th>'
                f'<td style="{cell}">{escape(each.found)}{advice}</td></tr>'
            )
        said = 'class="iew-doctor" aria-label="What the doctor found"'
        return f"<table {said}><tbody>{''.join(rows)}</tbody></table>"
