"""What a finished backfill shows: the pictures and the tables of all windows together."""

from __future__ import annotations

import pytest
from conftest import DELIVERIES
from test_figures import Held, batch

from intercom_export_widgets.data.chart_data import figures_of
from intercom_export_widgets.data.svg_charts import pictures_of
from intercom_export_widgets.errors import ExportWarning, NotReadyError
from intercom_export_widgets.notebook.backfillview import backfill_html, card_of_backfill, number_of

SANDBOX = DELIVERIES
WINDOWS = "2018-06-01 2018-06-04"


@pytest.fixture(scope="module")
def backfill(shared_session):
    """Two windows of two days."""
    return shared_session.backfill(WINDOWS, "2d").wait(60)


@pytest.fixture(scope="module")
def whole(shared_session):
    """The same days as one export."""
    return shared_session.submit(WINDOWS).wait(30)


def test_figures_of_windows_are_those_of_the_whole_range(backfill, whole):
    """Deliveries by day and by message are the same; the note says how opens were counted."""
    figures, whole = backfill.figures, whole.figures
    assert figures.sent == whole.sent
    assert figures.daily(92) == whole.daily(92)
    assert [m.sent for m in figures.messages] == [m.sent for m in whole.messages]
    drawings = pictures_of(figures)
    assert len(drawings) == 3
    assert "Opens and clicks counted until the end of each window." in drawings[1].note
    assert backfill.figures is figures


def test_a_curve_of_windows_compares_what_was_observed_equally_long():
    """A window observed for a day only lowers what was watched, not the share of those who were."""
    short = Held(batch(100), observed_until="2018-06-01T12:00:00Z", received_from="")
    long = Held(batch(100), observed_until="2018-06-03T12:00:00Z", received_from="")
    curve = figures_of(short, long).curve
    place = curve.hours.index(24)
    assert (curve.watched[place], curve.fair[place]) == (0.5, 1.0)
    same = figures_of(short, short)
    assert same.origin.observed == "opens and clicks counted until 2018-06-01 12:00 UTC"
    unknown = figures_of(short, Held(batch(100)))
    assert "is not known" in unknown.origin.observed


def test_charts_of_a_backfill_are_those_of_an_export(backfill):
    """All three, as small as an export's, from windows that may not be put together silently."""
    assert len(backfill.chart().vconcat) == 3
    assert backfill.chart("messages").to_dict()["description"].startswith("Opened and clicked")


def test_a_table_of_all_windows_is_looked_at_like_one(backfill, whole):
    """Its rows are every n-th of the whole range's, and the caption counts all of them."""
    receipts = whole.receipts
    view = backfill.show(rows=50)
    every = -(-len(receipts) // 50)
    assert list(view.frame.receipt_id) == list(receipts.receipt_id[::every])
    assert f"of {len(receipts):,} rows, evenly taken" in view.caption


def test_pictures_stand_on_its_card_once_it_has_ended(shared_session, shared_sandbox, backfill):
    """As HTML for pages without a script, and by message for the live card; none while it runs."""
    assert backfill_html(backfill).count("<svg") == 3
    card = card_of_backfill(backfill)
    told = []
    card.tell = lambda **content: told.append(content)  # also of previews, from another thread
    card._draw_backfill(backfill)
    drawn = [(len(each["pictures"]), each["number"]) for each in told if "pictures" in each]
    assert drawn == [(3, number_of(backfill))]
    assert card.as_html().count("<svg") == 3
    shared_sandbox.switch(stuck=1)
    running = shared_session.backfill("2018-05-01 2018-05-04", "2d")
    assert "<svg" not in backfill_html(running)
    with pytest.raises(NotReadyError):
        running.chart()
    running.cancel()


def test_pictures_of_what_is_there_say_what_is_missing(session, sandbox):
    """A window that failed is named, and the others are drawn."""
    sandbox.switch(failed=2)
    backfill = session.backfill("2018-05-01 2018-05-02", "1d").wait(60)
    with pytest.warns(ExportWarning, match="1 window is missing: 2018-05-01"):
        assert backfill.figures.sent > 0
