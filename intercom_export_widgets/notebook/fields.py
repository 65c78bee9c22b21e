"""The form's fields: two dates and a zone, what they mean, and what is wrong with them.

A field's error shows when the field has been left or Export was pressed, in Intercom's
own words where it has some, and goes when it is cured. The page collects; the rules are
`Timeframe`'s.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import TYPE_CHECKING, Any, Final

from traitlets import Dict, Instance, List, Unicode, observe, validate

from intercom_export_widgets.errors import TimeframeError
from intercom_export_widgets.intercom.timeframe import PRESETS, Timeframe
from intercom_export_widgets.intercom.windows import WORDS, split
from intercom_export_widgets.intercom.zones import find_zone
from intercom_export_widgets.notebook.backfillpage import BackfillPage
from intercom_export_widgets.notebook.explanation import find_explanation
from intercom_export_widgets.notebook.lines import begin_code
from intercom_export_widgets.notebook.meaning import meaning_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from traitlets import Bunch

    from intercom_export_widgets.jobs.session import ExportSession

__all__ = ["FIELDS", "RangePage"]

FIELDS: Final = ("first", "last", "observed", "zone", "every")
DATES: Final = ("first", "last", "observed")

LONG_AGO: Final = dt.date(1970, 1, 1)

EARLIEST: Final = 1970
"""The first year that Unix seconds can say: one before it is a year half typed."""

OFFERED: Final = (
    "last-7-days",
    "last-week",
    "last-month",
    "last-quarter",
    "month-to-date",
    "last-year",
)
"""The presets that the form has buttons for; the magic knows more."""


WINDOWS: Final = [["", "one export"], *([word, f"by {word}"] for word in WORDS)]
"""What a range can be split into; the magic knows a number of days too."""


def _date_to_json(value: dt.date | None, _: object) -> str:
    return "" if value is None else value.isoformat()


def _date_from_json(value: str, _: object) -> dt.date | None:
    return _date(value)


def _date(value: object) -> dt.date | None:
    """Return the date that a picker's text means, or None if it means none."""
    try:
        return dt.date.fromisoformat(str(value)) if value else None
    except ValueError:
        return None


def _date_trait() -> Any:  # noqa: ANN401 - a traitlets descriptor, which is untyped
    return Instance(dt.date, allow_none=True).tag(
        sync=True, to_json=_date_to_json, from_json=_date_from_json
    )


class RangePage(BackfillPage):
    """A live page with fields for a range.

    Parameters
    ----------
    session : ExportSession
        Its zone and its clock are the form's.
    **values
        Traits of the page.

    Attributes
    ----------
    first, last : datetime.date or None
        Traits: the first and the last day, both inclusive.
    observed : datetime.date or None
        A trait: the last day on which opens, clicks and the like are counted; None for
        the range's last.
    zone : str
        A trait: the IANA time zone in which they are meant.
    every : str
        A trait: the length of the windows that the range is exported in, as ``--every``
        takes it; empty for one export.
    explanation : str
        The notebook that shows why a month's numbers change, from the kernel's folder; empty
        if it is not there.
    preview : dict
        What a good range means; empty otherwise.
    errors : dict of str to str
        The sentence for each field that is at fault.
    code : str
        The line that does the same; empty unless the range is good.
    preset : str
        Which of the presets the dates are; empty if none.
    """

    first = _date_trait()
    last = _date_trait()
    observed = _date_trait()
    zone = Unicode("UTC").tag(sync=True)
    every = Unicode().tag(sync=True)
    explanation = Unicode().tag(sync=True)
    windows: List[Any] = List(WINDOWS).tag(sync=True)
    presets: List[Any] = List([[name, PRESETS[name]] for name in OFFERED]).tag(sync=True)
    preset = Unicode().tag(sync=True)
    preview = Dict().tag(sync=True)
    errors = Dict().tag(sync=True)
    code = Unicode().tag(sync=True)

    def __init__(self, session: ExportSession, **values: object) -> None:
        self.session = session
        self._touched: set[str] = set()
        self._unreadable: dict[str, str] = {}
        self._refused: dict[str, tuple[object, str]] = {}
        super().__init__(zone=session.zone, explanation=find_explanation(), **values)
        self.check()

    @validate(*DATES)
    def _only_a_day(self, proposal: Bunch) -> dt.date | None:
        """Take the day of whatever is a date and more; pandas' NaT is none."""
        value = proposal.value
        if value is None or value != value:  # noqa: PLR0124 - only what is not a time differs from itself
            return None
        return value.date() if isinstance(value, dt.datetime) else value

    @observe(*FIELDS)
    def _edited(self, change: Bunch) -> None:
        """Check anew whenever a field changes, from the page or from Python."""
        self._unreadable.pop(change.name, None)
        self.check()

    def timeframe(self) -> Timeframe:
        """Return the range that the fields mean.

        Raises
        ------
        TimeframeError
            If they mean none; ``field`` says which is at fault.
        """
        timeframe = Timeframe.of_days(self.first, self.last, self.zone)
        timeframe.check_past(self.session.now())
        return timeframe.observed(self.observed, now=self.session.now())

    def faults(self) -> dict[str, TimeframeError]:
        """Return what is wrong with each field that is at fault, in the order of `FIELDS`."""
        found: dict[str, TimeframeError] = {}
        zone = "UTC"
        with _noting(found, "every"):
            _check_every(self.every)
        with _noting(found, "zone"):
            zone = find_zone(self.zone).key
        for name in DATES:
            with _noting(found, name):
                self._check_day(name, zone)
        if not found.keys() & {"first", "last"}:
            with _noting(found):
                timeframe = Timeframe.of_days(self.first, self.last, zone)
                timeframe.observed(self.observed, now=self.session.now())
        return {name: found[name] for name in FIELDS if name in found}

    def _check_day(self, name: str, zone: str) -> None:
        """Refuse a day that is wrong by itself, whatever the other fields hold."""
        day = getattr(self, name)
        if name in self._unreadable:
            raise TimeframeError(self._unreadable[name], advice="Write it as 2018-06-30.")
        if day is not None and day.year < EARLIEST:
            raise TimeframeError(
                f"The year {day.year} is before {EARLIEST}",
                advice="Type all four digits of the year.",
            )
        if name == "first" and day is None:
            Timeframe.of_days(None, None, zone)
        if name == "last":
            Timeframe.of_days(day or LONG_AGO, day, zone).check_past(self.session.now())

    def check(self) -> None:
        """Show what a good range means and its code, or the error of a bad one."""
        errors = {
            field: said
            for field, (value, said) in self._refused.items()
            if value == getattr(self, field)
        }
        preview: dict[str, object] = {}
        code = preset = ""
        faults = self.faults()
        errors |= {field: str(error) for field, error in faults.items() if field in self._touched}
        if not faults:
            timeframe = self.timeframe()
            preview = meaning_of(timeframe, self.every)
            code = self._line(timeframe)
            received = timeframe.observed(None)
            preset = next((n for n in OFFERED if self._named_range(n) == received), "")
        with self.sending():
            self.errors, self.preview, self.code, self.preset = errors, preview, code, preset

    def _line(self, timeframe: Timeframe) -> str:
        """Return the code that does the same: the magic's line, or Python on the form's session.

        The magic has a session of its own: its region, address, folder and ledger may differ.
        """
        observe = "" if self.observed is None else f" --observe {self.observed}"
        if self.by_magic:
            every = f" --every {self.every}" if self.every else ""
            zone = f" --zone {timeframe.zone}"  # always: the magic's may be another, or change
            return f"%intercom_export {timeframe.literal}{observe}{every}{zone}"
        return begin_code(timeframe, self.every)

    def refuse(self, field: str, sentence: str, view: object) -> None:
        """Show at a field what the API has against its value, until that changes."""
        self._refused[field] = (getattr(self, field), sentence)
        self.check()
        self.tell(focus=field, view=view)

    def take_fields(self, content: dict[str, Any]) -> None:
        """Take what the fields hold, what can't be read of them, and which was left.

        A field that is being typed in again is not complained of until it is left again,
        unless its error shows already.
        """
        unreadable = content.get("unreadable") or {}
        before = {name: getattr(self, name) for name in FIELDS}
        left = set(content.get("left") or ()) & set(FIELDS)
        with self.sending():
            for name in DATES:
                if name in content:
                    setattr(self, name, _date(content[name]))
            if "zone" in content:
                self.zone = str(content["zone"])
            if content.get("every") in {word for word, _ in WINDOWS}:
                self.every = str(content["every"])
            self._unreadable = {
                name: str(why)[:200] for name, why in unreadable.items() if name in FIELDS
            }
            typed = {name for name in FIELDS if getattr(self, name) != before[name]}
            self._touched -= typed - left - set(self.errors)
            self._touched |= left
            self.check()

    def take_preset(self, name: str) -> None:
        """Put the range of a preset into the fields."""
        timeframe = self._named_range(name, self.zone or "UTC")
        with self.sending():
            self._unreadable.clear()
            self.first, self.last = timeframe.first, timeframe.last
            self.check()

    def _named_range(self, name: str, zone: str | None = None) -> Timeframe:
        return Timeframe.parse(name, zone=zone or self.zone, now=self.session.now())


def _check_every(every: str) -> None:
    """Refuse what is no length of windows."""
    if every:
        split(Timeframe(0, 0, "UTC"), every)


@contextlib.contextmanager
def _noting(found: dict[str, TimeframeError], field: str = "") -> Iterator[None]:
    """Note an error at its field; without one named, at the field that the error names."""
    try:
        yield
    except TimeframeError as error:
        found.setdefault(field or error.field or "first", error)
