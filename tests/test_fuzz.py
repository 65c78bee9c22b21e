"""Anything at all into every parser: values or the documented errors come out."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import warnings
import zipfile

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from intercom_export_widgets.data.archive import Archive
from intercom_export_widgets.data.ingest import prove
from intercom_export_widgets.data.tables import Tables
from intercom_export_widgets.errors import (
    ArchiveError,
    FileError,
    InputError,
    IntercomExportError,
    SettingError,
    TimeframeError,
    UsageError,
)
from intercom_export_widgets.intercom.dateparse import read_observed
from intercom_export_widgets.intercom.hosts import check_base_url
from intercom_export_widgets.intercom.models import Job, JobStatus, quote_identifier
from intercom_export_widgets.intercom.partial_file import Partial, note_of
from intercom_export_widgets.intercom.timeframe import Timeframe
from intercom_export_widgets.jobs.files import Place
from intercom_export_widgets.notebook import conditions, usage

NOW = 1_700_000_000.0
calm = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

words = st.sampled_from(
    [*usage.VERBS, *usage.OPTIONS, "2018", "-o", "--", "-", "=", "'", '"', "\\", "--table=", "ID"]
)
lines = st.lists(st.one_of(words, st.text(max_size=8)), max_size=6).map(" ".join)


@given(lines)
def test_any_line_is_a_command_or_a_usage_error(line):
    """Whatever is typed behind the magic is understood, or refused in one sentence."""
    try:
        command = usage.parse(line)
    except UsageError as error:
        assert "\n" not in str(error)  # noqa: PT017 - the property is about either end
        return
    assert command.verb in {*usage.VERBS, "form", "export", "help"}
    assert set(command.options) <= {name.removeprefix("--") for name in usage.OPTIONS}
    with contextlib.suppress(InputError):
        conditions.check_table(command.value("table"))
        Timeframe.parse(" ".join(command.words), zone=command.value("zone") or "UTC", now=NOW)


@given(
    st.one_of(
        st.text(max_size=12),
        st.from_regex(r"[0-9]{1,5} ?d(ays?)?", fullmatch=True),
        st.dates(),
    ),
    st.dates(),
    st.sampled_from(["UTC", "Pacific/Apia", "Europe/Dublin", "no/zone"]),
)
def test_any_end_of_the_observation_is_read_or_refused(until, last, zone):
    """Whatever is meant to end the counting of opens is an instant, never past now."""
    with contextlib.suppress(TimeframeError):
        assert read_observed(until, last=last, zone=zone, now=NOW) <= NOW


@given(
    st.sampled_from(["", "http://", "https://", "HTTPS:", "//", "ftp://"]),
    st.text(max_size=20),
    st.sampled_from(["", "127.0.0.1", "localhost", "[::1]", "api.intercom.io", "@", "\\", "#"]),
    st.text(max_size=20),
)
def test_any_address_is_intercoms_or_this_machines_or_refused(scheme, before, host, after):
    """Nothing else than a host of Intercom's over TLS, or loopback, ever comes through."""
    try:
        plain = check_base_url(f"{scheme}{before}{host}{after}")
    except SettingError:
        return
    name = plain.partition("://")[2].partition("/")[0].rpartition(":")[0] or plain
    intercom = plain.startswith("https://") and ".intercom.io" in plain.split("/")[2]
    assert intercom or name.startswith(("127.", "localhost", "[", "http"))


@given(st.text(max_size=60))
def test_any_identifier_is_one_step_of_a_path_and_one_name_of_a_file(tmp_path_factory, text):
    """Whatever a server calls a job, it climbs out of no address and of no folder."""
    try:
        segment = quote_identifier(text)
    except InputError:
        return
    assert not set(segment) & set("/?#\\")
    assert segment not in {"", ".", ".."}
    folder = tmp_path_factory.getbasetemp()
    arrived = Place(folder, text, None, 1).arrived
    assert arrived.parent == folder
    assert arrived.name.isascii()
    assert len(arrived.name) < 200


def packed(kind):
    """Return a whole archive of a kind."""
    body = b"receipt_id,received_at,name\n" + b'"1",1527811200,"a, ""b""\nc"\n' * 3
    if kind == "csv":
        return body
    if kind == "gzip":
        return gzip.compress(body, mtime=0)
    whole = io.BytesIO()
    method = zipfile.ZIP_STORED if kind == "stored" else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(whole, "w", method) as archive:
        archive.writestr(zipfile.ZipInfo("receipt_20180701-000000.csv"), body, method)
        archive.writestr(
            zipfile.ZipInfo("open_20180701-000000.csv"), b"receipt_id,opened_at\n1,2\n"
        )
    return whole.getvalue()


edits = st.lists(
    st.tuples(st.integers(0, 2**16), st.integers(0, 12), st.binary(max_size=12)), max_size=4
)


@calm
@given(st.sampled_from(["csv", "gzip", "stored", "deflated"]), edits)
def test_a_damaged_archive_is_read_or_an_archive_error(tmp_path, kind, changes):
    """Bytes cut out of an archive, put in or changed: tables, or an error of ours."""
    data = packed(kind)
    for place, length, new in changes:
        at = place % (len(data) + 1)
        data = data[:at] + new + data[at + length :]
    path = tmp_path / "damaged"
    path.write_bytes(data)
    with contextlib.suppress(ArchiveError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive = Archive.open(path)
        rows = prove(archive)
        tables = Tables(archive, zone="UTC", window=None, attrs={})
        for name, count in rows.items():
            assert len(tables.read(name)) == count


records = st.lists(
    st.lists(
        st.one_of(
            st.text(max_size=6),
            st.sampled_from(["-1", "1527811200", "2018-06-01 00:00:00", "\0", '"', '""', "\ufeff"]),
        ),
        max_size=5,
    ).map(",".join),
    max_size=6,
).map("\n".join)


@calm
@example("receipt_id\n", "0\n,\n")  # a row of nothing but empty values is a row
@given(st.sampled_from(["receipt_id,received_at,first_open\n", "receipt_id\n", ""]), records)
def test_any_text_is_a_table_or_an_archive_error(tmp_path, head, body):
    """Any text behind a header is as many rows as were counted, or an error of ours."""
    path = tmp_path / "receipt.csv"
    path.write_bytes((head + body).encode("utf-8", "surrogatepass"))
    with contextlib.suppress(ArchiveError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive = Archive.open(path)
        rows = prove(archive)
        tables = Tables(archive, zone="UTC", window=None, attrs={})
        for name, count in rows.items():
            assert len(tables.read(name)) == count


@calm
@given(
    st.one_of(
        st.binary(max_size=60),
        st.fixed_dictionaries(
            {
                "job_identifier": st.sampled_from(["x", "y", None, 1]),
                "validator": st.one_of(st.none(), st.text(max_size=5), st.integers()),
                "total": st.one_of(st.none(), st.text(max_size=2), st.integers(), st.floats()),
            }
        ).map(lambda note: json.dumps(note).encode()),
    )
)
def test_any_note_beside_a_half_download_is_used_or_ignored(tmp_path, note):
    """A note that is damaged, or another job's, never vouches for what lies beside it."""
    path = tmp_path / "x.download"
    path.with_name("x.download.part").write_bytes(b"half")
    note_of(path).write_bytes(note)
    with Partial(path, "x") as partial:
        assert partial.size in {0, 4}
        if partial.size:
            assert json.loads(note)["job_identifier"] == "x"
            assert isinstance(partial.validator, str)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["job_identifier", "job_identfier", "status", "download_url"]),
                inner,
            )
        ),
        max_leaves=6,
    )
)
def test_any_value_is_a_job_or_the_documented_error(value):
    """Whatever JSON describes a job, its parts are of their types and can be shown."""
    try:
        found = Job.from_json(value)
    except IntercomExportError:
        return
    assert isinstance(found.status, JobStatus)
    assert found.status_text.isprintable()
    assert found.download_expires_at is None or isinstance(found.download_expires_at, int)


def test_a_folder_in_the_place_of_a_file_is_a_file_error(tmp_path):
    """What is no file at all is an error about the disk."""
    with pytest.raises(FileError):
        Archive.open(tmp_path)
