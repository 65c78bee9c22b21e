"""A gzip that holds a tar: read like a ZIP, with the same bounds."""

from __future__ import annotations

import gzip
import io
import random
import tarfile
import tracemalloc

import pytest
from test_passing import passed_by

from intercom_export_widgets.data.archive import MEMBERS_AT_MOST, Archive
from intercom_export_widgets.data.ingest import prove
from intercom_export_widgets.data.tables import read_table
from intercom_export_widgets.data.tar import tar_entries
from intercom_export_widgets.errors import ArchiveDamagedError, ArchiveError
from intercom_export_widgets.sandbox.archive_writer import write_archive
from intercom_export_widgets.sandbox.data_generator import Workspace
from intercom_export_widgets.sandbox.options import Switches

DAY = 86_400
FIRST = 17_683 * DAY
MEMBERS = {
    "receipt_20260114-183225.csv": b"receipt_id,received_at\n1,1527811200\n2,1527811201\n",
    "open_20260114-183225.csv": b"receipt_id,opened_at\n1,1527811300\n",
    "dump.csv": b"receipt_id,clicked_at\n1,1527811300\n",
}
FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def tarred(members, form=tarfile.PAX_FORMAT):
    """Return a tar of files, name to bytes; a `tarfile.TarInfo` in place of bytes has none."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for name, data in members.items():
            info = data if isinstance(data, tarfile.TarInfo) else tarfile.TarInfo(name)
            if data is not info:
                info.size = len(data)
            tar.addfile(info, io.BytesIO(data) if data is not info else None)
    return buffer.getvalue()


def header(kind, size, name="x"):
    """Return the header of a member of a kind, which claims a size."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def pax(**values):
    """Return an extended header with these values."""
    records = b""
    for key, value in values.items():
        rest = f" {key}={value}\n".encode()
        length = len(rest) + 1
        while len(str(length)) + len(rest) != length:
            length = len(str(length)) + len(rest)
        records += str(length).encode() + rest
    return header(tarfile.XHDTYPE, len(records)) + records + bytes(-len(records) % 512)


@pytest.fixture
def opened(tmp_path):
    """Return what opens bytes as an archive on disk, under a name that says nothing."""

    def opened(data):
        path = tmp_path / "download"
        path.write_bytes(data)
        return Archive.open(path)

    return opened


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize(
    ("pack", "suffix"), [(gzip.compress, ".tar.gz"), (bytes, ".tar")], ids=["gzip", "plain"]
)
def test_a_tar_is_read_like_a_zip(opened, form, pack, suffix):
    """Its groups, rows and values are those of its members, in every format of tars."""
    archive = opened(pack(tarred(MEMBERS, form)))
    assert (archive.kind, archive.suffix) == ("tar", suffix)
    assert prove(archive) == {"receipt": 2, "open": 1, "click": 1}
    for member, data in zip(archive.members, MEMBERS.values(), strict=True):
        assert b"".join(archive.blocks(member)) == data
        assert member.size == len(data)
    assert read_table(archive, "receipt")["receipt_id"].tolist() == ["1", "2"]


def test_the_sandbox_makes_what_its_zip_holds(tmp_path):
    """The switch gives the same rows as the ZIP, from the disk and while they arrive."""
    found = {}
    for container in ("zip", "tar.gz"):
        written = write_archive(
            tmp_path,
            container,
            Workspace(1, rows_per_day=300),
            after=FIRST,
            before=FIRST + 2 * DAY - 1,
            until=FIRST + 6 * DAY,
            switches=Switches(container=container),
        )
        assert written.path.name.endswith(container)
        archive = Archive.open(written.path)
        found[container] = prove(archive), read_table(archive, "receipt")
    assert found["zip"][0] == found["tar.gz"][0]
    assert found["zip"][1].equals(found["tar.gz"][1])
    path = tmp_path / "download"
    passed, cache = passed_by(written.path.read_bytes(), path)
    assert passed.keep(Archive.open(path), cache) == found["zip"][0]


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=["gnu", "pax"])
def test_long_names_and_other_members(opened, form):
    """Long names are read; a README and a link are listed, folders and a Mac's extras are not."""
    link, folder = tarfile.TarInfo("link.csv"), tarfile.TarInfo("exports")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    folder.type = tarfile.DIRTYPE
    long = "exports/" + "ü" * 120 + "/receipt_20260114-183225.csv"
    members = {
        "exports": folder,
        long: MEMBERS["receipt_20260114-183225.csv"],
        "link.csv": link,
        "README.txt": b"hello",
        "__MACOSX/._receipt.csv": b"\0\1",
    }
    archive = opened(gzip.compress(tarred(members, form)))
    assert [member.name for member in archive.members] == [long]
    assert archive.ignored == ("link.csv", "README.txt")
    assert prove(archive) == {"receipt": 2}


def test_a_tar_of_no_members_has_no_groups(opened):
    """A tar of nothing is an export of no rows; one of other files is none."""
    assert prove(opened(gzip.compress(tarred({})))) == {}
    with pytest.raises(ArchiveError, match=r"no CSV, only README\.txt"):
        opened(gzip.compress(tarred({"README.txt": b"hello"})))


def test_truncation_is_found_anywhere(tmp_path):
    """Cut short anywhere, a tar.gz is damaged when opened."""
    path, packed = tmp_path / "download", gzip.compress(tarred(MEMBERS))
    for length in range(2, len(packed)):
        path.write_bytes(packed[:length])
        with pytest.raises(ArchiveDamagedError):
            Archive.open(path)


def test_random_damage_never_passes(tmp_path):
    """Whatever byte is changed, the content is right or the archive is an error of ours."""
    dice = random.Random(7)  # noqa: S311 - dice, no secret
    path, packed = tmp_path / "download", gzip.compress(tarred(MEMBERS))
    for _ in range(300):
        damaged = bytearray(packed)
        damaged[dice.randrange(len(packed))] ^= 1 << dice.randrange(8)
        path.write_bytes(damaged)
        try:
            archive = Archive.open(path)
        except ArchiveError:
            continue
        found = [b"".join(archive.blocks(member)) for member in archive.members]
        assert found == list(MEMBERS.values())


def test_damage_of_a_plain_tar_is_an_error_of_ours(tmp_path):
    """Any byte of a header may be anything: an archive, or an error of this package."""
    dice = random.Random(7)  # noqa: S311 - dice, no secret
    path, whole = tmp_path / "download", tarred(MEMBERS)
    for _ in range(100):
        damaged = bytearray(whole)
        damaged[dice.randrange(512, len(whole))] = dice.randrange(256)
        path.write_bytes(damaged)
        try:
            prove(Archive.open(path))
        except ArchiveError:
            continue


def test_data_after_the_end_is_damage(opened):
    """A second tar behind the first would be lost: it is refused."""
    with pytest.raises(ArchiveDamagedError, match="after its end"):
        opened(gzip.compress(tarred(MEMBERS) + tarred(MEMBERS)))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (header(tarfile.XHDTYPE, 1 << 40), "longer header"),
        (header(tarfile.XGLTYPE, 1 << 40), "longer header"),
        (header(tarfile.GNUTYPE_LONGNAME, 1 << 40), "longer header"),
        (header(tarfile.GNUTYPE_LONGLINK, 1 << 40), "longer header"),
        (header(tarfile.GNUTYPE_SPARSE, 0), "sparse"),
        (pax(**{"GNU.sparse.major": "1"}), "sparse"),
        (pax(path="a" * 5_000) + header(tarfile.REGTYPE, 0), "longer name"),
        (pax(size="-1"), "not valid"),
        (pax(size="9" * 5_000), "not valid"),
        (header(tarfile.XHDTYPE, 4) + b"9999" + bytes(508), "not valid"),
        (header(tarfile.REGTYPE, -1), "not valid"),
        (header(tarfile.REGTYPE, 1 << 40), "cut short"),
        (
            b"".join(header(tarfile.REGTYPE, 0, f"{n}.txt") for n in range(MEMBERS_AT_MOST + 1)),
            "more members",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_headers_made_to_overwhelm_are_refused(opened, data, said):
    """What a header claims takes no memory, and too much of it is refused in a sentence."""
    with pytest.raises(ArchiveError, match=said):
        opened(gzip.compress(data + bytes(1024)))


def test_extended_headers_that_come_again_and_again_are_forgotten():
    """Any number of extended headers before a member takes the memory of one."""

    def chunks():
        for number in range(300):
            yield pax(**{f"comment{number}": "x" * 10_000, "path": f"{number}.csv"})
        yield header(tarfile.REGTYPE, 0) + bytes(1024)

    tracemalloc.start()
    assert [entry.name for entry in tar_entries(chunks())] == ["299.csv"]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 300_000


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: data], ids=["gzip", "plain"])
def test_a_member_that_is_an_archive_is_refused(opened, pack):
    """A gzip in a tar is no CSV, and one sentence says so."""
    name = "receipt_20260114-183225.csv.gz"
    packed = {name: gzip.compress(MEMBERS["receipt_20260114-183225.csv"])}
    with pytest.raises(ArchiveError, match="archive in an archive"):
        prove(opened(pack(tarred(packed))))
