import hashlib
import json
import random
import stat
import subprocess
import sys
import textwrap
import threading

import pytest
from shares import windows_shares  # noqa: F401 - a fixture
from wire import Reply, WireServer, error, file

from intercom_export_widgets.errors import (
    AccessError,
    ConnectionFailedError,
    DownloadExpiredError,
    FileError,
    NotReadyError,
    RequestRefusedError,
    ServerFaultError,
    UnreadableAnswerError,
    WaitInterruptedError,
)
from intercom_export_widgets.intercom.client import IntercomClient
from intercom_export_widgets.intercom.credentials import Token
from intercom_export_widgets.intercom.models import Job, JobStatus

pytestmark = pytest.mark.usefixtures("windows_shares")

DATA = b"PK\x03\x04" + random.Random(4).randbytes(3_000_000)  # noqa: S311 - any bytes
JOB = Job("v5xsp8c19ji0s82", JobStatus.COMPLETED)
TAG = {"ETag": '"one"'}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "export.zip"


def left(path):
    """Return what a download has left in its folder."""
    return sorted(one.name for one in path.parent.iterdir())


def test_a_download_is_the_servers_bytes(play, path):
    """A download is the very bytes, with their size and checksum, and leaves nothing else."""
    server, client = play(file(DATA))
    found = client.download(JOB, path)
    assert path.read_bytes() == DATA
    assert (found.path, found.size) == (path, len(DATA))
    assert found.sha256 == hashlib.sha256(DATA).hexdigest()
    assert left(path) == ["export.zip"]
    assert server.requests[0].headers["accept"] == "application/octet-stream"
    assert server.requests[0].headers["accept-encoding"] == "identity"
    assert "range" not in server.requests[0].headers


@pytest.mark.parametrize("name", ["zip", "gzip", "br", "identity"])
def test_no_header_decides_what_the_bytes_are(play, path, name):
    """The raw bytes are kept, whatever Content-Encoding and Content-Type claim."""
    headers = {"Content-Encoding": name, "Content-Type": "text/html"}
    _, client = play(file(DATA, headers=headers))
    client.download(JOB, path)
    assert path.read_bytes() == DATA


@pytest.mark.parametrize("options", [{"chunked": True}, {"length": -1, "cut": len(DATA)}])
def test_a_length_is_not_needed(play, path, options):
    """Chunked bodies, and those that end with the connection, are whole as well."""
    totals = set()
    _, client = play(file(DATA, **options))
    client.download(JOB, path, progress=lambda _, total: totals.add(total))
    assert path.read_bytes() == DATA
    assert totals == {None}


def test_only_its_owner_can_read_it(play, path):
    """A downloaded file, and its part on the way, are readable by their owner only."""
    modes = []
    _, client = play(file(DATA, headers=TAG))

    def look(*_):
        modes.extend(stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir())

    client.download(JOB, path, progress=look)
    assert set(modes) == {0o600}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("headers", [TAG, {"Last-Modified": "Tue, 26 Jun 2018 08:00:00 GMT"}])
def test_a_broken_download_goes_on_where_it_broke(play, path, headers):
    """With a validator, only the rest is asked for, and the whole is the same bytes."""
    server, client = play(
        file(DATA, headers=headers, cut=1_000_000),
        file(DATA, headers=headers, cut=1_500_000),
        file(DATA, headers=headers),
    )
    found = client.download(JOB, path)
    assert path.read_bytes() == DATA
    assert found.sha256 == hashlib.sha256(DATA).hexdigest()
    assert [asked.headers.get("range") for asked in server.requests] == [
        None,
        "bytes=1000000-",
        "bytes=2500000-",
    ]
    assert server.requests[1].headers["if-range"] == next(iter(headers.values()))


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"weak"'}])
def test_without_a_validator_it_begins_anew(play, path, headers):
    """Without a strong validator nothing is put together from two answers."""
    server, client = play(file(DATA, headers=headers, cut=1_000_000), file(DATA, headers=headers))
    client.download(JOB, path)
    assert path.read_bytes() == DATA
    assert "range" not in server.requests[1].headers


def test_a_server_that_ignores_ranges(play, path):
    """All of the data in answer to a range replaces what was there."""
    steps = [file(DATA, headers=TAG, cut=2_000_000), file(DATA, headers=TAG, ranges=False)]
    _, client = play(*steps)
    client.download(JOB, path)
    assert path.read_bytes() == DATA


def test_data_that_changes_its_mind(play, path):
    """Other data, under another tag, is never put behind the beginning of the first."""
    other = DATA[::-1]
    _, client = play(
        file(DATA, headers=TAG, cut=1_000_000),
        file(other, headers={"ETag": '"two"'}),
        file(other, headers={"ETag": '"two"'}),
    )
    client.download(JOB, path)
    assert path.read_bytes() == other


@pytest.mark.parametrize(
    "part",
    [
        "bytes 0-3000003/3000004",
        "bytes 999999-3000003/3000004",
        "bytes 1000001-3000003/3000004",
        "bytes 1000000-3000003/9999999",
        "nonsense",
        "",
    ],
)
def test_another_part_than_was_asked_for(play, path, part):
    """A 206 that does not go on exactly where the file ends is thrown away."""
    _, client = play(
        file(DATA, headers=TAG, cut=1_000_000),
        Reply(206, b"?" * (len(DATA) - 1_000_000), {"Content-Range": part, **TAG}),
        file(DATA, headers=TAG),
    )
    client.download(JOB, path)
    assert path.read_bytes() == DATA


def test_a_part_that_was_not_asked_for(play, path):
    """A 206 in answer to no range is not taken for the whole."""
    part = Reply(206, DATA[5:], {"Content-Range": f"bytes 5-{len(DATA) - 1}/{len(DATA)}"})
    _, client = play(part, file(DATA))
    client.download(JOB, path)
    assert path.read_bytes() == DATA


def test_a_range_that_can_not_be_satisfied(play, path):
    """A 416 means that what is there is of no use: the download begins anew."""
    server, client = play(
        file(DATA, headers=TAG, cut=1_000_000), Reply(416), file(DATA, headers=TAG)
    )
    client.download(JOB, path)
    assert path.read_bytes() == DATA
    assert "range" not in server.requests[2].headers


@pytest.mark.parametrize(
    "lie",
    [
        {"length": len(DATA) + 5, "cut": len(DATA)},
        {"cut": 10},
        {"chunked": True, "cut": 1_000_000},
        {"reset": True, "cut": 1_000_000},
        {"silent": True},
    ],
)
def test_a_body_that_is_too_short_is_tried_again(play, path, clock, lie):
    """A body shorter than promised is never taken for the whole."""
    server, client = play(file(DATA, **lie), file(DATA))
    client.download(JOB, path)
    assert path.read_bytes() == DATA
    assert len(server.requests) == 2
    assert len(clock.pauses) == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, "<html>Sign in</html>", {"Content-Type": "text/html"}),
        Reply(200, "  \n<!doctype html>", {"Content-Type": "application/octet-stream"}),
        Reply(200, {"type": "error.list"}, {"Content-Type": "application/json"}),
        Reply(200, "<?xml version='1.0'?><Error/>"),
        Reply(200, b""),
        Reply(204),
        Reply(503, "<html>"),
        error(429, "rate_limit_exceeded", "Exceeded rate limit of 167 in 10_seconds"),
    ],
)
def test_a_page_in_place_of_the_data_is_not_data(play, path, reply):
    """A page or a message in place of the data is tried again, and spoils nothing."""
    server, client = play(file(DATA, headers=TAG, cut=1_000_000), reply, file(DATA, headers=TAG))
    client.download(JOB, path)
    assert path.read_bytes() == DATA
    if reply.body:
        assert server.requests[2].headers["range"] == "bytes=1000000-"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(200, "<html>", {"Content-Type": "text/html"}), UnreadableAnswerError),
        (Reply(503), ServerFaultError),
        (Reply(silent=True), ConnectionFailedError),
        (file(DATA, headers=TAG, cut=500), ConnectionFailedError),
        (Reply(200, b""), UnreadableAnswerError),
    ],
)
def test_a_download_is_given_up(play, path, clock, reply, kind):
    """A fault that stays is raised after five attempts, and no half file has the name."""
    server, client = play(reply)
    with pytest.raises(kind):
        client.download(JOB, path)
    assert len(server.requests) == 5
    assert len(clock.pauses) == 4
    assert not path.exists()


def test_headway_is_not_given_up(play, path):
    """A long download over a bad line may break as often as it likes, while it advances."""
    big = b"PK" + bytes(12_000_000)
    server, client = play(file(big, headers=TAG, cut=1_200_000))
    found = client.download(JOB, path)
    assert found.size == len(big)
    assert found.sha256 == hashlib.sha256(big).hexdigest()
    assert len(server.requests) > 9


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (error(404, "not_found", "Object not found."), DownloadExpiredError),
        (error(410, "gone", "Gone."), DownloadExpiredError),
        (error(401, "unauthorized", "Access Token Invalid"), AccessError),
        (error(403, "forbidden", "Not authorized to access resource"), AccessError),
        (error(406, "media_type_not_acceptable", "Not acceptable"), RequestRefusedError),
        (Reply(304), ServerFaultError),
    ],
)
def test_a_refusal_is_raised_at_once(play, path, clock, reply, kind):
    """What another try does not cure is raised at once, and named for what it is."""
    server, client = play(reply)
    with pytest.raises(kind):
        client.download(JOB, path)
    assert len(server.requests) == 1
    assert clock.pauses == []


def test_expired_data_leaves_no_part(play, path):
    """When the data is gone, the half of it that came before is removed."""
    _, client = play(file(DATA, headers=TAG, cut=1_000_000), error(404, "not_found", "gone"))
    with pytest.raises(DownloadExpiredError) as caught:
        client.download(JOB, path)
    assert caught.value.job_identifier == JOB.job_identifier
    assert left(path) == []


def test_a_job_that_has_not_ended_is_not_expired(play, path):
    """A 404 for a job that still runs means that its data is not there yet."""
    _, client = play(error(404, "not_found", "Object not found."))
    with pytest.raises(NotReadyError):
        client.download(Job("x", JobStatus.IN_PROGRESS), path)


def test_progress_rises_to_the_whole(play, path):
    """Progress is told now and then, with the total, and ends with all of the bytes."""
    told = []
    _, client = play(file(DATA))
    client.download(JOB, path, progress=lambda size, total: told.append((size, total)))
    sizes = [size for size, _ in told]
    assert sizes == sorted(sizes)
    assert told[-1] == (len(DATA), len(DATA))
    assert {total for _, total in told} == {len(DATA)}
    # The clock stands still, so that only the bytes count: every 256 KB, and the end.
    assert len(told) <= len(DATA) // (256 * 1024) + 2


def test_a_stop_keeps_what_came_and_the_next_call_goes_on(play, path):
    """A stopped download keeps its part, and another client goes on from there."""
    server, client = play(file(DATA, headers=TAG))
    seen = []
    with pytest.raises(WaitInterruptedError) as caught:
        client.download(
            JOB, path, progress=lambda size, _: seen.append(size), stop=lambda: seen[-1] > 1_000_000
        )
    assert caught.value.job_identifier == JOB.job_identifier
    assert left(path) == ["export.zip.part", "export.zip.part.json"]
    size = (path.parent / "export.zip.part").stat().st_size
    with IntercomClient(Token("token"), base_url=server.url) as later:
        found = later.download(JOB, path)
    assert server.requests[1].headers["range"] == f"bytes={size}-"
    assert path.read_bytes() == DATA
    assert found.sha256 == hashlib.sha256(DATA).hexdigest()
    assert left(path) == ["export.zip"]


@pytest.mark.parametrize(
    "note",
    [
        None,
        b"",
        b"{broken",
        b"[]",
        b'{"job_identifier": "another", "validator": "\\"one\\"", "total": 5}',
        b'{"job_identifier": "v5xsp8c19ji0s82", "validator": 5, "total": 5}',
        b'{"job_identifier": "v5xsp8c19ji0s82", "validator": "\\"one\\"", "total": "5"}',
    ],
)
def test_a_part_that_nothing_vouches_for_is_not_used(play, path, note):
    """A part without a note that fits it is begun anew."""
    path.parent.mkdir()
    (path.parent / "export.zip.part").write_bytes(b"of another job, another day")
    if note is not None:
        (path.parent / "export.zip.part.json").write_bytes(note)
    server, client = play(file(DATA, headers=TAG))
    client.download(JOB, path)
    assert path.read_bytes() == DATA
    assert "range" not in server.requests[0].headers


def test_what_the_caller_raises_passes(play, path):
    """An error of the caller's own progress function passes as it is, and keeps the part."""
    _, client = play(file(DATA, headers=TAG))

    def progress(*_):
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        client.download(JOB, path, progress=progress)
    assert "export.zip.part" in left(path)


def test_a_folder_that_can_not_be_written(play, tmp_path):
    """A disk that refuses is an error that says where, and nothing is asked."""
    (tmp_path / "file").write_text("in the way")
    server, client = play(file(DATA))
    with pytest.raises(FileError, match=r"x\.zip\.part can't be written"):
        client.download(JOB, tmp_path / "file" / "x.zip")
    (tmp_path / "x.zip.part").mkdir()
    with pytest.raises(FileError):
        client.download(JOB, tmp_path / "x.zip")
    assert server.requests == []


def test_a_name_that_is_taken_by_a_folder(play, tmp_path):
    """If the final name can't be given, what has been downloaded is kept."""
    (tmp_path / "x.zip" / "inside").mkdir(parents=True)
    _, client = play(file(DATA, headers=TAG))
    with pytest.raises(FileError):
        client.download(JOB, tmp_path / "x.zip")
    assert (tmp_path / "x.zip.part").read_bytes() == DATA


FULL_DISK = """
    import resource, signal, sys
    from pathlib import Path
    from intercom_export_widgets.errors import FileError
    from intercom_export_widgets.intercom.client import IntercomClient
    from intercom_export_widgets.intercom.credentials import Token
    from intercom_export_widgets.intercom.models import Job, JobStatus
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    client = IntercomClient(Token("token"), base_url=sys.argv[1])
    try:
        client.download(Job("v5xsp8c19ji0s82", JobStatus.COMPLETED), Path(sys.argv[2]))
    except FileError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
def test_a_disk_that_fills_up_keeps_what_it_holds(play, path):
    """A disk that fills up is an error in words, and the download goes on from there later."""
    server, client = play(file(DATA, headers=TAG))
    command = [sys.executable, "-c", textwrap.dedent(FULL_DISK), server.url, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "File too large" in done.stdout
    assert "is kept" in done.stdout
    assert (path.parent / "export.zip.part").stat().st_size == 1_000_000
    client.download(JOB, path)
    assert server.requests[1].headers["range"] == "bytes=1000000-"
    assert path.read_bytes() == DATA


def test_two_downloads_of_one_file_do_not_mix(play, path):
    """While one download writes a part, a second is refused and spoils nothing."""
    _, client = play(file(DATA, headers=TAG))
    refused = []

    def second(*_):
        if not refused:
            with pytest.raises(FileError, match="Another download") as caught:
                client.download(JOB, path)
            refused.append(caught.value)

    client.download(JOB, path, progress=second)
    assert refused
    assert path.read_bytes() == DATA


KILLED = """
    import os, sys
    from pathlib import Path
    from intercom_export_widgets.intercom.client import IntercomClient
    from intercom_export_widgets.intercom.credentials import Token
    from intercom_export_widgets.intercom.models import Job, JobStatus
    client = IntercomClient(Token("token"), base_url=sys.argv[1])
    client.download(
        Job("v5xsp8c19ji0s82", JobStatus.COMPLETED), Path(sys.argv[2]),
        progress=lambda size, _: size > int(sys.argv[3]) and os.kill(os.getpid(), 9),
    )
"""


@pytest.mark.kernel
@pytest.mark.parametrize("at", [0, 2_900_000])
def test_a_killed_download_is_taken_up(play, path, at):
    """A process that is killed in the middle leaves a part that the next one completes."""
    server, client = play(file(DATA, headers=TAG))
    command = [sys.executable, "-c", textwrap.dedent(KILLED), server.url, str(path), str(at)]
    assert subprocess.run(command, timeout=60, check=False).returncode == -9
    note = json.loads((path.parent / "export.zip.part.json").read_bytes())
    assert note == {
        "job_identifier": JOB.job_identifier,
        "validator": '"one"',
        "total": len(DATA),
    }
    client.download(JOB, path)
    assert server.requests[1].headers["range"].startswith("bytes=")
    assert path.read_bytes() == DATA


def test_a_random_line(play, path):
    """Whatever the line and the server do, what has the final name is the data."""
    generator = random.Random(7)  # noqa: S311 - picks examples
    faults = [
        lambda: file(DATA, headers=TAG, cut=generator.randrange(1, 2_000_000)),
        lambda: file(DATA, headers=TAG, cut=generator.randrange(1, 2_000_000), reset=True),
        lambda: file(DATA, headers=TAG, ranges=False, cut=2_000_000),
        lambda: Reply(503, "<html>"),
        lambda: Reply(200, "<html>"),
        lambda: lambda asked: Reply(416 if "range" in asked.headers else 500),
        lambda: Reply(silent=True),
    ]
    for turn in range(5):
        target = path.with_name(f"{turn}.zip")
        script = [generator.choice(faults)() for _ in range(4)]
        _, client = play(*script, file(DATA, headers=TAG))
        client.download(JOB, target)
        assert target.read_bytes() == DATA


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="measured in /proc")
def test_memory_does_not_grow_with_the_file(path):
    """Many megabytes go to the disk without being held, in a fresh process."""
    code = """
        import sys
        from pathlib import Path
        from intercom_export_widgets.intercom.client import IntercomClient
        from intercom_export_widgets.intercom.credentials import Token
        from intercom_export_widgets.intercom.models import Job, JobStatus
        client = IntercomClient(Token("token"), base_url=sys.argv[1])
        def peak():
            status = Path("/proc/self/status").read_text()
            return int(status.partition("VmHWM:")[2].split()[0])
        client.refresh("x")
        before = peak()
        client.download(Job("x", JobStatus.COMPLETED), Path(sys.argv[2]))
        print(peak() - before)
    """
    size = 30_000_000
    with WireServer(Reply(200, {"job_identifier": "x"}), Reply(200, b"P" * size)) as server:
        command = [sys.executable, "-c", textwrap.dedent(code), server.url, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert path.stat().st_size == size
    assert int(done.stdout) < 10_000


def test_downloads_side_by_side(play, path):
    """One client downloads several files at once, each into its own."""
    _, client = play(lambda asked: Reply(200, b"PK" + asked.path.encode() * 10_000))
    jobs = [Job(f"job{n}", JobStatus.COMPLETED) for n in range(6)]
    threads = [
        threading.Thread(target=client.download, args=(one, path.with_name(one.job_identifier)))
        for one in jobs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for one in jobs:
        whole = b"PK" + f"/download/content/data/{one.job_identifier}".encode() * 10_000
        assert path.with_name(one.job_identifier).read_bytes() == whole
