"""Tables under each other: their rows, their dtypes, and what the whole says of itself.

Used by `combination` and by the windows of a backfill, which say first whether the tables
can be compared. It refuses to judge that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from intercom_export_widgets.data.memory import memory_errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

__all__ = ["concatenated", "joint_attrs", "with_moment"]

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
