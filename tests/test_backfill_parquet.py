"""A backfill as one Parquet dataset: written while it runs, the same everywhere, once."""

from __future__ import annotations

import threading

import pandas as pd
import pyarrow as pa
import pytest
from conftest import DELIVERIES
from pyarrow import parquet
from shares import windows_shares  # noqa: F401 - a fixture

from intercom_export_widgets import __version__, errors
from intercom_export_widgets.data.parquet import facts_in
from intercom_export_widgets.jobs.conversion import Workers, make_alike
from intercom_export_widgets.jobs.progress import Stage
from intercom_export_widgets.jobs.store import FolderStore
from intercom_export_widgets.jobs.windowfiles import WindowFiles

RANGE = "2018-06-01 2018-06-03"
UNTIL = "2018-06-05"
SANDBOX = DELIVERIES

pytestmark = [
    pytest.mark.usefixtures("windows_shares"),
    pytest.mark.filterwarnings("ignore:.*outside the range:UserWarning"),
]


def observed(session):
    """Return the backfill of three days, all observed until the same."""
    return session.backfill(session.timeframe(RANGE).observed(UNTIL), "day")


@pytest.fixture
def backfill(session):
    """One that runs, of the test's own."""
    return observed(session)


@pytest.fixture(scope="module")
def done(shared_session):
    """One that has ended."""
    return observed(shared_session).wait(60)


def test_the_dataset_is_what_the_windows_are(session, sandbox, tmp_path):
    """Each table reads as one, in order, with the dtypes of Arrow and no claim in its attrs."""
    sandbox.switch(container="zip")
    timeframe = session.timeframe("2018-06-01 2018-06-02").observed(UNTIL)
    backfill = session.backfill(timeframe, "day")
    files = backfill.to_parquet(tmp_path / "mail")
    assert {file.parent.parent for file in files} == {tmp_path / "mail"}
    for table in ("receipt", "open"):
        found = pd.read_parquet(tmp_path / "mail" / table, dtype_backend="pyarrow")
        expected = backfill.read(table, dtype_backend="pyarrow")
        assert list(found.columns) == list(expected.columns)
        assert found["receipt_id"].tolist() == expected["receipt_id"].tolist()
        assert found.attrs == {}
    schemas = {str(parquet.read_schema(file).remove_metadata()) for file in files
               if file.parent.name == "receipt"}  # fmt: skip
    assert len(schemas) == 1
    assert "dictionary" in schemas.pop()


def test_files_are_in_the_order_of_the_windows(done, tmp_path):
    """Whichever window was there first; the names are those of the windows' days."""
    files = WindowFiles(FolderStore(tmp_path), done.plan.name)
    for window, export in reversed(list(zip(done._course.windows, done.exports, strict=True))):
        files.write(window, export.tables)
    assert files.finish() == tuple(
        f"receipt/2018060{day}T000000Z-2018060{day}T235959Z.parquet" for day in (1, 2, 3)
    )


def test_each_file_says_what_it_is_and_is_written_once(done, shared_session, tmp_path):
    """Its metadata name job, range and version; only what was harmed or lost is written again."""
    files = done.to_parquet(tmp_path / "mail")
    assert [file.name for file in files] == [
        f"2018060{day}T000000Z-2018060{day}T235959Z.parquet" for day in (1, 2, 3)
    ]
    for file, export in zip(files, done.exports, strict=True):
        facts = facts_in(file)
        assert facts["job_identifier"] == export.job_identifier
        assert facts["observed_until"] == "2018-06-05T23:59:59Z"
        assert facts["package_version"] == __version__
        assert facts["backfill"] == done.plan.name
        assert int(facts["rows_trimmed"]) == export.receipts.attrs["rows_trimmed"]
    before = {file: file.stat().st_mtime_ns for file in files}
    files[0].unlink()
    files[1].write_bytes(b"PAR1")
    assert observed(shared_session).to_parquet(tmp_path / "mail") == files
    changed = {file for file in files if file.stat().st_mtime_ns != before[file]}
    assert changed == set(files[:2])
    assert not list((tmp_path / "mail").rglob("*.part"))


def test_other_moments_ask_for_the_word_before_anything_is_written(shared_session, tmp_path):
    """Without it the folder stays away; with it each row has its moment."""
    backfill = shared_session.backfill(RANGE, "day")
    with pytest.raises(errors.InputError, match=r"to_parquet\(path, mixed=True\)"):
        backfill.to_parquet(tmp_path / "mail")
    assert not (tmp_path / "mail").exists()
    backfill.to_parquet(tmp_path / "mail", mixed=True)
    found = pd.read_parquet(tmp_path / "mail" / "receipt")
    assert found["observed_until"].nunique() == 3
    assert (found["observed_until"].dt.date == found["received_at"].dt.date).all()


def test_files_that_were_trimmed_otherwise_are_written_anew(done, tmp_path):
    """Untrimmed files are not taken for trimmed ones, nor the other way round."""

    def rows(folder, **options):
        return sum(
            parquet.read_metadata(file).num_rows for file in done.to_parquet(folder, **options)
        )

    trimmed = rows(tmp_path / "mail")
    untrimmed = rows(tmp_path / "mail", trim=False)
    assert untrimmed == rows(tmp_path / "other", trim=False) > trimmed
    assert rows(tmp_path / "mail") == trimmed


@pytest.mark.filterwarnings("ignore:.*is missing:UserWarning")
@pytest.mark.parametrize("sandbox", [0.5], indirect=True)
def test_a_window_is_converted_while_the_server_works_on_the_next(backfill, sandbox, tmp_path):
    """Two files are whole while the third job does not come to an end."""
    folder, resting = tmp_path / "mail", threading.Event()
    writing = threading.Thread(target=backfill.to_parquet, args=(folder,), daemon=True)
    writing.start()
    while len(backfill.exports) < 2 or not backfill.exports[1].job_identifier:
        resting.wait(0.01)
    sandbox.switch(stuck=1)
    while len(list(folder.glob("receipt/*.parquet"))) < 2:
        resting.wait(0.01)
    assert not backfill.done
    while len(backfill.exports) < 3 or not backfill.exports[2].job_identifier:
        resting.wait(0.01)
    backfill.exports[2].cancel()
    writing.join()
    assert backfill.count == (2, 3)


def test_a_window_without_data_has_a_file_of_deliveries(session, sandbox, tmp_path):
    """Its columns are those of the others, and it has no rows."""
    sandbox.switch(no_data=1)
    backfill = observed(session)
    files = backfill.to_parquet(tmp_path / "mail")
    assert backfill.exports[0].progress.stage is Stage.NO_DATA
    first, second = (parquet.read_schema(file).remove_metadata() for file in files[:2])
    assert first == second
    assert parquet.read_metadata(files[0]).num_rows == 0


def test_a_window_that_is_missing_is_said(session, sandbox, tmp_path):
    """The dataset is written without it, and the same call adds it later."""
    sandbox.switch(failed=2)
    with pytest.warns(errors.ExportWarning, match="window is missing: 2018-06-01"):
        files = observed(session).to_parquet(tmp_path / "mail")
    more = observed(session).to_parquet(tmp_path / "mail")
    assert len(more) > len(files)
    assert set(more) > set(files)


def test_a_folder_of_something_else_is_refused(done, shared_session, tmp_path):
    """Files of another backfill, or of nobody knows what, would be read with ours."""
    done.to_parquet(tmp_path / "mail")
    other = shared_session.backfill(shared_session.timeframe(RANGE).observed(UNTIL), "2d")
    with pytest.raises(errors.FileError, match="something else"):
        other.to_parquet(tmp_path / "mail")
    other.wait(60)


def test_an_interrupt_leaves_what_is_whole(backfill, tmp_path, monkeypatch):
    """Ctrl-C stops the writing, not the backfill; the next call writes the rest."""
    plain = type(backfill).wait

    def interrupted(self, timeout=None, *, callback=None):
        def hurt(found):
            callback(found)
            raise KeyboardInterrupt

        return plain(self, timeout, callback=hurt)

    monkeypatch.setattr(type(backfill), "wait", interrupted)
    with pytest.raises(errors.WaitInterruptedError, match="goes on"):
        backfill.to_parquet(tmp_path / "mail")
    monkeypatch.undo()
    assert len(backfill.to_parquet(tmp_path / "mail")) == 3


def test_files_that_differ_are_made_alike(tmp_path):
    """A new column is missing before it came, a text makes text of all, nothing else is lost."""
    day = pa.timestamp("us", "UTC")
    early = pa.table({"receipt_id": ["1"], "first_open": pa.array([0], day)})
    late = pa.table({"receipt_id": ["2"], "first_open": ["yesterday"], "first_beam": [7]})
    paths = [tmp_path / "early.parquet", tmp_path / "late.parquet"]
    for path, table in zip(paths, (early, late), strict=True):
        parquet.write_table(table.replace_schema_metadata({"job_identifier": path.stem}), path)
    files = (FolderStore(tmp_path), [path.name for path in paths], Workers())
    assert make_alike(*files) == ("first_open",)
    found = parquet.read_table(paths[0].parent).to_pylist()
    assert found == [
        {"receipt_id": "1", "first_open": "1970-01-01 00:00:00.000000Z", "first_beam": None},
        {"receipt_id": "2", "first_open": "yesterday", "first_beam": 7},
    ]
    assert facts_in(paths[0]) == {"job_identifier": "early"}
    assert make_alike(*files) == ()
