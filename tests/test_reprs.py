"""What values say of themselves: short, and with what a reader needs first."""

from __future__ import annotations

import pickle

import pandas as pd
import pytest

from intercom_export_widgets.errors import JobLockedError
from intercom_export_widgets.notebook.finding import COLORS
from intercom_export_widgets.notebook.text import TONES, Overview


def test_values_of_an_export_are_shown_in_a_line(session):
    """Progress and figures say the little that helps; tables their rows as well as their bytes."""
    export = session.submit("2018-06-01").wait(30)
    assert repr(export.figures).startswith("Figures(")
    assert "deliveries of" in repr(export.figures)
    assert repr(export.progress).startswith(f"Progress(done, job {export.job_identifier}")
    for value in (export.figures, export.progress):
        assert len(repr(value)) < 200
    receipts = len(export.receipts)
    assert f"{receipts:,} rows" in repr(export.tables)
    assert "bytes packed" in repr(export.tables)


def test_a_list_of_exports_cuts_their_errors_and_says_where_they_are_whole(session, sandbox):
    """A refused attempt takes one short line, as text and as HTML."""
    sandbox.switch(stuck=1)
    holder = session.submit("2018-06-01")
    with pytest.raises(JobLockedError):
        session.submit("2018-06-02")
    overview = Overview(session.exports)
    whole = str(overview[1].error)
    assert len(whole) > 300
    for shown in (repr(overview), overview._repr_html_()):
        assert whole not in shown
        assert "exports[1].error" in shown
    assert max(map(len, repr(overview).splitlines())) < 250
    holder.cancel()


def test_a_terminal_shows_what_tells_jobs_apart(session):
    """The log's text has job, status, range and rows in full; what is made of it is plain."""
    export = session.submit("2018-06-01 2018-06-02", observe="3d").wait(30)
    log = session.log()
    shown = repr(log)
    for part in (export.job_identifier, "completed", "2018-06-01 to 2018-06-02", "17 columns"):
        assert part in shown
    assert f"{sum(export.progress.rows.values()):,}" in shown
    assert max(map(len, shown.splitlines())) <= 120
    assert type(log[["status"]]) is pd.DataFrame
    assert pickle.loads(pickle.dumps(log)).equals(log)  # noqa: S301 - our own
    assert "Empty DataFrame" in repr(log.iloc[:0])


@pytest.mark.parametrize("color", [*TONES.values(), *COLORS.values()])
def test_states_are_legible_in_every_theme(color):
    """White text on each has a contrast of 4.5 or more, as WCAG asks of text."""
    parts = [int(color[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    light = sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    assert 1.05 / (light + 0.05) >= 4.5


def test_many_written_files_are_shown_in_short(session, tmp_path):
    """A tuple as before, of which the first and the last are named; few are shown all."""
    export = session.submit("2018-06-01").wait(30)
    files = export.to_parquet(tmp_path / "mail")
    assert isinstance(files, tuple)
    assert all(path.exists() for path in files)
    assert repr(files).startswith(f"<{len(files)} files, from ")
    assert repr(export.to_parquet(tmp_path / "one.parquet")).startswith("(")
