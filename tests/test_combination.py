"""Combining tables of several exports: compared first, doubled never, told what it is."""

from __future__ import annotations

import pandas as pd
import pytest

from intercom_export_widgets import combine, errors

SANDBOX = {"rows_per_day": 30}
UNTIL = "2018-06-05"


@pytest.fixture(scope="module")
def exports(shared_session):
    """The exports of three days, each observed until its own end."""
    return [shared_session.submit(f"2018-06-0{day}").wait(30) for day in (1, 2, 3)]


@pytest.fixture(scope="module")
def days(exports):
    """Their deliveries."""
    return [export.receipts for export in exports]


@pytest.fixture(scope="module")
def comparable(shared_session):
    """The exports of three days, all observed until the same."""
    return [shared_session.submit(f"2018-06-0{day}", observe=UNTIL).wait(30) for day in (1, 2, 3)]


def test_other_moments_ask_for_a_word_that_names_them(days):
    """The sentence has the differing dates and the word; with it, each row says its own."""
    with pytest.raises(errors.InputError) as caught:
        combine(days)
    for part in ("2018-06-01T23:59:59Z", "2018-06-03T23:59:59Z", "mixed=True"):
        assert part in str(caught.value)
    mixed = combine(days, mixed=True)
    assert mixed.attrs["observed_until"] == ""
    assert str(mixed["observed_until"].dtype) == "datetime64[us, UTC]"
    assert mixed["observed_until"].nunique() == 3
    with pytest.raises(errors.InputError, match="different moments"):
        combine([mixed, days[0].assign(), mixed])


@pytest.mark.filterwarnings("ignore:.*outside the range:UserWarning")
@pytest.mark.parametrize("backend", ["pandas", "pyarrow"])
def test_one_moment_for_all_needs_no_word(comparable, shared_session, backend):
    """Exports or tables give, in order, what one export of all days gives, with its dtypes."""
    parts = [export.read(dtype_backend=backend) for export in comparable]
    whole = shared_session.submit("2018-06-01 2018-06-03", observe=UNTIL).wait(30)
    expected = whole.read(dtype_backend=backend)
    found = combine(parts)
    assert list(found["receipt_id"]) == list(expected["receipt_id"])
    assert dict(found.dtypes) == dict(expected.dtypes)
    assert found.index.equals(pd.RangeIndex(len(expected)))
    assert found.attrs["windows"] == 3
    for key in ("received_from", "received_until", "observed_until", "workspace", "sandbox"):
        assert found.attrs[key] == whole.receipts.attrs[key]
    opens = combine(comparable, "open")
    assert len(opens) == len(whole.tables["open"])


@pytest.mark.filterwarnings("ignore:.*outside the range:UserWarning")
def test_days_that_come_twice_are_refused(comparable, shared_session):
    """Whatever the word, rows of the same days are not doubled."""
    several = shared_session.submit("2018-06-02 2018-06-04", observe=UNTIL).wait(30)
    for parts in ([*comparable, several], [comparable[0], comparable[0]]):
        with pytest.raises(errors.InputError, match="come twice"):
            combine(parts, mixed=True)


@pytest.mark.filterwarnings("ignore:.*outside the range:UserWarning")
def test_rows_beyond_the_range_count_as_held(comparable):
    """A table that was read untrimmed holds days that are not its own."""
    untrimmed = comparable[0].read(trim=False)
    later = comparable[1].receipts
    with pytest.raises(errors.InputError, match="come twice"):
        combine([untrimmed, later])


def test_events_of_the_same_deliveries_are_not_doubled(comparable):
    """Event tables that were read untrimmed hold each other's rows, and are refused."""
    parts = [export.read("open", trim=False) for export in comparable]
    with pytest.raises(errors.InputError, match="rows of the same deliveries"):
        combine(parts)


@pytest.mark.filterwarnings("ignore:.*outside the range:UserWarning")
def test_days_in_between_that_no_table_holds_are_said(comparable):
    """A gap is a warning, and stands in the attrs."""
    with pytest.warns(errors.ExportWarning, match="2018-06-02T00:00:00Z to 2018-06-02T23:59:59Z"):
        found = combine([comparable[0], comparable[2]])
    assert found.attrs["missing_windows"] == ["2018-06-02T00:00:00Z to 2018-06-02T23:59:59Z"]


def test_what_does_not_say_what_it_is_is_refused(days):
    """pandas' own concat drops differing attrs; such a table can't be judged any more."""
    forgetful = pd.concat(days[:2])
    assert forgetful.attrs == {}
    with pytest.raises(errors.InputError, match="Table 1 does not say"):
        combine([forgetful, days[2]], mixed=True)
    with pytest.raises(errors.InputError, match="no table and no export"):
        combine([days[0], "2018-06"])
    with pytest.raises(errors.InputError, match="nothing to combine"):
        combine([])


def test_tables_that_are_not_alike_are_refused(exports, days):
    """Opens are no deliveries, and Arrow's dtypes are not pandas' own."""
    second = exports[1]
    with pytest.raises(errors.InputError, match="different tables"):
        combine([days[0], second.tables["open"]], mixed=True)
    with pytest.raises(errors.InputError, match="dtype_backend"):
        combine([days[0], second.read(dtype_backend="pyarrow")], mixed=True)


def test_workspaces_are_put_together_for_a_word_of_their_own(days):
    """Then the same days are no doubles, and each row says whose it is."""
    theirs = days[0].copy()
    theirs.attrs = {**theirs.attrs, "workspace": "Other", "workspace_id": "other"}
    with pytest.raises(errors.InputError, match="workspaces=True"):
        combine([days[0], theirs])
    both = combine([days[0], theirs], workspaces=True)
    assert set(both["workspace_id"]) == {days[0].attrs["workspace_id"], "other"}
    assert both.attrs["workspace_id"] == ""


def test_files_of_unknown_ranges_ask_for_the_word_too(shared_session, days, exports, tmp_path):
    """A file from elsewhere does not say until when it counts; doubles are found by their rows."""
    path = tmp_path / "from elsewhere.zip"
    export = exports[2]
    path.write_bytes(export.progress.path.read_bytes())
    unknown = shared_session.load(path).receipts
    assert unknown.attrs["observed_until"] == ""
    with pytest.raises(errors.InputError, match="not known"):
        combine([days[0], unknown])
    assert combine([days[0], unknown], mixed=True)["observed_until"].isna().sum() == len(unknown)
    with pytest.raises(errors.InputError, match="come twice"):
        combine([export, unknown], mixed=True)


def test_backfills_are_parts_too(shared_session, exports):
    """A backfill goes with an export, its word said for it; one part alone is itself."""
    backfill = shared_session.backfill("2018-06-01 2018-06-02", "1d").wait(60)
    third = exports[2]
    with pytest.raises(errors.InputError, match="different moments"):
        combine([backfill, third])
    found = combine([backfill, third], mixed=True)
    assert found["observed_until"].nunique() == 3
    assert found.attrs["windows"] == 3
    assert combine([third]).equals(third.receipts)
