"""One pass: an archive proven and parsed while it arrives, and never half taken for whole."""

from __future__ import annotations

import gzip
import io
import zipfile
from dataclasses import replace

import pytest
from shares import windows_shares  # noqa: F401 - a fixture
from test_bombs import crowd

from intercom_export_widgets.data.archive import MEMBERS_AT_MOST, Archive
from intercom_export_widgets.data.cache import Cache
from intercom_export_widgets.data.ingest import Passed, prove, take_in
from intercom_export_widgets.data.tables import Tables
from intercom_export_widgets.errors import ArchiveError
from intercom_export_widgets.sandbox.archive_writer import (
    DEFLATED,
    STORED,
    Member,
    write_archive,
    write_gzip,
    write_plain,
    write_tar_gz,
    write_zip,
)
from intercom_export_widgets.sandbox.data_generator import Workspace
from intercom_export_widgets.sandbox.options import Switches

pytestmark = pytest.mark.usefixtures("windows_shares")

DAY = 86_400
FIRST = 17_683 * DAY
ROWS = 20_000
GROUPS = ("receipt_", "open_", "checkpoint_")


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """A large table and some small ones, as CSV by the member's name."""
    folder = tmp_path_factory.mktemp("tables")
    span = {"after": FIRST, "before": FIRST + 10 * DAY - 1, "until": FIRST + 10 * DAY}
    workspace = Workspace(1, rows_per_day=ROWS // 10)
    written = write_archive(folder, "zip", workspace, switches=Switches(), **span)
    with zipfile.ZipFile(written.path) as archive:
        names = [name for name in archive.namelist() if name.startswith(GROUPS)]
        return {name: archive.read(name) for name in names}


@pytest.fixture(scope="module")
def packed(tables, tmp_path_factory):
    """Return a function that gives them in a container, made once."""
    folder, made = tmp_path_factory.mktemp("packed"), {}

    def pack(container):
        if container not in made:
            path, members = folder / container, []
            method = DEFLATED if container in ("zip", "zip-streamed", "gzip") else STORED
            for name, data in tables.items():
                members.append(Member(folder, name, method))
                members[-1].write(data)
                members[-1].finish()
            match container:
                case "gzip":
                    write_gzip(path, members[0])
                case "csv":
                    write_plain(path, members[0])
                case "tar.gz":
                    write_tar_gz(path, members)
                case _:
                    write_zip(path, members, streamed=container == "zip-streamed")
            for member in members:
                member.discard()
            made[container] = path.read_bytes()
        return made[container]

    return pack


class Dripping(io.BytesIO):
    """Bytes that come in pieces of a size that nothing else has."""

    def read(self, size=-1):
        return super().read(min(size, 77_777) if size >= 0 else 77_777)


def passed_by(data, path):
    """Return what passes of ``data``, the file and its cache."""
    path.write_bytes(data)
    passed, cache = Passed(), Cache(path, "UTC")
    take_in(Dripping(data), path.name, cache, passed)
    return passed, cache


@pytest.mark.parametrize(
    "container", ["zip", "zip-streamed", "zip-stored", "gzip", "csv", "tar.gz"]
)
def test_what_passes_is_what_the_archive_holds(packed, tmp_path, container):
    """Rows are those that verifying counts, and the cache gives the archive's own values."""
    path = tmp_path / "download"
    passed, cache = passed_by(packed(container), path)
    archive = Archive.open(path)
    assert passed.keep(archive, cache) == prove(archive)
    cached = cache.reading("receipt")
    assert cached is not None
    table = cached.table()
    cache.folder.rename(tmp_path / "elsewhere")
    assert table.equals(Tables(archive)._trimmed._fresh("receipt").table())


def test_container_that_can_not_pass_is_refused(packed, tmp_path):
    """An archive in an archive is no export, and leaves nothing behind."""
    path = tmp_path / "download"
    with pytest.raises(ArchiveError, match="archive in an archive"):
        passed_by(gzip.compress(packed("zip")), path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("container", ["zip", "zip-streamed", "tar.gz"])
def test_damage_is_seen_in_passing(packed, tmp_path, container):
    """A flipped byte, and an end that is missing, are errors and leave no table."""
    whole = packed(container)
    at = len(whole) // 3
    flipped = whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :]
    for data in (flipped, whole[: len(whole) // 2]):
        path = tmp_path / "download"
        path.write_bytes(data)
        passed, cache = Passed(), Cache(path, "UTC")
        with pytest.raises(ArchiveError):
            take_in(Dripping(data), path.name, cache, passed)
        passed.abandon()
        assert cache.reading("receipt") is None


def test_directory_that_lies_is_not_believed(packed, tmp_path):
    """A directory that says other than the members themselves voids what has passed."""
    path = tmp_path / "download"
    passed, cache = passed_by(packed("zip"), path)
    passed.entries[0] = replace(passed.entries[0], checksum=1)
    with pytest.raises(ArchiveError, match="directory"):
        passed.keep(Archive.open(path), cache)
    passed.abandon()
    assert cache.reading("receipt") is None


def test_values_that_need_another_look_are_read_from_the_file(packed, tmp_path):
    """A column with a value of another kind in its last row is kept as text after all."""
    data = gzip.decompress(packed("gzip")).rstrip(b"\n")
    path = tmp_path / "download"
    name = "receipt_20260114-183225.csv"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data + b"never\n")
        archive.writestr("open_20260114-183225.csv", b"receipt_id,opened_at\n1,1527811200\n")
    passed, cache = passed_by(buffer.getvalue(), path)
    assert list(passed.kept) == []
    rows = passed.keep(Archive.open(path), cache)
    assert rows["open"] == 1
    column = cache.reading("receipt").table()["first_fin_step_reached"]
    assert column[-1].as_py() == "never"


def test_a_crowd_of_members_is_not_read_to_its_end(tmp_path):
    """Before its directory has come, which would refuse it, a ZIP is given up in passing too."""
    path = tmp_path / "june.zip"
    passed = Passed()
    with pytest.raises(ArchiveError, match="more members than any export"):
        take_in(io.BytesIO(crowd(3_000)), path.name, Cache(path, ""), passed)
    assert len(passed.entries) == MEMBERS_AT_MOST + 1
    passed.abandon()
