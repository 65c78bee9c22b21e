"""Archives: what their bytes are, what they hold, and how damage is found."""

from __future__ import annotations

import gzip
import io
import json
import random
import struct
import zipfile
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shares import windows_shares  # noqa: F401 - a fixture

from intercom_export_widgets.data.archive import Archive
from intercom_export_widgets.data.ingest import prove
from intercom_export_widgets.data.sniff import group_of
from intercom_export_widgets.errors import ArchiveDamagedError, ArchiveError, FileError

pytestmark = pytest.mark.usefixtures("windows_shares")

RECEIPTS = b"receipt_id,received_at\n1,1527811200\n2,1527811201\n"
OPENS = b'receipt_id,opened_at\n1,1527811300\n1,"1527811400"\n2,1527811500\n'
NAME = "receipt_20260114-183225.csv"


def zipped(members, method=zipfile.ZIP_DEFLATED):
    """Return a ZIP of ``members``, name to bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def streamed(members):
    """Return a ZIP as a server writes it that can't seek: sizes come after the data."""

    class Pipe(io.RawIOBase):
        def __init__(self):
            self.data = bytearray()

        def writable(self):
            return True

        def write(self, data):
            self.data += data
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return bytes(pipe.data)


@pytest.fixture
def opened(tmp_path):
    """Return what opens bytes as an archive on disk, under a name that says nothing."""

    def opened(data, name="download"):
        path = tmp_path / name
        path.write_bytes(data)
        return Archive.open(path)

    return opened


def content(archive, member=0, **options):
    return b"".join(archive.blocks(archive.members[member], **options))


MEMBERS = {NAME: RECEIPTS, "open_20260114-183225.csv": OPENS}


@pytest.mark.parametrize(
    ("data", "kind", "suffix"),
    [
        (zipped(MEMBERS), "zip", ".zip"),
        (zipped(MEMBERS, zipfile.ZIP_STORED), "zip", ".zip"),
        (streamed(MEMBERS), "zip", ".zip"),
        (gzip.compress(RECEIPTS), "gzip", ".csv.gz"),
        (RECEIPTS, "csv", ".csv"),
    ],
    ids=["deflated", "stored", "streamed", "gzip", "csv"],
)
def test_container_is_told_by_bytes(opened, data, kind, suffix):
    """Every container is known by its bytes alone, and holds the same receipts."""
    archive = opened(data)
    assert (archive.kind, archive.suffix) == (kind, suffix)
    assert content(archive) == RECEIPTS
    assert prove(archive)["receipt"] == 2


def test_groups_keep_order_and_parts(opened):
    """Parts of a group are kept together, groups in the order of their first member."""
    members = {
        "open_20260114-183225_2.csv": OPENS,
        "exports/receipts_20260114_183225.csv": RECEIPTS,
        "open_20260114-183225-part-001.csv": OPENS,
        "brand_new_20260114-183225.csv": b"a,b\n1,2\n",
    }
    archive = opened(zipped(members))
    assert list(archive.groups) == ["open", "receipt", "brand_new"]
    assert [len(parts) for parts in archive.groups.values()] == [2, 1, 1]
    assert prove(archive) == {"open": 6, "receipt": 2, "brand_new": 1}


@pytest.mark.parametrize(
    ("name", "header", "group"),
    [
        ("receipt_20260114-183225.csv", None, "receipt"),
        ("receipts_20260114_183225.csv", None, "receipt"),
        ("receipt_20260114-183225_2.csv", None, "receipt"),
        ("receipt_20260114-183225-part-001.csv", None, "receipt"),
        ("folder/goal_successes_20260114_183225.csv", None, "goal_success"),
        ("..\\..\\replies_20260114_183225.csv", None, "reply"),
        ("series_completions_20260114_183225.csv", None, "series_completion"),
        ("hologram_20260114-183225.csv", None, "hologram"),
        ("Receipts.csv", None, "receipt"),
        ("v5xsp8c19ji0s82.csv.gz", None, None),
        ("v5xsp8c19ji0s82.csv.gz", ["receipt_id", "name", "received_at"], "receipt"),
        ("download", ["receipt_id", "completed_at"], "completion"),
        (
            "download",
            ["receipt_id", "completed_at", "completion_node_ruleset_id"],
            "series_completion",
        ),
        ("people.csv", ["a", "b"], "people"),
    ],
)
def test_group_is_told_by_name_or_header(name, header, group):
    """A member's group comes from its name, else from its columns, else is its bare name."""
    assert group_of(name, header) == group


def test_gzip_name_tells_the_group(opened):
    """The name inside a gzip's header counts, not that of the file on disk."""
    buffer = io.BytesIO()
    with gzip.GzipFile("open_20260114-183225.csv", "wb", fileobj=buffer) as file:
        file.write(OPENS)
    assert list(opened(buffer.getvalue()).groups) == ["open"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["csv", "gzip"])
@pytest.mark.parametrize(
    "name",
    [
        "intercom_2018-06-01_2018-06-30_20180601123456.csv",
        "intercom_2018-06-01_2018-06-30_job_20180601-123456.csv.gz",
        "hologram_20180601-123456.csv",
        "opens.csv",
        "overview_20180601-123456.csv",
    ],
)
def test_header_counts_more_than_the_name_of_a_file(opened, name, pack):
    """Outside a ZIP the columns tell the group, whatever the file on disk is called."""
    archive = opened(pack(RECEIPTS), name)
    assert prove(archive) == {"receipt": 2}


def test_name_of_a_file_tells_what_columns_do_not(opened):
    """Where the columns tell no group, or fit that of the name too, the name of a file does."""
    combined = b"receipt_id,user_id,completed_at\n1,2,1527811200\n"
    assert list(opened(combined, "answer_combined_20260114-183225.csv").groups) == [
        "answer_combined"
    ]
    assert list(opened(combined, "v5xsp8c19ji0s82.csv").groups) == ["completion"]
    assert list(opened(b"title,sent_total\nA,1\n", "overviews.csv").groups) == ["overview"]
    assert list(opened(b"a,b\n1,2\n", "hologram_20260114-183225.csv").groups) == ["hologram"]


def test_name_in_a_zip_tells_a_new_group(opened):
    """A group that nobody knows yet keeps its name though its columns fit a known one."""
    members = {"hologram_view_20260114-183225.csv": b"receipt_id,viewed_at,step_id\n1,2,3\n"}
    assert prove(opened(zipped(members))) == {"hologram_view": 1}


@pytest.mark.parametrize(
    ("delimiter", "said"), [(b";", "semicolons"), (b"\t", "tabs"), (b"|", "vertical bars")]
)
@pytest.mark.parametrize(
    "pack",
    [bytes, gzip.compress, lambda data: zipped({NAME: data})],
    ids=["csv", "gzip", "zip"],
)
def test_other_delimiter_is_an_error(opened, delimiter, said, pack):
    """Data that anything but commas separates is refused by name, never an empty table."""
    for data in (RECEIPTS, b'"Hello, you",receipt_id\na,1\n'):
        text = data.replace(b",", delimiter).replace(b"Hello" + delimiter, b"Hello,")
        with pytest.raises(ArchiveError, match=f"separated by {said}, not by commas"):
            prove(opened(pack(text)))


def test_column_may_have_a_delimiter_in_its_name(opened):
    """A semicolon in the name of a column among others, or of an unknown group, is no fault."""
    data = b"receipt_id,How; why?,user_id;email\n1,2,3\n"
    archive = opened(data, "answer_combined.csv")
    assert archive.header(archive.members[0])[1:] == ["How; why?", "user_id;email"]
    assert prove(opened(zipped({"hologram_20260114-183225.csv": b"a;b\n1;2\n"}))) == {"hologram": 1}


@pytest.mark.parametrize(
    "text",
    [b"root:x:0:0:root:/root:/bin/bash\nbin:x:1:1\n", b"Dear all\n", b"\n\n", b" \n"],
)
def test_any_text_is_no_export(opened, text):
    """Text of one column that no table has is no export; a known column alone is one."""
    for data in (text, gzip.compress(text)):
        with pytest.raises(ArchiveError, match="no export") as caught:
            opened(data, "passwd")
        assert "root" not in str(caught.value)
    assert prove(opened(b"user_id\n7\n")) == {"download": 1}


def test_changed_name_in_the_directory_is_damage(opened):
    """A bit flipped anywhere in a member's name, in either place, is found on opening."""
    data = zipped({NAME: RECEIPTS, "réply_20260114-183225.csv": OPENS})
    for name in (NAME.encode(), "réply_20260114-183225.csv".encode()):
        for start in (data.index(name), data.rindex(name)):
            for at in range(start, start + len(name)):
                flipped = bytes([data[at] ^ 4])
                with pytest.raises(ArchiveDamagedError):
                    opened(data[:at] + flipped + data[at + 1 :])


def test_gzip_of_several_members_and_padding(opened):
    """A gzip may be several in a row, and may end in zeros."""
    half = len(RECEIPTS) // 2
    data = gzip.compress(RECEIPTS[:half]) + gzip.compress(b"") + gzip.compress(RECEIPTS[half:])
    assert content(opened(data + b"\0" * 100_000)) == RECEIPTS


def test_gzip_with_rubbish_behind_is_damaged(opened):
    """Bytes after a gzip that are no gzip are not passed over."""
    with pytest.raises(ArchiveDamagedError):
        prove(opened(gzip.compress(RECEIPTS) + b"rubbish"))


@pytest.mark.parametrize(
    "packed",
    [zipped(MEMBERS), streamed(MEMBERS), gzip.compress(RECEIPTS)],
    ids=["zip", "streamed", "gzip"],
)
def test_truncation_is_found_anywhere(tmp_path, packed):
    """Cut short anywhere, an archive is damaged, when opened or when verified."""
    path = tmp_path / "download"
    for length in range(len(packed)):
        path.write_bytes(packed[:length])
        with pytest.raises(ArchiveError) as caught:
            prove(Archive.open(path))
        if packed.startswith(b"\x1f\x8b") and length > 1:
            assert isinstance(caught.value, ArchiveDamagedError)


def test_checksum_is_verified(opened):
    """A changed byte in a stored member is found by its checksum, after its last block."""
    data = zipped({NAME: RECEIPTS}, zipfile.ZIP_STORED).replace(b"1527811201", b"1527811202")
    with pytest.raises(ArchiveDamagedError, match="checksum"):
        prove(opened(data))


def test_random_damage_never_passes(tmp_path):
    """Whatever byte is changed, the content is right or the archive is an error of ours."""
    dice = random.Random(7)  # noqa: S311 - dice, no secret
    path = tmp_path / "download"
    right = {NAME: RECEIPTS * 40}
    for packed in (zipped(right), gzip.compress(RECEIPTS * 40)):
        for _ in range(400):
            damaged = bytearray(packed)
            damaged[dice.randrange(len(packed))] ^= 1 << dice.randrange(8)
            path.write_bytes(damaged)
            try:
                archive = Archive.open(path)
                found = content(archive) if archive.members else None
            except ArchiveError:
                continue
            assert found in (RECEIPTS * 40, None)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<!DOCTYPE html><html>Bad gateway</html>", "web page"),
        (b'\xef\xbb\xbf  {"type": "error.list"}', "JSON"),
        (gzip.compress(b"<html></html>", mtime=0), "web page"),
        (gzip.compress(json.dumps([1]).encode(), mtime=0), "JSON"),
        ("receipt_id,a\n1,2\n".encode("utf-16"), "UTF-16"),
        (bytes(range(256)), "neither"),
        (zipped({"README.txt": b"nothing here"}), r"no CSV, only README\.txt"),
        (gzip.compress(gzip.compress(RECEIPTS, mtime=0), mtime=0), "archive in an archive"),
        (gzip.compress(zipped(MEMBERS), mtime=0), "archive in an archive"),
        (zipped({f"{NAME}.gz": gzip.compress(RECEIPTS, mtime=0)}), "archive in an archive"),
        (zipped({NAME: zipped(MEMBERS)}), "archive in an archive"),
    ],
)
def test_other_data_is_refused(opened, data, said):
    """A web page, JSON, another encoding or no text in place of data is called what it is."""
    with pytest.raises(ArchiveError, match=said):
        prove(opened(data))


def test_web_page_inside_a_zip_is_refused(opened):
    """A member called CSV that is a web page is no table."""
    with pytest.raises(ArchiveError, match="web page"):
        prove(opened(zipped({NAME: b"<html>Please log in</html>"})))


def test_empty_file_is_damaged(opened):
    """A file of no bytes is damaged, and so is a gzip of none."""
    for data in (b"", gzip.compress(b"")):
        with pytest.raises(ArchiveDamagedError):
            opened(data)


def test_empty_zip_has_no_groups(opened):
    """A ZIP of no members is an export of no rows."""
    archive = opened(zipped({}))
    assert archive.groups == {}
    assert prove(archive) == {}


def test_members_that_are_no_csv_are_listed_and_not_read(opened):
    """A README beside the data is named in ``ignored``; folders and a Mac's extras are not."""
    members = {
        "README.txt": b"hello",
        "data/": b"",
        "__MACOSX/._receipt.csv": b"\0\1",
        NAME: RECEIPTS,
    }
    archive = opened(zipped(members))
    assert archive.ignored == ("README.txt",)
    assert [member.name for member in archive.members] == [NAME]


def test_encrypted_and_unknown_methods_are_refused(opened):
    """An encrypted member, or one packed by another method, is refused in a sentence."""
    data = bytearray(zipped({NAME: RECEIPTS}))
    directory = data.index(b"PK\x01\x02")
    data[directory + 8] |= 1
    with pytest.raises(ArchiveError, match="encrypted"):
        prove(opened(bytes(data)))
    with pytest.raises(ArchiveError, match="unknown method"):
        prove(opened(zipped({NAME: RECEIPTS}, zipfile.ZIP_BZIP2)))


def test_overlapping_members_are_refused(opened):
    """Two members on the same bytes, as in an archive made to overwhelm, are refused."""
    data = bytearray(zipped(MEMBERS))
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    struct.pack_into("<I", data, second + 42, 0)
    with pytest.raises(ArchiveDamagedError, match="overlap"):
        opened(bytes(data))


def test_names_are_never_paths(opened, tmp_path):
    """A member called like a path elsewhere is read, and nothing is written anywhere."""
    evil = "../../../tmp/receipt_20260114-183225.csv"
    archive = opened(zipped({evil: RECEIPTS}))
    assert prove(archive) == {"receipt": 2}
    assert archive.members[0].name == evil
    assert [path.name for path in tmp_path.iterdir()] == ["download"]


def test_missing_file_is_a_file_error(tmp_path):
    """A file that is not there is an error about the disk, not about the data."""
    with pytest.raises(FileError, match=r"nowhere.*Put it back, or export the range again"):
        Archive.open(tmp_path / "nowhere")


def test_highly_compressed_data_comes_in_bounded_blocks(opened):
    """A megabyte of zeros for each kilobyte packed never comes in more than a block at a time."""
    rows = b"0000000000,1\n" * 4_000_000
    archive = opened(zipped({NAME: b"receipt_id,received_at\n" + rows}))
    sizes = [len(block) for block in archive.blocks(archive.members[0], 100_000)]
    assert max(sizes) < 2 * 100_000
    assert sum(sizes) == len(rows) + len(b"receipt_id,received_at\n")


def test_endless_record_is_refused(opened):
    """A field that never ends is refused before it fills the memory."""
    archive = opened(zipped({NAME: b'receipt_id\n"' + b"x" * 70_000_000}))
    with pytest.raises(ArchiveError, match="longer than"):
        prove(archive)


def test_lying_length_is_damage(opened):
    """A directory that claims another length than the data has is found out."""
    data = bytearray(zipped({NAME: RECEIPTS}))
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, 4_000_000_000)
    with pytest.raises(ArchiveDamagedError):
        prove(opened(bytes(data)))


@given(st.binary(max_size=200))
def test_nonsense_is_an_archive_error(tmp_path_factory, data):
    """Any bytes behind any magic give their members or an error of ours, nothing else."""
    path = tmp_path_factory.getbasetemp() / "nonsense"
    for magic in (b"", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08\x00", zipped(MEMBERS)[:-20]):
        path.write_bytes(magic + data)
        with suppress(ArchiveError):
            prove(Archive.open(path))


def test_data_is_open_ended_inside_quotes(opened):
    """Plain CSV cut short inside a quoted field is known to be damaged."""
    with pytest.raises(ArchiveDamagedError, match="quoted"):
        prove(opened(b'receipt_id,content_title\n1,"Hello'))


def test_raw_deflate_of_every_level(opened):
    """What zlib packs at any level, isal unpacks to the same bytes."""
    body = b"receipt_id\n" + b"".join(b"%d\n" % n for n in range(20_000))
    for level in range(10):
        packer = zlib.compressobj(level, wbits=31)
        packed = packer.compress(body) + packer.flush()
        assert content(opened(packed), size=4096) == body
