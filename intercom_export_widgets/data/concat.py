"""Puts tables of several exports together, if they can be compared.

"Every first_* column counts only events inside the job's requested range": tables that count
opens and clicks until different times are put together only if that is asked for. Those times
are in ``attrs``, which pandas' own ``concat`` drops.
"""

from __future__ import annotations

import itertools
import warnings
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

from intercom_export_widgets.arguments import unfit
from intercom_export_widgets.data.memory import memory_errors
from intercom_export_widgets.errors import ExportWarning, InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pandas as pd

__all__ = ["Readable", "combine", "concatenated", "joint_attrs", "not_comparable", "with_moment"]

_INSTANT: Final = "datetime64[us, UTC]"


def with_moment(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the column ``observed_until``: what its ``attrs`` say, in each row."""
    import pandas as pd

    told = frame.attrs["observed_until"]
    until = pd.Timestamp(told) if told else pd.NaT
    marked = frame.assign(observed_until=pd.Series(until, index=frame.index, dtype=_INSTANT))
    marked.attrs = frame.attrs
    return marked


@memory_errors("concatenate the tables")
def concatenated(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return tables under each other, without ``attrs``; categories become one set of them."""
    import pandas as pd

    bare = []
    for frame in [frame for frame in frames if len(frame)] or list(frames[:1]):
        copy = frame.copy(deep=False)
        copy.attrs = {}
        bare.append(copy)
    for name in dict.fromkeys(name for frame in bare for name in frame.columns):
        having = [frame for frame in bare if name in frame.columns]
        if all(isinstance(frame[name].dtype, pd.CategoricalDtype) for frame in having):
            union = pd.api.types.union_categoricals([frame[name] for frame in having])
            for frame in having:
                frame[name] = frame[name].cat.set_categories(union.categories)
    return pd.concat(bare, ignore_index=True)


def joint_attrs(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the whole carries: of the first, with the range of all.

    ``observed_until`` is empty if it is not one moment; ``windows`` is how many tables it
    was made of.
    """
    moments = {str(attrs["observed_until"]) for attrs in found}
    begins = [str(attrs["received_from"]) for attrs in found]
    return {
        **found[0],
        "job_identifier": ", ".join(str(attrs["job_identifier"]) for attrs in found),
        "archive": ", ".join(str(attrs["archive"]) for attrs in found if attrs["archive"]),
        "received_from": min(begins),
        "received_until": max(str(attrs["received_until"]) for attrs in found),
        "observed_until": moments.pop() if len(moments) == 1 else "",
        "sandbox": any(attrs["sandbox"] for attrs in found),
        "rows_trimmed": sum(attrs.get("rows_trimmed", 0) for attrs in found),
        "windows": sum(attrs.get("windows", 1) for attrs in found),
        "missing_windows": [w for attrs in found for w in attrs.get("missing_windows", [])],
        "window_notes": [note for attrs in found for note in attrs.get("window_notes", [])],
    }


_ISO: Final = "%Y-%m-%dT%H:%M:%SZ"
_ADDED: Final = frozenset({"receipt_id", "observed_until", "workspace_id"})
"""Columns that don't tell which table it is."""


class Readable(Protocol):
    """What has tables: an export, or a backfill."""

    def read(self, table: str = "receipt") -> pd.DataFrame:
        """Return one table."""


def combine(
    parts: Iterable[pd.DataFrame | Readable],
    table: str = "receipt",
    *,
    mixed: bool = False,
    workspaces: bool = False,
) -> pd.DataFrame:
    """Return the tables of several exports as one, in the order given.

    Parameters
    ----------
    parts : iterable of pandas.DataFrame, Export or Backfill
        DataFrames as this package gives them, with their ``attrs``; of exports the table
        is read.
    table : str
        Which table of exports.
    mixed : bool
        Put tables together that count opens, clicks and the like until different moments,
        or until one that is not known; the column ``observed_until``, datetime64[us, UTC],
        then says of each row until when.
    workspaces : bool
        Put tables of different workspaces together; the column ``workspace_id``, str, then
        says of each row whose it is.

    Returns
    -------
    pandas.DataFrame
        With the dtypes of the parts; categories are united. Its ``attrs`` are those of one
        table, from the first instant of all to the last second of all; ``windows`` counts
        the parts, ``missing_windows`` names what lies between them and is in none.

    Raises
    ------
    InputError
        If the parts can't be compared and no word was said, if two hold the same days so
        that rows would come twice, or if a part does not say what it is of.

    Notes
    -----
    ``pandas.concat`` asks nothing: where ``attrs`` differ it drops them all, so that a table
    without ``attrs["observed_until"]`` no longer tells what it counts.
    """
    if hasattr(parts, "columns") or not hasattr(parts, "__iter__"):
        raise unfit(parts, "parts", "a list of them, such as [june, july]")
    found = [_part(part, table, index, mixed=mixed) for index, part in enumerate(parts, 1)]
    if not found:
        raise InputError("There is nothing to combine", advice="Name two tables or more.")
    if len(found) == 1:
        return found[0].frame
    several, mixing = _differences(found, mixed=mixed, workspaces=workspaces)
    whole = concatenated([part.marked(moment=mixing, workspace=several) for part in found])
    whole.attrs.update(joint_attrs([part.attrs for part in found]))
    if several:
        whole.attrs.update({"workspace": "", "workspace_id": ""})
    gaps = _gaps(found)
    whole.attrs["missing_windows"] += gaps
    if gaps:
        warnings.warn(
            f"None of the tables holds {', nor '.join(gaps)}.", ExportWarning, stacklevel=2
        )
    return whole


def _differences(parts: Sequence[_Part], *, mixed: bool, workspaces: bool) -> tuple[bool, bool]:
    """Return whether the workspaces differ, and the moments; refuse what was not allowed."""
    _check_alike(parts)
    several = len({part.workspace for part in parts} - {""}) > 1
    if several and not workspaces:
        raise _of_several_workspaces(parts)
    moments = sorted({moment for part in parts for moment in part.moments})
    mixing = len(moments) > 1 or not moments[0]
    if mixing and not mixed:
        raise not_comparable(f"These {len(parts)} tables", moments, "mixed=True")
    _check_apart(parts)
    _check_deliveries(parts)
    return several, mixing


class _Part:
    """One table, and what it says of itself.

    Attributes
    ----------
    first, last : str
        The range that it holds, as its ``attrs`` say; empty if they don't.
    low, high : str
        The same, widened by rows outside; empty if nothing is known.
    moments : list of str
        Until when it counts, ISO 8601; an empty text for what is not known.
    """

    def __init__(self, frame: pd.DataFrame, index: int) -> None:
        self.frame = frame
        self.attrs: dict[Any, Any] = frame.attrs
        self.name = f"table {index}"
        if "observed_until" not in self.attrs or "received_from" not in self.attrs:
            raise InputError(
                f"Table {index} does not say which messages it holds, nor until when it counts "
                "their opens and clicks",
                advice="Combine tables as they were read, or the exports themselves: what pandas "
                "has put together may have lost its attrs.",
            )
        self.workspace = str(self.attrs.get("workspace_id", ""))
        self.moments = [str(self.attrs["observed_until"])]
        if not self.moments[0] and "observed_until" in frame.columns:
            self.moments = _instants(frame["observed_until"].drop_duplicates())
        self.first, self.last = str(self.attrs["received_from"]), str(self.attrs["received_until"])
        self.low, self.high = self.first, self.last
        received = frame.get("received_at")
        if received is not None and hasattr(received, "dt") and received.notna().any():
            low, high = _instants([received.min(), received.max()])
            self.low = min(low, self.first or low)
            self.high = max(high, self.last)

    def marked(self, *, moment: bool, workspace: bool) -> pd.DataFrame:
        """Return its table with the columns that tell its rows from the others'."""
        frame = self.frame
        if moment and "observed_until" not in frame.columns:
            frame = with_moment(frame)
        return frame.assign(workspace_id=self.workspace) if workspace else frame


def _part(given: pd.DataFrame | Readable, table: str, index: int, *, mixed: bool) -> _Part:
    """Return a part of whatever kind as a table."""
    import pandas as pd

    if isinstance(given, pd.DataFrame):
        return _Part(given, index)
    if not hasattr(given, "read"):
        raise InputError(
            f"Part {index} is {type(given).__name__}, which is no table and no export",
            advice="Name DataFrames, exports or backfills.",
        )
    word = {"mixed": True} if mixed and hasattr(given, "mixed") else {}
    return _Part(given.read(table, **word), index)


def _instants(values: Iterable[Any]) -> list[str]:
    """Return instants in ISO 8601, whole seconds; an empty text for a missing one."""
    return ["" if value != value else value.strftime(_ISO) for value in values]  # noqa: PLR0124 - NaT differs from itself


def _check_alike(parts: Sequence[_Part]) -> None:
    """Refuse different tables, and dtypes of two kinds."""
    first = parts[0]
    for part in parts[1:]:
        columns, others = (set(each.frame.columns) - _ADDED for each in (first, part))
        if columns and others and not columns & others:
            raise InputError(
                f"{part.name.capitalize()} and table 1 have no column in common: they are "
                "different tables",
                advice="To look events up in deliveries, merge them on receipt_id.",
            )
        if _is_arrow(part.frame) != _is_arrow(first.frame):
            raise InputError(
                f"{part.name.capitalize()} and table 1 were not read with the same dtype_backend",
                advice="Read both with dtype_backend='pandas', or both with 'pyarrow'.",
            )


def _is_arrow(frame: pd.DataFrame) -> bool:
    import pandas as pd

    return any(isinstance(dtype, pd.ArrowDtype) for dtype in frame.dtypes)


def _neighbours(parts: Sequence[_Part], *, by: str) -> Iterator[tuple[_Part, _Part]]:
    """Yield each two parts that follow each other in time and may be of one workspace."""
    for workspace in {part.workspace for part in parts} - {""} or {""}:
        known = [p for p in parts if p.workspace in {workspace, ""} and getattr(p, by)]
        yield from itertools.pairwise(sorted(known, key=lambda part: str(getattr(part, by))))


def _check_apart(parts: Sequence[_Part]) -> None:
    """Refuse ranges that overlap: their rows would come twice."""
    for before, after in _neighbours(parts, by="low"):
        if after.low <= before.high:
            raise InputError(
                f"{before.name.capitalize()} and {after.name} both hold {after.low} to "
                f"{min(before.high, after.high)}: those rows would come twice",
                advice="Leave one of them out, or export ranges that don't overlap.",
            )


def _check_deliveries(parts: Sequence[_Part]) -> None:
    """Refuse events of one delivery in two tables, which were read without trimming."""
    for workspace in {part.workspace for part in parts}:
        seen: dict[str, pd.Index] = {}
        for part in (p for p in parts if p.workspace == workspace):
            if "receipt_id" not in part.frame.columns or "received_at" in part.frame.columns:
                continue
            here = part.frame.set_index("receipt_id").index.dropna().unique()
            for name, before in seen.items():
                if here.isin(before).any():
                    raise InputError(
                        f"{name.capitalize()} and {part.name} both hold rows of the same "
                        "deliveries: those rows would come twice",
                        advice="Read them without trim=False, or leave one of them out.",
                    )
            seen[part.name] = here


def _gaps(parts: Sequence[_Part]) -> list[str]:
    """Return what lies between the ranges and is in none of them."""
    return [
        f"{_moved(before.last, 1)} to {_moved(after.first, -1)}"
        for before, after in _neighbours(parts, by="first")
        if _moved(before.last, 1) < after.first
    ]


def _moved(instant: str, seconds: int) -> str:
    return (datetime.fromisoformat(instant) + timedelta(seconds=seconds)).strftime(_ISO)


def _of_several_workspaces(parts: Sequence[_Part]) -> InputError:
    names = dict.fromkeys(str(part.attrs.get("workspace") or part.workspace) for part in parts)
    return InputError(
        f"The tables are of different workspaces, {' and '.join(names)}",
        advice="Say that this is meant, combine(…, workspaces=True): the column workspace_id then "
        "says whose each row is.",
    )


def not_comparable(what: str, moments: Sequence[str], word: str) -> InputError:
    """Return the error that names the differing moments, and the word that allows them.

    Parameters
    ----------
    what : str
        The tables, as a sentence begins.
    moments : sequence of str
        Sorted; an empty one for what is not known.
    word : str
        What to say.
    """
    dates = f"{moments[0]} to {moments[-1]}" if len(moments) > 1 else ""
    if not moments[0]:
        dates = " and ".join(["one that is not known", *moments[1:]])
    return InputError(
        f"{what} count opens and clicks until different moments, {dates}",
        advice=f"Say that they may be mixed, {word}: the column observed_until then says until "
        "when each row counts. Or export with --observe, which counts until one moment in all.",
    )
