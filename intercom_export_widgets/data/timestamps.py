"""Every form of an instant that an export may hold, as microseconds in UTC.

Used by `reading`, a column of a block at a time. It refuses to know files, groups and blocks.

The reference says integer seconds; older files had text in the workspace's local time.
Understood, each value for itself, so that a column may change its form
half way: Unix seconds, also with a fraction; Unix milliseconds (12 digits and more); ISO 8601
and ``YYYY-MM-DD HH:MM:SS``, with a fraction or not, followed by ``Z``, ``UTC``, an offset or
nothing. Nothing means the zone given, or UTC if that is not known. Of a local time that occurs
twice, when clocks go back, the earlier instant is taken; one that does not occur, when they go
forward, is moved forward by as much as the clocks. Both are what Python's datetime does with
``fold=0``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from datetime import tzinfo

    import numpy as np
    from numpy.typing import NDArray

    from intercom_export_widgets.data.schema import Array

    Numbers = NDArray[np.int64]

__all__ = ["Instants", "forms_of", "from_integers", "from_text", "known_zone"]

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the origin of local times has no zone
_LEAST_MILLISECONDS = 10**11  # as seconds: the year 5138
_TOO_MUCH = 10**14
_CIVIL_LENGTH = len("2018-06-01 00:00:00")

_NUMBER = re.compile(r"(\d{1,14})(?:\.(\d{1,9}))?")
_REST = re.compile(
    r"(?:[.,](?P<fraction>\d{1,9}))?(?:(?P<utc> ?(?:Z|UTC|GMT))|"
    r" ?(?P<sign>[+-])(?P<hours>[01]\d|2[0-3])(?::?(?P<minutes>[0-5]\d))?)?",
    re.IGNORECASE,
)
_CIVIL = re.compile(r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(:\d\d)?)?(.*)", re.DOTALL)


@dataclass(slots=True)
class Instants:
    """A column of instants, and what had to be said about it, in values.

    Attributes
    ----------
    array : pyarrow.Array
        timestamp[us, UTC]; missing where the value was missing or no instant.
    refused : int
        Values that are no instant.
    zoneless : int
        Local times, read in the zone given.
    twice, skipped : int
        Those of them that occur twice, or not at all, in that zone.
    """

    array: Array
    refused: int = 0
    zoneless: int = 0
    twice: int = 0
    skipped: int = 0


def from_integers(column: Array) -> Array | None:
    """Return ``column``, an int64 array of Unix seconds or milliseconds, as instants.

    Returns
    -------
    pyarrow.Array or None
        timestamp[us, UTC]; None if a value is out of range, and so perhaps no instant.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    instant = pa.timestamp("us", "UTC")
    if column.null_count == len(column):
        return column.view(instant)
    stop = column.offset + len(column)
    values = np.frombuffer(column.buffers()[1], np.int64, stop)[column.offset :]
    # Sooner than min_max. What stands in the place of a missing value counts too; usually 0.
    if values.min() >= 0 and values.max() < _LEAST_MILLISECONDS:
        return pc.multiply(column, _SECOND).view(instant)
    bounds = pc.min_max(column).as_py()
    if bounds["min"] < 0 or bounds["max"] >= _TOO_MUCH:
        return None
    numbers = _scaled(column.fill_null(0).to_numpy())
    return pa.array(numbers, mask=np.asarray(column.is_null())).view(instant)


def _scaled(numbers: Numbers) -> Numbers:
    """Return Unix seconds and milliseconds, told apart by their size, as microseconds."""
    import numpy as np

    return np.where(numbers < _LEAST_MILLISECONDS, numbers * _SECOND, numbers * 1000)


_FORMS = (
    r"^\d{9,10}(\.\d+)?$",  # Unix seconds from 1973 on: smaller numbers may count something
    r"^\d{12,13}$",  # Unix milliseconds
    r"^\d{4}-\d\d-\d\d$",
    r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d+)?)?$",
    r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d+)?)? ?([Zz]|UTC|GMT|[+-]\d\d(:?\d\d)?)$",
)


def forms_of(column: Array) -> tuple[int, int]:
    """Return the forms of timestamps in ``column``, and how many values have none.

    Parameters
    ----------
    column : pyarrow.Array
        Strings; an empty field is null already.

    Returns
    -------
    tuple of int
        One bit for each form that occurs; the number of values of no form.
    """
    import pyarrow.compute as pc

    values = pc.utf8_trim_whitespace(column)
    forms, others = 0, len(column) - column.null_count
    for place, form in enumerate(_FORMS):
        found = pc.sum(pc.match_substring_regex(values, form), min_count=0).as_py()
        forms |= bool(found) << place
        others -= found
    return forms, others


def from_text(column: Array, zone: str) -> Instants:
    """Return ``column``, a string array, as instants; every different value is read once.

    Parameters
    ----------
    column : pyarrow.Array
        Strings; an empty field is null already.
    zone : str
        The IANA zone of local times; read as UTC if it is none (see `known_zone`).
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = column.dictionary_encode()
    values = pc.utf8_trim_whitespace(encoded.dictionary)
    read = _Values(len(values))
    digits = np.asarray(pc.and_(pc.ascii_is_decimal(values), pc.less(pc.utf8_length(values), 15)))
    numbers = values.filter(pa.array(digits)).cast(pa.int64()).to_numpy()
    read.known(np.flatnonzero(digits), _scaled(numbers))
    others = np.flatnonzero(~digits)
    read.civil(others, values.take(pa.array(others)), zone)
    return read.spread(encoded)


class _Values:
    """The different values of a column while they are read; arrays of one entry each."""

    def __init__(self, length: int) -> None:
        import numpy as np

        self.microseconds = np.zeros(length, np.int64)
        self.refused = np.ones(length, bool)
        self.zoneless = np.zeros(length, bool)
        self.twice = np.zeros(length, bool)
        self.skipped = np.zeros(length, bool)

    def known(self, where: NDArray[np.intp], microseconds: Numbers) -> None:
        """Note the instants of the values at ``where``."""
        self.microseconds[where] = microseconds
        self.refused[where] = False

    def civil(self, where: NDArray[np.intp], values: Array, zone: str) -> None:
        """Read the values at ``where``, which are no plain numbers."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        if not len(where):
            return
        rests = pc.utf8_slice_codeunits(values, _CIVIL_LENGTH, None).dictionary_encode()
        understood = [_rest(rest) for rest in rests.dictionary.to_pylist()]
        try:
            stamps = pc.utf8_slice_codeunits(values, 0, _CIVIL_LENGTH).cast(pa.timestamp("us"))
        except pa.ArrowInvalid:
            stamps = None
        short = pc.less(pc.utf8_length(values), _CIVIL_LENGTH)
        if stamps is None or None in understood or pc.any(short).as_py():
            self._one_by_one(where, values.to_pylist(), zone)
            return
        indices = rests.indices.to_numpy()
        fractions = np.array([rest[0] for rest in understood if rest], np.int64)
        offsets = np.array([rest[1] or 0 for rest in understood if rest], np.int64)
        local = np.array([rest[1] is None for rest in understood if rest])[indices]
        instants = stamps.cast(pa.int64()).to_numpy() + (fractions - offsets)[indices]
        self.known(where[~local], instants[~local])
        if local.any():
            self._local(where[local], instants[local], _zone(zone))

    def _one_by_one(self, where: NDArray[np.intp], values: list[str], zone: str) -> None:
        """Read values of which some have an unusual form."""
        import numpy as np

        local: list[tuple[int, int]] = []
        for at, value in zip(where.tolist(), values, strict=True):
            found = _read(value)
            if found is None:
                continue
            microseconds, is_local = found
            if is_local:
                local.append((at, microseconds))
            else:
                self.known(np.array([at]), np.array([microseconds]))
        if local:
            places, stamps = np.array(local, np.int64).T
            self._local(places.astype(np.intp), stamps, _zone(zone))

    def _local(self, where: NDArray[np.intp], stamps: Numbers, zone: tzinfo) -> None:
        """Note local times, in microseconds since 1970-01-01 00:00 on the wall of ``zone``.

        Whole days share an offset; only on the days when clocks change each value is asked.
        """
        import numpy as np

        self.zoneless[where] = True
        days, day_of = np.unique(stamps // _DAY, return_inverse=True)
        offsets = np.array([_offset_of_day(day, zone) for day in days.tolist()], np.int64)[day_of]
        plain = offsets != _CHANGES
        self.known(where[plain], (stamps - offsets)[plain])
        for at, stamp in zip(where[~plain].tolist(), stamps[~plain].tolist(), strict=True):
            first, second = (_offset(stamp, zone, fold) for fold in (0, 1))
            if first is None or second is None:
                continue
            self.twice[at], self.skipped[at] = first > second, first < second
            self.known(np.array([at]), np.array([stamp - first]))

    def spread(self, encoded: Array) -> Instants:
        """Return the column that ``encoded`` describes, one instant for each of its rows."""
        import numpy as np
        import pyarrow as pa

        instants = pa.array(self.microseconds, mask=self.refused).view(pa.timestamp("us", "UTC"))
        rows = np.bincount(encoded.indices.drop_null().to_numpy(), minlength=len(self.refused))
        flags = (self.refused, self.zoneless, self.twice, self.skipped)
        return Instants(instants.take(encoded.indices), *(int(rows[flag].sum()) for flag in flags))


_CHANGES = _DAY  # no offset: the clocks change on that day, or it is beyond the calendar


def known_zone(name: str) -> ZoneInfo | None:
    """Return the zone of an IANA name; None if it is empty or no such name."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder, such as "America"
        return None


def _zone(name: str) -> tzinfo:
    """Return the zone that local times are read in."""
    return known_zone(name) or UTC


def _offset(stamp: int, zone: tzinfo, fold: int) -> int | None:
    """Return the zone's offset at a local time, in microseconds; None beyond the calendar."""
    try:
        local = _EPOCH + timedelta(microseconds=stamp)
        offset = local.replace(tzinfo=zone, fold=fold).utcoffset()
    except OverflowError:
        return None
    return (offset or timedelta()) // timedelta(microseconds=1)


def _offset_of_day(day: int, zone: tzinfo) -> int:
    """Return the zone's offset of a whole local day, or `_CHANGES`."""
    start, end = (_offset(when * _DAY, zone, 0) for when in (day, day + 1))
    return start if start is not None and start == end else _CHANGES


def _rest(text: str) -> tuple[int, int | None] | None:
    """Return what follows the seconds: a fraction, and an offset or None, in microseconds."""
    match = _REST.fullmatch(text)
    if match is None:
        return None
    fraction = int((match["fraction"] or "0")[:6].ljust(6, "0"))
    if match["utc"]:
        return fraction, 0
    if not match["sign"]:
        return fraction, None
    minutes = int(match["hours"]) * 60 + int(match["minutes"] or 0)
    return fraction, (-minutes if match["sign"] == "-" else minutes) * 60 * _SECOND


def _read(value: str) -> tuple[int, bool] | None:
    """Return one value in microseconds and whether it is a local time; None if it is none."""
    if number := _NUMBER.fullmatch(value):
        whole, fraction = int(number[1]), (number[2] or "").ljust(9, "0")
        if whole < _LEAST_MILLISECONDS:
            return whole * _SECOND + int(fraction[:6]), False
        return whole * 1000 + int(fraction[:3]), False
    civil = _CIVIL.fullmatch(value)
    rest = _rest(civil[4]) if civil else None
    if civil is None or rest is None or (rest[0] and not civil[3]):
        return None
    try:
        stamp = datetime.fromisoformat(f"{civil[1]}T{civil[2] or '00:00'}{civil[3] or ''}")
    except ValueError:
        return None
    microseconds = (stamp - _EPOCH) // timedelta(microseconds=1) + rest[0]
    return microseconds - (rest[1] or 0), rest[1] is None
