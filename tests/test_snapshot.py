"""The snapshot of a table: what was read last, mapped by the next kernel, or nothing at all."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
import threading
from types import SimpleNamespace

import pandas as pd
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shares import windows_shares  # noqa: F401 - a fixture
from test_cache import LOCAL, PLAIN, RECEIPTS, filled, write

from intercom_export_widgets.data import memory_map as snapshot_file
from intercom_export_widgets.data.archive import Archive
from intercom_export_widgets.data.memory_map import Snapshot
from intercom_export_widgets.data.tables import Tables
from intercom_export_widgets.errors import ExportWarning

ZONE = "Europe/Dublin"
WINDOW = (1527811200, 1527897599)
KEY = {"archive": "of a test"}

pytestmark = [
    pytest.mark.usefixtures("windows_shares"),
    pytest.mark.filterwarnings("ignore::intercom_export_widgets.errors.ExportWarning"),
]


@pytest.fixture
def path(tmp_path, monkeypatch):
    """An archive of which a table of any size is worth a snapshot."""
    monkeypatch.setattr(snapshot_file, "LEAST", 0)
    return tmp_path / "export.zip"


@pytest.fixture
def place(path):
    """Where a table may be kept by itself."""
    return path.with_name("receipt.frame")


def settle():
    """Wait until what is being kept is written."""
    for thread in threading.enumerate():
        if thread.name == "intercom-export-keep":
            thread.join()


def table(path, zone=ZONE, window=WINDOW):
    """Return the receipts as a new kernel reads them, and what it says of them."""
    tables = Tables(Archive.open(path), zone=zone, window=window, attrs={"job": "a"})
    frame = tables["receipt"]
    settle()
    return frame, tables.notes


def told(frame):
    """Return all that a frame says: values, dtypes, index, attrs."""
    values = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
    return values, frame.dtypes.astype(str).to_dict(), list(frame.index), frame.attrs


def frame_of(rows=100):
    """Return a frame of every dtype that a table has."""
    ids = [None if row % 7 == 0 else f"ü{row}" for row in range(rows)]
    return pd.DataFrame(
        {
            "id": pd.array(ids, dtype="str"),
            "kind": pd.Categorical([["email", "post", None][row % 3] for row in range(rows)]),
            "at": pd.to_datetime(pd.Series(range(rows)), unit="s", utc=True).astype(
                "datetime64[us, UTC]"
            ),
            "count": pd.array([None, *range(1, rows)], dtype="Int64"),
            "rate": pd.array([None, *range(1, rows)], dtype="Float64"),
        }
    )


@pytest.mark.parametrize(
    ("kind", "zone"), [*((kind, ZONE) for kind in RECEIPTS), ("local times", "")]
)
def test_next_kernel_gets_what_was_read(path, kind, zone):
    """Values, dtypes, attrs and every note come from the snapshot as they came without one."""
    write(path, RECEIPTS[kind])
    cache = filled(path, zone)
    first, notes = table(path, zone)
    kept = cache.snapshot("receipt", WINDOW).read()
    assert kept is not None
    second, said = table(path, zone)
    assert told(second) == told(first)
    assert said == notes


def test_next_kernel_reads_neither_archive_nor_parquet(path):
    """What was kept is enough by itself."""
    write(path, PLAIN)
    cache = filled(path)
    first, _ = table(path)
    (cache.folder / "receipt.parquet").unlink()
    archive = Archive.open(path)
    archive.blocks = None
    assert told(Tables(archive, zone=ZONE, window=WINDOW, attrs={"job": "a"})["receipt"]) == told(
        first
    )


def test_what_was_said_is_said_again(path):
    """A warning of the first reading is a warning of the one out of the snapshot."""
    write(path, RECEIPTS["short"])
    filled(path)
    for _ in range(2):
        with pytest.warns(ExportWarning, match="outside"):
            table(path)


@pytest.mark.usefixtures("path")
def test_every_dtype_comes_back(place):
    """A frame of all dtypes, with missing values in each, is the same when it comes back."""
    frame = frame_of()
    Snapshot(place, KEY).keep(frame, {"notes": ["ü"]}).join()
    kept = Snapshot(place, KEY).read()
    pd.testing.assert_frame_equal(kept.frame, frame)
    assert kept.said == {"notes": ["ü"]}


@pytest.mark.usefixtures("path")
def test_changes_stay_with_who_makes_them(place):
    """A table out of the snapshot can be changed in place, and the next one is as it was."""
    frame = frame_of()
    Snapshot(place, KEY).keep(frame, None).join()
    changed = Snapshot(place, KEY).read().frame
    changed["at"].array[0] = pd.NaT
    changed.loc[1, ["id", "kind"]] = ["other", "email"]
    changed["count"] += 1
    assert changed["at"].isna()[0]
    pd.testing.assert_frame_equal(Snapshot(place, KEY).read().frame, frame)


@pytest.mark.usefixtures("path")
def test_a_table_that_changes_meanwhile_is_not_kept(place, monkeypatch):
    """What is changed behind pandas' back before it is written, is not written."""
    frame = frame_of()
    monkeypatch.setattr(threading.Thread, "start", lambda _: None)
    writer = Snapshot(place, KEY).keep(frame, None)
    frame["at"].array[0] = pd.NaT
    writer.run()
    assert Snapshot(place, KEY).read() is None
    assert list(place.parent.iterdir()) == []


@pytest.mark.usefixtures("path")
def test_a_table_that_is_changed_by_pandas_meanwhile_is_kept_as_it_was(place, monkeypatch):
    """What pandas changes right after reading is a copy: what was read is what is kept."""
    frame = frame_of()
    monkeypatch.setattr(threading.Thread, "start", lambda _: None)
    writer = Snapshot(place, KEY).keep(frame, None)
    frame.loc[0, "at"] = pd.NaT
    frame["count"] += 1
    writer.run()
    pd.testing.assert_frame_equal(Snapshot(place, KEY).read().frame, frame_of())


def harmed(data, harm):
    """Return the bytes of a file after some accident."""
    at = {"first piece": 5, "middle": len(data) // 2, "facts": len(data) - 60, "sum": len(data) - 9}
    if harm in at:
        return data[: at[harm]] + bytes([data[at[harm]] ^ 0x55]) + data[at[harm] + 1 :]
    return {"cut": data[: len(data) // 2], "emptied": b"", "other": b"PAR1" * 100}[harm]


@pytest.mark.parametrize(
    "harm", ["cut", "first piece", "middle", "facts", "sum", "emptied", "other"]
)
def test_damaged_file_is_ignored(path, harm):
    """A file that is cut, flipped, empty or something else costs time, not truth."""
    write(path, PLAIN * 100)
    cache = filled(path)
    first, _ = table(path)
    file = cache.folder / "receipt.frame"
    data = harmed(file.read_bytes(), harm)
    file.unlink()
    file.write_bytes(data)
    assert cache.snapshot("receipt", WINDOW).read() is None
    assert told(table(path)[0]) == told(first)
    assert cache.snapshot("receipt", WINDOW).read() is not None


@given(st.binary(max_size=200))
def test_no_bytes_are_taken_for_a_table(tmp_path_factory, data):
    """Whatever lies there, nothing is raised and nothing is returned."""
    file = tmp_path_factory.getbasetemp() / "any.frame"
    file.unlink(missing_ok=True)
    file.write_bytes(data)
    assert Snapshot(file, KEY).read() is None


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("id", {"kind": "int64"}),
        ("id", {"kind": "object"}),
        ("id", {"places": [None, [0, 8], [0, 8]]}),
        ("kind", {"categories": ["email"]}),
        ("kind", {"codes": "<i8"}),
        ("kind", {"codes": "|O"}),
        ("at", {"places": []}),
        ("at", {"places": [[0, 10**9]]}),
    ],
)
def test_forged_facts_are_refused(place, column, change):
    """A file whose sums are right but whose pieces can't be such columns is ignored."""
    from isal import isal_zlib

    Snapshot(place, KEY).keep(frame_of(), None).join()
    data = place.read_bytes()
    length = int.from_bytes(data[-8:], "little")
    facts = json.loads(data[-40 - length : -40])
    told_of = next(each for each in facts["columns"] if each["name"] == column)
    told_of.update(change)
    pieces = [b"" if each is None else data[slice(*each)] for each in told_of["places"]]
    told_of["checksums"] = [isal_zlib.crc32(piece) for piece in pieces]
    text = json.dumps(facts).encode()
    seal = hashlib.sha256(text).digest() + len(text).to_bytes(8, "little")
    place.unlink()
    place.write_bytes(data[: -40 - length] + text + seal)
    assert Snapshot(place, KEY).read() is None


def test_another_range_or_zone_is_another_table(path):
    """What was kept for one range or zone is not given for another."""
    write(path, PLAIN + LOCAL)
    filled(path)
    assert len(table(path)[0]) == 2
    assert len(table(path, window=None)[0]) == 4
    wide = (WINDOW[0] - 10, WINDOW[1])
    assert len(table(path, window=wide)[0]) == 3
    assert len(table(path, zone="UTC")[0]) == 3


def test_changed_archive_has_no_snapshot(path):
    """Another archive in the place of the one that was read is read itself."""
    write(path, PLAIN)
    filled(path)
    table(path)
    write(path, PLAIN.replace("Ada", "Grace"))
    assert "Grace" in list(table(path, window=None)[0]["name"])


def test_file_is_its_owners(path):
    """The file is the owner's alone, and one in a folder that others may write is ignored."""
    write(path, PLAIN)
    cache = filled(path)
    table(path)
    file = cache.folder / "receipt.frame"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    cache.folder.chmod(0o777)
    assert cache.snapshot("receipt", WINDOW) is None


def test_small_tables_are_not_worth_a_file(path, monkeypatch):
    """Below some size nothing is kept but Parquet."""
    monkeypatch.undo()
    write(path, PLAIN)
    cache = filled(path)
    table(path)
    assert not (cache.folder / "receipt.frame").exists()


def test_a_disk_that_is_nearly_full_is_left_alone(path, monkeypatch):
    """A table is kept only if ten of them would fit into what is free."""
    usage = shutil.disk_usage(path.parent)
    frame = frame_of(1000)
    place = path.with_name("receipt.frame")
    Snapshot(place, KEY).keep(frame, None).join()
    size = place.stat().st_size
    place.unlink()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=9 * size))
    assert Snapshot(place, KEY).keep(frame, None) is None
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=11 * size))
    assert Snapshot(place, KEY).keep(frame, None) is not None
    settle()


@pytest.mark.parametrize(
    ("kind", "options", "kept"),
    [
        ("ext4", "rw", True),
        ("nfs4", "rw", False),
        ("fuse.sshfs", "rw", False),
        ("NTFS", "rw,remote", False),
    ],
)
def test_another_machines_drive_is_not_mapped(path, monkeypatch, kind, options, kept):
    """Nothing is kept on a drive whose loss would take the process along."""
    folder = path.parent / "a folder"
    folder.mkdir()
    drives = [
        SimpleNamespace(mountpoint="/", fstype="ext4", opts="rw"),
        SimpleNamespace(mountpoint=str(folder), fstype=kind, opts=options),
    ]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: drives)
    writer = Snapshot(folder / "receipt.frame", KEY).keep(frame_of(), None)
    assert (writer is not None) is kept
    settle()


@pytest.mark.usefixtures("path")
def test_full_disk_leaves_nothing(place, monkeypatch):
    """A disk that refuses half way costs the snapshot, and nothing is left of it."""

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(snapshot_file, "_write_whole", refuse)
    Snapshot(place, KEY).keep(frame_of(), None).join()
    assert list(place.parent.iterdir()) == []
