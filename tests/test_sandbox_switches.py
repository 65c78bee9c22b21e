import csv
import gzip
import io
import zipfile
from dataclasses import fields
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from sandbox_talk import JUNE, START, Talk, fault, tables

from intercom_export_widgets.sandbox import Fault, Switches
from intercom_export_widgets.sandbox.options import CHOICES


@pytest.fixture
def talk():
    with Talk() as talk:
        yield talk


def rows(text):
    return list(csv.DictReader(io.StringIO(text.decode(), newline="")))


def test_a_zip_holds_one_csv_per_group(talk):
    """By default the data is a ZIP of deflated CSVs, named as in production."""
    archive = talk.raw(talk.export())
    assert archive.startswith(b"PK\x03\x04")
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        assert file.testzip() is None
        assert file.namelist()[0] == "receipt_20260114-183225.csv"
        assert {info.compress_type for info in file.infolist()} == {zipfile.ZIP_DEFLATED}
        assert not any(info.flag_bits & 8 for info in file.infolist())


@pytest.mark.parametrize("container", ["zip-streamed", "zip-stored"])
def test_other_zips_hold_the_same(talk, container):
    """A streamed and a stored ZIP hold byte for byte the same members."""
    usual = talk.raw(talk.export())
    talk.sandbox.switch(container=container)
    other = talk.raw(talk.export())
    with zipfile.ZipFile(io.BytesIO(usual)) as one, zipfile.ZipFile(io.BytesIO(other)) as two:
        assert two.testzip() is None
        contents = [[file.read(name) for name in file.namelist()] for file in (one, two)]
        assert contents[0] == contents[1]
        assert all(info.flag_bits & 8 for info in two.infolist()) == (container == "zip-streamed")
        stored = {info.compress_type for info in two.infolist()} == {zipfile.ZIP_STORED}
        assert stored == (container == "zip-stored")


def test_sizes_of_a_streamed_zip_come_after_the_data(talk):
    """The local headers of a streamed ZIP say nothing of sizes and checksums."""
    talk.sandbox.switch(container="zip-streamed")
    archive = talk.raw(talk.export())
    assert archive[14:26] == bytes(12)
    assert archive.count(b"PK\x07\x08") == archive.count(b"PK\x03\x04") > 10


def test_gzip_and_csv_are_the_receipts_alone(talk):
    """A gzip and a plain CSV hold the receipts of the ZIP, and the gzip its name."""
    usual = tables(talk.raw(talk.export()))["receipt"]
    talk.sandbox.switch(container="gzip")
    packed = talk.raw(talk.export())
    assert b"receipt_20260114-1832" in packed[:60]
    assert rows(gzip.decompress(packed)) == usual
    talk.sandbox.switch(container="csv")
    assert rows(talk.raw(talk.export())) == usual


@pytest.mark.parametrize(
    ("container", "headers"),
    [
        ("zip", {"auto": "zip", "none": None, "gzip": "gzip"}),
        ("gzip", {"auto": "gzip", "zip": "zip"}),
        ("tar.gz", {"auto": "gzip"}),
        ("csv", {"auto": None}),
    ],
)
def test_the_encoding_header_says_what_it_is_told_to(talk, container, headers):
    """Content-Encoding goes by the container, or is whatever the switch says, lies included."""
    talk.sandbox.switch(container=container)
    for switch, header in headers.items():
        talk.sandbox.switch(content_encoding=switch)
        address = f"/download/content/data/{talk.export()}"
        asked = {"Accept": "application/octet-stream"}
        with talk.http.stream("GET", address, headers=asked) as answer:
            assert answer.headers.get("content-encoding") == header
            assert answer.headers["content-type"] == "application/octet-stream"
            body = b"".join(answer.iter_raw())
        assert int(answer.headers["content-length"]) == len(body)


def test_members_may_be_named_as_documented(talk):
    """Plural names are those of the documentation's pages."""
    talk.sandbox.switch(member_names="plural")
    with zipfile.ZipFile(io.BytesIO(talk.raw(talk.export()))) as file:
        names = file.namelist()
    assert "receipts_20260114_183225.csv" in names
    assert "replies_20260114_183225.csv" in names
    assert "hard_bounces_20260114_183225.csv" in names


def test_novelties_add_a_column_and_a_group(talk):
    """What nobody documented is one more column at the end, and one more member."""
    talk.sandbox.switch(novelties=True)
    found = talk.tables()
    assert list(found["receipt"][0])[-1] == "first_hologram_view"
    assert found["hologram_view"]


def test_receipts_may_be_left_out(talk):
    """An archive without the receipts still has the other groups, and is completed."""
    talk.sandbox.switch(receipt_left_out=True)
    found = talk.tables()
    assert "receipt" not in found
    assert found["open"]


AUTUMN = {"created_at_after": 1541116800, "created_at_before": 1541419199}
"""2018-11-02 until 11-05 at noon, UTC: summer time ends in St John's."""


@pytest.fixture(scope="module")
def plain():
    """Autumn's receipts, with Unix seconds."""
    with Talk() as talk:
        return talk.tables(AUTUMN)["receipt"]


@pytest.mark.parametrize(
    ("form", "pattern", "zone"),
    [
        ("iso", "%Y-%m-%dT%H:%M:%SZ", "Asia/Kolkata"),
        ("utc", "%Y-%m-%d %H:%M:%S UTC", "America/St_Johns"),
        ("naive", "%Y-%m-%d %H:%M:%S", "Asia/Kolkata"),
        ("naive", "%Y-%m-%d %H:%M:%S", "America/St_Johns"),
        ("offset", "%Y-%m-%d %H:%M:%S %z", "Asia/Kolkata"),
        ("offset", "%Y-%m-%d %H:%M:%S %z", "America/St_Johns"),
    ],
)
def test_timestamps_of_every_form_are_the_same_instants(talk, plain, form, pattern, zone):
    """Text says the same instants as Unix seconds, in the workspace's zone where it is naive."""
    talk.sandbox.switch(timestamps=form, timezone=zone)
    written = talk.tables(AUTUMN)["receipt"]
    where = ZoneInfo(zone if form == "naive" else "UTC")
    names = [name for name in plain[0] if name.startswith("first_") or name == "received_at"]
    compared = 0
    for before, after in zip(plain, written, strict=True):
        for name in names:
            assert bool(before[name]) == bool(after[name])
            if before[name]:
                moment = datetime.strptime(after[name], pattern)  # noqa: DTZ007 - naive is a case
                seconds = int(before[name])
                local = datetime.fromtimestamp(seconds, where)
                expected = local if form == "offset" else local.replace(tzinfo=None)
                assert moment == expected
                compared += 1
    assert compared > 80


def test_the_server_may_round_to_whole_days(talk):
    """With rounding, midnight of the last day means all of it; exactly, one second of it."""
    body = {"created_at_after": 1527811200 + 3600, "created_at_before": 1527811200 + 2 * 86400}
    exact = [int(row["received_at"]) for row in talk.tables(body)["receipt"]]
    assert min(exact) >= body["created_at_after"]
    assert max(exact) <= body["created_at_before"]
    talk.sandbox.switch(rounding="days")
    whole = [int(row["received_at"]) for row in talk.tables(body)["receipt"]]
    assert max(whole) > body["created_at_before"] + 40_000
    assert len(whole) > len(exact)


def test_the_key_may_be_misspelt(talk):
    """Create, show and cancel then all say ``job_identfier``."""
    talk.sandbox.switch(misspelt_key=True)
    job = talk.create().json()["job_identfier"]
    assert talk.show(job).json()["job_identfier"] == job
    assert "job_identifier" not in talk.cancel(job).json()


def test_status_words_can_be_any(talk):
    """Other spellings, and words that nobody knows, come as they are switched."""
    words = {
        "pending_word": "queued",
        "in_progress_word": "in-progress",
        "completed_word": "complete",
        "canceled_word": "cancelled",
    }
    talk.sandbox.switch(**words)
    created = talk.create().json()
    assert created["status"] == "queued"
    talk.clock.move(2)
    assert talk.show(created["job_identifier"]).json()["status"] == "in-progress"
    assert talk.cancel(created["job_identifier"]).json()["status"] == "cancelled"
    shown = talk.show(talk.export()).json()
    assert shown["status"] == "complete"
    assert shown["download_url"]


def test_the_lock_may_have_another_code(talk):
    """The code of the lock's 429 varies; its sentence does not."""
    talk.sandbox.switch(lock_code="job_limit")
    talk.create()
    message = "Exceeded rate limit of 1 pending message data export jobs"
    assert fault(talk.create()) == (429, "job_limit", message)


def test_data_may_live_a_week_from_creation(talk):
    """The 2.17 reading: a week after creation."""
    talk.sandbox.switch(expiry="one-week")
    shown = talk.show(talk.export()).json()
    assert shown["download_expires_at"] == str(START + 7 * 86400)


def test_the_accept_header_may_be_mandatory(talk):
    """406 comes when the rule is not met, and is worded as an error list."""
    job = talk.export()
    for rule, accept, status in (
        ("octet-stream", "application/octet-stream", 200),
        ("octet-stream", "text/html, application/octet-stream;q=0.5", 200),
        ("octet-stream", "*/*", 406),
        ("octet-stream", "application/json", 406),
        ("matching", "*/*", 200),
        ("matching", "application/json", 406),
        ("anything", "application/json", 200),
    ):
        talk.sandbox.switch(accept=rule)
        answer = talk.download(job, Accept=accept)
        assert answer.status_code == status, (rule, accept)
        if status == 406:
            assert fault(answer)[1] == "media_type_not_acceptable"


def test_a_version_may_be_required(talk):
    """Switched on, a request that names no version gets 400."""
    talk.sandbox.switch(version_required=True)
    del talk.http.headers["Intercom-Version"]
    assert fault(talk.create())[:2] == (400, "intercom_version_invalid")
    assert talk.create(headers={"Intercom-Version": "2.14"}).status_code == 200


def test_errors_may_have_no_request_id(talk):
    """The request_id is text, null or absent."""
    assert isinstance(talk.show("x").json()["request_id"], str)
    talk.sandbox.switch(request_id="null")
    assert talk.show("x").json()["request_id"] is None
    talk.sandbox.switch(request_id="absent")
    assert "request_id" not in talk.show("x").json()


def test_a_download_can_be_resumed(talk):
    """With the ETag, the second half of a download is the second half of the first."""
    job = talk.export()
    whole = talk.download(job)
    size, tag = len(whole.content), whole.headers["etag"]
    part = talk.download(job, Range=f"bytes={size // 2}-", **{"If-Range": tag})
    assert part.status_code == 206
    assert part.headers["content-range"] == f"bytes {size // 2}-{size - 1}/{size}"
    assert part.content == whole.content[size // 2 :]
    assert talk.download(job, Range="bytes=-5").content == whole.content[-5:]
    assert talk.download(job, Range="bytes=2-4").content == whole.content[2:5]
    assert talk.download(job, Range=f"bytes=0-{size * 9}").content == whole.content


def test_a_range_that_makes_no_sense_is_ignored(talk):
    """An invalid Range gets the whole with 200."""
    job = talk.export()
    whole = talk.download(job).content
    senseless = ["bytes=5-2", "lines=1-2", "bytes=", "bytes=1-2,4-5", "bytes=-"]
    for asked in [*senseless, f"bytes={'9' * 5000}-"]:
        answer = talk.download(job, Range=asked)
        assert answer.status_code == 200, asked
        assert answer.content == whole, asked


def test_a_range_beyond_the_end_is_refused(talk):
    """416 says how long the whole is."""
    job = talk.export()
    size = len(talk.download(job).content)
    answer = talk.download(job, Range=f"bytes={size}-")
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{size}"


def test_ranges_may_be_ignored(talk):
    """A server that ignores Range, or whose validator is another, sends all of it."""
    job = talk.export()
    assert talk.download(job, Range="bytes=5-", **{"If-Range": '"other"'}).status_code == 200
    talk.sandbox.switch(ranges=False)
    answer = talk.download(job, Range="bytes=5-")
    assert answer.status_code == 200
    assert "accept-ranges" not in answer.headers
    assert "etag" in answer.headers
    talk.sandbox.switch(etag=False)
    assert "etag" not in talk.download(job).headers


@pytest.mark.parametrize(("where", "host"), [("same", "127.0.0.1"), ("elsewhere", "localhost")])
def test_a_download_may_redirect(talk, where, host):
    """A redirect leads to signed storage, here or at another origin, that wants no token."""
    talk.sandbox.switch(redirect=where)
    job = talk.export()
    answer = talk.download(job)
    assert answer.status_code == 302
    address = answer.headers["location"]
    assert address.startswith(f"http://{host}:")
    del talk.http.headers["Authorization"]
    there = talk.http.get(address)
    assert there.status_code == 200
    assert there.content.startswith(b"PK")
    seen = talk.sandbox.requests[-1]
    assert (seen.call, seen.authorized) == ("storage", False)
    assert seen.host.startswith(host)
    assert talk.http.get(address + "x").status_code == 404


def test_the_download_url_may_lead_elsewhere(talk):
    """The job's ``download_url`` is the API's, another origin's, or empty."""
    job = talk.export()
    assert talk.show(job).json()["download_url"].startswith(talk.sandbox.base_url)
    talk.sandbox.switch(download_url="elsewhere")
    address = talk.show(job).json()["download_url"]
    assert address.startswith("http://localhost:")
    assert talk.http.get(address).status_code == 200
    talk.sandbox.switch(download_url="empty")
    assert talk.show(job).json()["download_url"] == ""


def test_the_shape_of_an_archive_is_settled_when_its_job_is_created(talk):
    """Switching while a job runs does not change what it writes."""
    job = talk.create().json()["job_identifier"]
    talk.sandbox.switch(container="csv")
    talk.clock.move(3)
    assert talk.raw(job).startswith(b"PK")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"contaner": "zip"}, "Did you mean container"),
        ({"container": "rar"}, "it is one of zip"),
        ({"throttle": -1}, "can't happen -1 times"),
        ({"throttle": "2@fetch"}, "is no call"),
        ({"throttle": "often"}, "is no fault"),
        ({"timezone": "Mars/Olympus"}, "no time zone"),
        ({"timezone": "../../etc/passwd"}, "no time zone"),
        ({"server_status": 404}, "server_status is"),
        ({"etag": "no"}, "true or false"),
        ({"rate_limit": -1}, "a number from 0 on"),
        ({"lock_code": None}, "is a word"),
    ],
)
def test_a_wrong_switch_is_refused(changes, said):
    """A switch or value that nothing answers to raises ValueError with a sentence."""
    with pytest.raises(ValueError, match=said):
        Switches().changed(**changes)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("container=gzip", "container", "gzip"),
        ("lost-answer=1", "lost_answer", Fault(1, "create")),
        ("throttle=2@show", "throttle", Fault(2, "show")),
        ("novelties=yes", "novelties", True),
        ("etag=off", "etag", False),
        ("rate_limit=5", "rate_limit", 5),
    ],
)
def test_switches_are_read_from_text(text, name, value):
    """``name=value`` is what a command line says."""
    assert getattr(Switches().parsed(text), name) == value


@pytest.mark.parametrize("text", ["container", "etag=perhaps", "rate_limit=few", "no=1"])
def test_wrong_text_is_refused(text):
    """What can't be read raises ValueError."""
    with pytest.raises(ValueError, match=r"switch|true or false|number"):
        Switches().parsed(text)


def test_every_switch_is_documented():
    """The docstring names every field, and every choice of words is a default's."""
    said = Switches.__doc__
    for field in fields(Switches):
        assert field.name in said
    for name, words in CHOICES.items():
        assert getattr(Switches(), name) == words[0] or getattr(Switches(), name) in words


def test_june_is_what_it_should_be():
    """The tests' June is the documentation's, with the last second of its last day."""
    june = [datetime.fromtimestamp(second, ZoneInfo("UTC")) for second in JUNE.values()]
    assert [f"{day:%F %T}" for day in june] == ["2018-06-01 00:00:00", "2018-06-30 23:59:59"]
