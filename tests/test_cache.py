"""The cache beside an archive: the archive's own answers, sooner, or none at all."""

from __future__ import annotations

import os
import stat
import time
import warnings
import zipfile

import pytest
from shares import windows_shares  # noqa: F401 - a fixture

from intercom_export_widgets.data.archive import Archive
from intercom_export_widgets.data.cache import Cache
from intercom_export_widgets.data.cached import CachedReading
from intercom_export_widgets.data.ingest import count, prove
from intercom_export_widgets.data.tables import Tables
from intercom_export_widgets.errors import ExportWarning, InputError

pytestmark = pytest.mark.usefixtures("windows_shares")

WINDOW = (1527811200, 1527897599)
HEADER = "receipt_id,company_id,content_type,name,received_at,first_open,new,new\n"
PLAIN = "1,-1,email,Ada,1527811199,,a,b\n2,7,,,1527811200,1527811300,,\n3,,post,x,1527811201,,,\n"
LOCAL = "1,,email,Ada,2018-06-01 00:00:00,2018-06-01 10:00:00,,\n"
EVENTS = "receipt_id,opened_at\n1,1527811300\n3,1527811301\n9,1527811302\n"
RECEIPTS = {
    "plain": PLAIN,
    "local times": PLAIN + LOCAL,
    "refused": PLAIN + "4,,,,never,,,\n",
    "short": PLAIN + "4,,email\n",
    "surplus": PLAIN + "4,,,,1527811202,,,,more,\n",
    "no UTF-8": PLAIN + "4,,,\udcff,1527811202,,,\n",
    "nothing": "",
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "export.zip"


def write(path, receipts):
    """Write an archive of these receipts, and some opens."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        data = (HEADER + receipts).encode("utf-8", "surrogateescape")
        archive.writestr("receipt_20260114-183225.csv", data)
        archive.writestr("open_20260114-183225.csv", EVENTS)
    return path


def filled(path, zone="Europe/Dublin"):
    """Return the archive's cache, filled."""
    cache = Cache(path, zone)
    prove(Archive.open(path), cache, least=0)
    return cache


def answers(path, zone):
    """Return all that is told about the receipts and the opens: values, types, notes, attrs."""
    tables = Tables(Archive.open(path), zone=zone, window=WINDOW)
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always", ExportWarning)
        frames = [tables.read("open")]
        for asked in ({}, {"dtype_backend": "pyarrow", "trim": False}):
            several = (None, ["name", "first_open"])
            frames += [tables.read("receipt", columns=columns, **asked) for columns in several]
    found = [
        (
            f.dtypes.astype(str).to_dict(),
            f.astype(object).where(f.notna(), None).to_numpy().tolist(),
            f.attrs["rows_trimmed"],
        )
        for f in frames
    ]
    return found, tables.notes


@pytest.mark.parametrize(
    ("kind", "zone"), [*((kind, "Europe/Dublin") for kind in RECEIPTS), ("local times", "")]
)
def test_answers_are_the_archives(path, kind, zone):
    """Values, types, trimming and every note are the same with a cache as without."""
    write(path, RECEIPTS[kind])
    before = answers(path, zone)
    cache = filled(path, zone)
    assert cache.reading("receipt") is not None or kind == "nothing"
    assert answers(path, zone) == before


def test_second_reading_does_not_touch_the_archive(path):
    """What the cache has is not read from the archive."""
    write(path, PLAIN)
    filled(path)
    archive = Archive.open(path)
    archive.blocks = None
    assert len(Tables(archive, zone="Europe/Dublin")["receipt"]) == 3


def test_events_are_judged_by_the_receipts_in_the_cache(path):
    """Which opens are of receipts outside the range is not read from the archive either."""
    write(path, PLAIN)
    filled(path)
    archive = Archive.open(path)
    archive.blocks = None
    with pytest.warns(ExportWarning, match="1 of 3 rows of open"):
        opens = Tables(archive, zone="Europe/Dublin", window=WINDOW).read("open")
    assert list(opens["receipt_id"]) == ["3", "9"]


def test_a_cache_that_fails_half_way_costs_time(path, monkeypatch):
    """Where a file of the cache can't be read to its end, the archive is, for all that follows."""
    write(path, PLAIN)
    before = answers(path, "Europe/Dublin")
    filled(path)

    def refuse(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(CachedReading, "pour", refuse)
    assert answers(path, "Europe/Dublin") == before


def test_counting_reads_only_what_is_not_kept(path):
    """Rows of an archive that is known to be whole come from the cache, as far as it has them."""
    write(path, RECEIPTS["short"])
    cache = Cache(path, "")
    rows = prove(Archive.open(path), cache, least=0)
    whole = Archive.open(path)
    whole.blocks = None
    assert count(whole, cache) == rows
    (cache.folder / "open.parquet").unlink()
    assert count(Archive.open(path), cache) == rows
    with pytest.raises(TypeError):
        count(whole, cache)


def test_changed_archive_is_not_answered_from_the_cache(path):
    """Other content of the same length and time is another archive."""
    write(path, PLAIN)
    cache = filled(path)
    was = path.stat()
    write(path, PLAIN.replace("Ada", "Bob"))
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert path.stat().st_size == was.st_size
    assert cache.reading("receipt") is None
    names = Tables(Archive.open(path), zone="Europe/Dublin")["receipt"]["name"]
    assert names[0] == "Bob"


def test_other_zone_counts_only_where_a_zone_was_needed(path):
    """Local times are read anew for another zone; Unix seconds are the same in all."""
    write(path, PLAIN)
    filled(path, "Europe/Dublin")
    assert Cache(path, "America/New_York").reading("receipt") is not None
    write(path, LOCAL)
    filled(path, "Europe/Dublin")
    assert Cache(path, "America/New_York").reading("receipt") is None


@pytest.mark.parametrize("harm", ["cut", "flipped", "emptied", "another file"])
def test_damaged_cache_is_ignored(path, harm):
    """A cache that is cut, flipped, empty or something else costs time, not truth."""
    write(path, PLAIN * 2_000)
    cache = filled(path)
    before = Tables(Archive.open(path), zone="Europe/Dublin")["receipt"]
    file = cache.folder / "receipt.parquet"
    data = file.read_bytes()
    middle = len(data) // 4
    file.write_bytes(
        {
            "cut": data[: len(data) // 2],
            "flipped": data[:middle] + bytes([data[middle] ^ 0x55]) + data[middle + 1 :],
            "emptied": b"",
            "another file": b"PAR1" * 100,
        }[harm]
    )
    after = Tables(Archive.open(path), zone="Europe/Dublin")["receipt"]
    assert after.equals(before)


def test_cache_is_its_owners(path):
    """Folder and files are the owner's alone, and a folder that others may write is ignored."""
    write(path, PLAIN)
    cache = filled(path)
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in cache.folder.iterdir()} == {0o600}
    cache.folder.chmod(0o777)
    assert cache.reading("receipt") is None
    assert cache.begin("receipt") is None


def test_cache_that_can_not_be_written_is_done_without(path):
    """Where a file stands in the folder's place, everything is read from the archive."""
    write(path, PLAIN)
    path.with_name("export.zip.cache").write_text("in the way")
    cache = filled(path)
    assert cache.reading("receipt") is None
    assert len(Tables(Archive.open(path), zone="Europe/Dublin")["receipt"]) == 3


def test_full_disk_costs_the_cache_alone(path):
    """A cache file that the disk refuses half way is dropped, and nothing is left of it."""
    write(path, PLAIN)
    cache = filled(path)
    reading = cache.reading("receipt")
    file = cache.begin("click")
    file._temporary.unlink()
    file._temporary.symlink_to("/dev/full")
    for batch in reading.batches():
        file.add(batch)
    file.finish({})
    file.abandon()
    names = ["open.json", "open.parquet", "receipt.json", "receipt.parquet"]
    assert sorted(each.name for each in cache.folder.iterdir()) == names


def test_what_a_killed_process_left_is_removed(path):
    """Half a file that nobody has added to for an hour goes when the same is written again."""
    write(path, PLAIN)
    folder = filled(path).folder
    left, written, other = (
        folder / f".{name}.part" for name in ("open.parquet.a", "open.parquet.b", "x")
    )
    for file in (left, written, other):
        file.write_bytes(b"half")
    for file in (left, other):
        os.utime(file, (time.time() - 4000,) * 2)
    filled(path)
    assert not left.exists()
    assert written.exists()
    assert other.exists()


def test_hostile_group_gets_no_file(path):
    """A group whose name is no plain word is not cached, whatever it points at."""
    write(path, PLAIN)
    assert Cache(path, "UTC").begin("../receipt") is None
    assert Cache(path, "UTC").reading("../receipt") is None


def test_unknown_column_is_refused_from_the_cache_too(path):
    """The error for a column that is not there is the archive's."""
    write(path, PLAIN)
    with pytest.raises(InputError) as before:
        Tables(Archive.open(path)).read("receipt", columns=["nothing"])
    filled(path, "UTC")
    with pytest.raises(InputError) as after:
        Tables(Archive.open(path)).read("receipt", columns=["nothing"])
    assert str(after.value) == str(before.value)


def test_cache_follows_the_archive_to_its_name(path, tmp_path):
    """A renamed archive takes its cache along, in the place of whatever was there."""
    write(path, PLAIN)
    cache = filled(path)
    target = tmp_path / "final.zip"
    Cache(target, "").folder.mkdir()
    path.rename(target)
    cache.move(target)
    assert not cache.folder.exists()
    assert Cache(target, "Europe/Dublin").reading("receipt") is not None
