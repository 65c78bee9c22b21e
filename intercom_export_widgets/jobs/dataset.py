"""Many windows as one dataset: the tables of several exports, one after the other.

Opens and clicks are counted until the end of each window's request, so that windows may
not be comparable; that is never mixed without a word. Knows no network and no queue.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from intercom_export_widgets.data.concat import (
    concatenated,
    joint_attrs,
    not_comparable,
    with_moment,
)
from intercom_export_widgets.errors import ExportWarning, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from intercom_export_widgets.data.tables import Tables

__all__ = ["Dataset", "warn_of_missing"]


class Dataset(Mapping[str, "pd.DataFrame"]):
    """The tables of several windows by name, each read when asked for; none is remembered.

    Parameters
    ----------
    parts : sequence of Tables
        Each window's, in order.
    missing : sequence of str
        The windows that are not there, in words.
    notes : sequence of str
        What must be said of the windows, in sentences: those that were split, sent twice or
        came cut off.
    mixed : bool
        Whether windows that count opens and clicks until different moments may be put
        together without being asked again.
    """

    def __init__(
        self,
        parts: Sequence[Tables],
        *,
        missing: Sequence[str] = (),
        notes: Sequence[str] = (),
        mixed: bool = False,
    ) -> None:
        self.parts = tuple(parts)
        self.missing = tuple(missing)
        self.notes = tuple(notes)
        self.mixed = mixed

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Return the table of all windows, in their order."""
        return self.read(name)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names that any window holds; reads nothing."""
        return iter(dict.fromkeys(name for part in self.parts for name in part))

    def __len__(self) -> int:
        """Return how many tables there are."""
        return len(dict.fromkeys(name for part in self.parts for name in part))

    def __contains__(self, name: object) -> bool:
        """Return whether any window holds that table; reads nothing."""
        return any(name in part for part in self.parts)

    def __repr__(self) -> str:
        """Return the names of the tables; reads nothing."""
        return f"Dataset of {len(self.parts)} windows: {', '.join(self) or 'no rows'}"

    @property
    def observed_until(self) -> tuple[str, ...]:
        """Until when the windows count opens and clicks, ISO 8601 in UTC, without repetition."""
        return tuple(sorted({str(part.attrs.get("observed_until", "")) for part in self.parts}))

    def read(
        self,
        name: str,
        *,
        columns: Sequence[str] | None = None,
        dtype_backend: Literal["pandas", "pyarrow"] = "pandas",
        trim: bool = True,
        mixed: bool | None = None,
    ) -> pd.DataFrame:
        """Return the table of all windows, in their order.

        Parameters
        ----------
        name, columns, dtype_backend, trim
            As in `data.tables.Tables.read`.
        mixed : bool, optional
            Put windows together that count opens and clicks until different moments; the
            column ``observed_until`` then says of each row until when. By default as the
            dataset was made.

        Returns
        -------
        pandas.DataFrame
            ``attrs`` as for one export, from the first window's begin to the last one's end;
            ``windows`` says how many there are, ``missing_windows`` which are not, and
            ``window_notes`` what must be said of them, in sentences.

        Raises
        ------
        InputError
            If the windows can't be compared, and `mixed` was not said.
        TableNotFoundError
            If no window has such a table.
        """
        if not self.parts:
            raise InputError("No window has any data yet", advice="Wait for it: backfill.wait().")
        moments = self.observed_until
        mixing = len(moments) > 1
        allowed = self.mixed if mixed is None else mixed
        if mixing and not allowed:
            raise not_comparable(
                f"The {len(self.parts)} windows",
                moments,
                "backfill.read('receipt', mixed=True) or --mixed",
            )
        warn_of_missing(self.missing)
        held = [part for part in self.parts if name in part] or [self.parts[0]]
        frames = []
        for part in held:
            frame = part.read(name, columns=columns, dtype_backend=dtype_backend, trim=trim)
            frames.append(with_moment(frame) if mixing else frame)
        whole = concatenated(frames)
        whole.attrs.update(
            joint_attrs([part.attrs for part in self.parts]),
            rows_trimmed=sum(frame.attrs["rows_trimmed"] for frame in frames),
            missing_windows=list(self.missing),
            window_notes=list(self.notes),
        )
        return whole


def warn_of_missing(windows: Sequence[str]) -> None:
    """Warn of windows that are not there, in words; no word if none is missing."""
    if windows:
        are = "window is" if len(windows) == 1 else "windows are"
        warnings.warn(
            f"{len(windows)} {are} missing: {', '.join(windows)}.",
            ExportWarning,
            stacklevel=3,
        )
