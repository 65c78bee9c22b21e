"""An archive that repeats the token: no traceback shows its bytes, with all locals or without."""

from __future__ import annotations

import contextlib
import gzip
import io
import traceback
import zipfile

import pytest
from conftest import TOKEN
from wire import Reply, file

from intercom_export_widgets import ExportSession, Limits
from intercom_export_widgets.errors import IntercomExportError
from intercom_export_widgets.intercom.models import Job, JobStatus

JOB = Job("v5xsp8c19ji0s82", JobStatus.COMPLETED)
ROWS = ("user_id,email,receipt_id\n" + f"1,{TOKEN},2\n" * 2000).encode()


def stored():
    """Return a ZIP whose bytes are readable, with a checksum that does not match."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("receipt_20260114-183225.csv", ROWS)
    return buffer.getvalue().replace(b",2\n", b",3\n", 1)


DAMAGED = {
    "ends in quotes": ROWS + b'"' + TOKEN.encode(),
    "JSON": b'{"token": "' + TOKEN.encode() + b'"}',
    "a page": b"<html>" + TOKEN.encode(),
    "semicolons": ROWS.replace(b",", b";"),
    "no text": b"\x00\x01" + ROWS,
    "a gzip cut short": gzip.compress(ROWS)[:-20],
    "a wrong checksum": stored(),
    "a record without measure": b"a,b\n" + b",".join([TOKEN.encode()] * 100_000) + b"\n",
}


def shown(error):
    """Return the tracebacks of an error and of all before it, with the locals of our frames."""
    texts = []
    while error is not None:
        step = error.__traceback__
        while step is not None and "/tests/" in step.tb_frame.f_code.co_filename:
            step = step.tb_next
        each = traceback.TracebackException(type(error), error, step, capture_locals=True)
        texts += each.format(chain=False)
        error = error.__cause__ or error.__context__
    return "".join(texts)


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_archive_does_not_show_its_bytes(tmp_path, data):
    """Whichever way an archive is read, the error has no block of it in its frames."""
    path = tmp_path / "x.zip"
    path.write_bytes(data)
    ways = (
        lambda session: session.load(path).receipts,
        lambda session: session.load(path).preview(),
        lambda session: session.load(path).to_parquet(tmp_path / "out"),
    )
    with ExportSession(TOKEN, folder=tmp_path / "f", ledger=tmp_path / "l") as session:
        for way in ways:
            with pytest.raises(IntercomExportError) as caught:
                way(session)
            assert TOKEN not in shown(caught.value)


def test_a_column_that_is_not_there_does_not_show_the_rows(tmp_path):
    """An error about what was asked for has no rows in its frames either."""
    path = tmp_path / "receipt_20260114-183225.csv"
    path.write_bytes(ROWS)
    with ExportSession(TOKEN, folder=tmp_path / "f", ledger=tmp_path / "l") as session:
        export = session.load(path)
        with pytest.raises(IntercomExportError) as caught:
            export.read("receipt", columns=["nope"])
    assert TOKEN not in shown(caught.value)


def test_a_name_in_an_archive_that_repeats_the_token_is_not_shown(tmp_path):
    """Unknown members are kept by their names, which the tables' description hides then."""
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("receipt_20260114-183225.csv", "receipt_id,email\n1,2\n")
        made.writestr(f"{TOKEN}.csv", "a,b\n1,2\n")
    with ExportSession(TOKEN, folder=tmp_path / "f", ledger=tmp_path / "l") as session:
        export = session.load(path)
        assert "receipt" in repr(export.tables)
        for ask in (lambda: export.read("receipt", columns=["nope"]), lambda: export.read("nope")):
            with pytest.raises(IntercomExportError) as caught:
                ask()
            assert TOKEN not in shown(caught.value)
            assert TOKEN not in repr(export.tables)


def refuse(*_):
    raise ValueError("mine")


BROKEN = {
    "stopped": (file(ROWS), {"stop": lambda: True}),
    "stalled": (file(ROWS, drip=100), {}),
    "cut": (file(ROWS, cut=10_000), {}),
    "endless": (Reply(200, ROWS, endless=True), {}),
    "the caller's own": (file(ROWS), {"progress": refuse}),
}


@pytest.mark.parametrize(("reply", "options"), BROKEN.values(), ids=BROKEN)
def test_a_download_that_ends_early_does_not_show_its_bytes(play, tmp_path, reply, options):
    """Whatever ends a download, no block of it stands in the frames of the error."""
    limits = Limits(stall=0.1, slowest=1e7, largest=1_000_000)
    _, client = play(reply, limits=limits)
    error = None
    with contextlib.suppress(IntercomExportError, ValueError):
        try:
            client.download(JOB, tmp_path / "x.zip", **options)
        except BaseException as caught:
            error = caught
            raise
    assert error is not None
    assert TOKEN not in shown(error)
