"""A group of an archive as a stream of typed batches, parsed while it is inflated.

Between `archive`, whose blocks it takes in turn, and `tables` (and whoever writes files), which
take its batches. The caller's thread inflates and cuts; a few threads parse, ahead of the
caller by a bounded number of blocks, so memory does not grow with the file. It refuses to know
pandas, notebooks, and what a range of dates is.
"""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from typing import TYPE_CHECKING

from intercom_export_widgets.data.archive import BLOCK_SIZE
from intercom_export_widgets.data.cached import no_such_column
from intercom_export_widgets.data.csv_blocks import Surplus, count_records, split_first
from intercom_export_widgets.data.csv_header import RepeatedHeader, column_names, headings
from intercom_export_widgets.data.dataframe import ArrowFrame
from intercom_export_widgets.data.parsing import BlockParser, Field, Tally
from intercom_export_widgets.data.schema import (
    GROUPS,
    Kind,
    arrow_type,
    column_kind,
    has_none_marker,
    is_guess,
)
from intercom_export_widgets.errors import InputError, TableNotFoundError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from concurrent.futures import Future

    from intercom_export_widgets.data.archive import Archive
    from intercom_export_widgets.data.dataframe import PandasFrame
    from intercom_export_widgets.data.parsing import Parsed
    from intercom_export_widgets.data.schema import Batch, Schema, Table

__all__ = ["Reading"]

_MOST_PARSERS = 4
_MOST_RATIO = 1032  # of deflate: a byte packed is at most so many unpacked
_SMALL = 64 * 1024 * 1024
_SAMPLED = 256 * 1024


class Reading:
    """One reading of a group: its columns, its batches, and what must be said about it.

    Parameters
    ----------
    archive : Archive
        The downloaded file.
    group : str
        One of its groups.
    zone : str
        The IANA zone of timestamps without a zone (the workspace's); they are read as UTC if
        it is empty, for unknown, or no such name.
    columns : sequence of str, optional
        The columns to read, in that order; all by default.
    as_text : collection of str
        Columns to read as text whatever their kind.
    widths : sequence of int
        How many columns each member has at least, where that is more than its header says.
    block_size : int
        How much is inflated at a time, in bytes.

    Attributes
    ----------
    kinds : dict
        The kind of every column that is read, in order. A group of nothing at all, not even a
        header, has its known columns.
    whole : bool
        Whether all columns are read.
    tallies : dict
        What was met in a column, complete after the last batch.
    rows, short, replaced : int
        How many rows were read, how many lacked fields, how many bytes were no UTF-8.
    repeated : int
        How often a header was repeated inside; these records are no rows.
    complete : bool
        Whether `batches` has come to its end.
    surplus : Surplus
        The rows with values beyond their last column; `batches` leaves those values out.

    Raises
    ------
    TableNotFoundError
        If the archive has no such group.
    InputError
        If it has no such column.
    """

    def __init__(
        self,
        archive: Archive,
        group: str,
        *,
        zone: str = "UTC",
        columns: Sequence[str] | None = None,
        as_text: frozenset[str] = frozenset(),
        widths: Sequence[int] = (),
        block_size: int = BLOCK_SIZE,
    ) -> None:
        self.archive = archive
        self.group = group
        self.zone = zone
        self._block_size = block_size
        members = archive.groups.get(group)
        if members is None:
            raise TableNotFoundError(f"The archive has no {group}.")
        self.whole = columns is None
        self._headings = headings(
            group, [(member.name, archive.header(member)) for member in members]
        )
        headers = [heading.names for heading in self._headings]
        self._widths = list(widths) or [len(header) for header in headers]
        names = list(map(column_names, headers, self._widths))
        self._parts = list(zip(members, names, strict=True))
        found = dict.fromkeys(name for part in names for name in part) or _known_columns(group)
        self.kinds = {
            name: Kind.TEXT if name in as_text else column_kind(group, name)
            for name in (found if columns is None else columns)
        }
        self._require(found)
        self.tallies: dict[str, Tally] = {}
        self.rows = self.short = self.replaced = self.repeated = 0
        self.surplus = Surplus()
        self.complete = False

    def _require(self, found: dict[str, None]) -> None:
        """Raise `InputError` unless there are columns to read, all of them in the file."""
        if not self.kinds and found:
            raise InputError("There are no columns to read.", advice="Name one at least.")
        for name in self.kinds:
            if name not in found:
                raise no_such_column(self.group, name, found)

    @property
    def schema(self) -> Schema:
        """The Arrow schema of every batch."""
        import pyarrow as pa

        return pa.schema([(name, arrow_type(kind)) for name, kind in self.kinds.items()])

    @property
    def remarks(self) -> list[str]:
        """What was assumed of headers, in sentences."""
        return [heading.remark for heading in self._headings if heading.remark]

    @property
    def refused(self) -> tuple[str, ...]:
        """Columns with values that are not of their kind, which came as missing so far."""
        return tuple(name for name, tally in self.tallies.items() if tally.lossy)

    def batches(self) -> Generator[Batch]:
        """Yield the group's rows as they came, as ``pyarrow.RecordBatch`` of `schema`.

        Raises
        ------
        ArchiveError
            If the data is damaged or is no CSV; what was yielded before is then void.
        """
        self.rows = 0
        for place in range(len(self._parts)):
            yield from self._part_batches(place)
        self.complete = True

    def table(self) -> Table:
        """Return the whole group as a ``pyarrow.Table``; no value is lost (see `corrections`)."""
        frame = ArrowFrame(self.schema)
        self.pour(frame)
        return frame.table()

    @property
    def expected(self) -> int:
        """About how many rows there are, by the length of the first ones; 0 for a small file.

        No more than deflate can pack into the bytes that are there, whatever a header claims.
        """
        sizes = [
            min(member.size or 4 * member.compressed, _MOST_RATIO * member.compressed)
            for member, _ in self._parts
        ]
        if sum(sizes) < _SMALL:
            return 0
        blocks = self.archive.blocks(self._parts[0][0], _SAMPLED)
        sample = next(blocks, memoryview(b""))
        return sum(sizes) * count_records(sample) * 21 // 20 // max(1, len(sample))

    def pour(self, frame: PandasFrame | ArrowFrame) -> None:
        """Add every row to a DataFrame in the making of `schema`; no value is lost."""
        for batch in self.batches():
            frame.add(batch)
        corrections = self.corrections()
        if corrections is not None:
            for name in corrections.column_names:
                frame.put(name, corrections[name])

    @property
    def lossy(self) -> bool:
        """Whether `batches` has left out values so far: see `corrected`."""
        return bool(self.refused or next(self._surplus_columns(), None))

    def corrections(self) -> Table | None:
        """Return the columns in which `batches` has lost values, all of their rows as text.

        A column with a value that is not of its kind is read once more. If rows have more
        values than the header has columns, and all columns are asked for, those values are
        columns of text, called by their place (``column 36``). None if nothing was lost.
        """
        wanted = dict.fromkeys([*self.refused, *self._surplus_columns()])
        return self._again(wanted, wanted).table() if wanted else None

    def corrected(self) -> Reading | None:
        """Return another reading, of all columns, that loses nothing; None if none was lost.

        It costs reading everything once more, and no memory, unlike `corrections`.
        """
        wanted = dict.fromkeys([*self.refused, *self._surplus_columns()])
        return self._again(dict.fromkeys([*self.kinds, *wanted]), wanted) if wanted else None

    def _again(self, columns: dict[str, None], as_text: dict[str, None]) -> Reading:
        return Reading(
            self.archive,
            self.group,
            zone=self.zone,
            columns=list(columns),
            as_text=frozenset(as_text),
            widths=self._widths,
            block_size=self._block_size,
        )

    def _surplus_columns(self) -> Iterator[str]:
        """Yield the columns that the values beyond the last column make."""
        if self.whole and self.surplus.records:
            for (_, names), width in zip(self._parts, self._widths, strict=True):
                yield from column_names(names, width)[len(names) :]

    def _part_batches(self, place: int) -> Iterator[Batch]:
        member, names = self._parts[place]
        places = {name: number for number, name in enumerate(names)}
        fields = [
            Field(
                places[name],
                name,
                kind,
                has_none_marker(self.group, name),
                kind is Kind.TIMESTAMP and is_guess(self.group, name),
            )
            for name, kind in self.kinds.items()
            if name in places
        ]
        # A part may have none of the columns asked for: any other one counts its rows.
        counter = [Field(0, name, Kind.TEXT) for name in names[:1]]
        heading = self._headings[place]
        header = RepeatedHeader(self.group, heading.names)
        parser = BlockParser(fields or counter, len(names), self.zone, header)
        blocks = self.archive.blocks(member, self._block_size)
        for result in _in_turn(
            parser, _without_header(blocks) if heading.is_first_record else blocks
        ):
            self._widths[place] = max(self._widths[place], result.surplus.fields)
            self._count(result)
            yield self._completed(result.batch)

    def _count(self, parsed: Parsed) -> None:
        if parsed.surplus.records and not self.surplus.records:
            self.surplus.first = self.rows + parsed.surplus.first + 1
        self.surplus.records += parsed.surplus.records
        self.surplus.fields = max(self.surplus.fields, parsed.surplus.fields)
        self.rows += parsed.batch.num_rows
        self.short += parsed.short
        self.replaced += parsed.replaced
        self.repeated += parsed.repeated
        for name, tally in parsed.tallies.items():
            self.tallies.setdefault(name, Tally()).add(tally)

    def _completed(self, batch: Batch) -> Batch:
        """Return a member's batch with the columns that only other members have, missing."""
        import pyarrow as pa

        schema = self.schema
        if batch.schema.equals(schema):
            return batch
        present = set(batch.schema.names)
        arrays = [
            batch.column(f.name) if f.name in present else pa.nulls(batch.num_rows, f.type)
            for f in schema
        ]
        return pa.record_batch(arrays, schema=schema)


def _known_columns(group: str) -> dict[str, None]:
    """Return the columns of a group as far as they are known."""
    return dict.fromkeys(column.name for column in GROUPS[group].columns) if group in GROUPS else {}


def _without_header(blocks: Iterator[memoryview]) -> Iterator[bytes | memoryview]:
    """Yield ``blocks`` without the first record."""
    header_seen = False
    for block in blocks:
        if header_seen:
            yield block
            continue
        header, rest = split_first(block)
        header_seen = bool(header)
        if rest:
            yield rest


def _in_turn(parser: BlockParser, blocks: Iterator[bytes | memoryview]) -> Iterator[Parsed]:
    """Yield the parsed ``blocks`` in order, while later ones are parsed in other threads."""
    begun = list(islice(blocks, 2))
    if len(begun) < 2:  # noqa: PLR2004 - nothing to do at the same time
        # Arrow's pool returns no memory of this thread's, which may live on for long.
        parser.use_system_memory()
        yield from map(parser.parse, begun)
        return
    blocks = chain((begun.pop(0) for _ in range(2)), blocks)
    workers = max(1, min(_MOST_PARSERS, os.cpu_count() or 1))
    under_way: deque[Future[Parsed]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="intercom-export-parse")
    try:
        for block in blocks:
            under_way.append(pool.submit(parser.parse, block))
            if len(under_way) > workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
