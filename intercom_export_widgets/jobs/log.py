"""The log: rows of the ledger as a pandas DataFrame, with documented columns.

`COLUMNS` is the one place that says what the log's columns are; the README's table
is checked against it. pandas is imported when a log is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from intercom_export_widgets.data.dataframe import string_dtype

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from intercom_export_widgets.jobs.entry import Entry

__all__ = ["COLUMNS", "frame"]

COLUMNS: Final = {
    "job_identifier": ("str", "Intercom's name for the job; missing if the answer was lost"),
    "status": (
        "str",
        (
            "`pending`, `in_progress`, `completed`, `no_data`, `failed` or `canceled`, another "
            "word as the API gave it, `queued` before its turn, `submitting` before the answer, "
            "`unknown` if that was lost"
        ),
    ),
    "created_at_after": ("datetime64[us, UTC]", "first instant of the range, inclusive"),
    "created_at_before": (
        "datetime64[us, UTC]",
        "last second of the range, inclusive; opens and clicks are counted until then",
    ),
    "received_until": (
        "datetime64[us, UTC]",
        "last second of the messages that are kept, if `--observe` asked for a longer range",
    ),
    "zone": ("str", "the IANA time zone in which the range was meant"),
    "submitted": ("datetime64[us, UTC]", "when the job was submitted or taken up"),
    "finished": ("datetime64[us, UTC]", "when its end was seen and its data were safe on disk"),
    "expires": ("datetime64[us, UTC]", "until when Intercom keeps the data"),
    "duration": ("timedelta64[us]", "from submitted to finished"),
    "bytes": ("Int64", "size of the downloaded archive, in bytes"),
    "rows": ("Int64", "rows of all tables in it"),
    "path": ("str", "where the archive lies"),
    "workspace": ("str", "the workspace's name"),
    "region": ("str", "`us`, `eu` or `au`; empty for another host"),
    "sandbox": ("bool", "whether the data are synthetic"),
    "error": ("str", "what went wrong, in one sentence; missing if nothing did"),
}


def frame(entries: Sequence[Entry]) -> pd.DataFrame:
    """Return entries of the ledger as a DataFrame, one row per job, oldest first.

    Parameters
    ----------
    entries : sequence of Entry
        From `jobs.ledger.Ledger.entries`.

    Returns
    -------
    pandas.DataFrame
        Columns and dtypes as in `COLUMNS`, whatever the number of rows, also none.
    """
    import pandas as pd

    from intercom_export_widgets.jobs.logframe import LogFrame

    def instants(values: list[float | None]) -> pd.Series[pd.Timestamp]:
        seconds = pd.Series(values, dtype="Float64")
        return pd.to_datetime(seconds * 1_000_000, unit="us", utc=True).astype(
            "datetime64[us, UTC]"
        )

    submitted = instants([entry.submitted_at for entry in entries])
    finished = instants([entry.finished_at for entry in entries])
    columns: dict[str, object] = {
        "created_at_after": instants([entry.created_at_after for entry in entries]),
        "created_at_before": instants([entry.created_at_before for entry in entries]),
        "received_until": instants([entry.received_until for entry in entries]),
        "submitted": submitted,
        "finished": finished,
        "expires": instants([entry.expires_at for entry in entries]),
        "duration": finished - submitted,
    }
    for name, (dtype, _) in COLUMNS.items():
        if name not in columns:
            values = [getattr(entry, name) for entry in entries]
            columns[name] = pd.Series(values, dtype=string_dtype() if dtype == "str" else dtype)
    return LogFrame(pd.DataFrame(columns)[list(COLUMNS)])
