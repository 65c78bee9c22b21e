"""What values say of themselves: short, and with what a reader needs first."""

from __future__ import annotations

import pytest

from intercom_export_widgets.errors import JobLockedError
from intercom_export_widgets.notebook.text import Overview


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
