"""Files that are in use, links in place of files, and what is said of a disk that refuses."""

from __future__ import annotations

import errno
import os
import stat
import sys

import platformdirs
import pytest
from platformdirs.windows import Windows
from shares import windows_shares  # noqa: F401 - a fixture

from intercom_export_widgets import disk
from intercom_export_widgets.data.cache import Cache
from intercom_export_widgets.data.parquet import parquet_name
from intercom_export_widgets.errors import FileBusyError, FileError, LedgerError
from intercom_export_widgets.intercom.partial_file import Partial, part_of
from intercom_export_widgets.jobs.defaults import default_folder, default_ledger
from intercom_export_widgets.jobs.files import Place, Proven, check_folder
from intercom_export_widgets.jobs.ledger import Ledger

pytestmark = pytest.mark.usefixtures("windows_shares")
links = pytest.mark.skipif(sys.platform == "win32", reason="Windows asks for rights to make links")
modes = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the fixture needs /proc")


@pytest.fixture
def hurried(monkeypatch):
    """The pauses between attempts, noted instead of waited for."""
    pauses = []
    monkeypatch.setattr(disk.time, "sleep", pauses.append)
    return pauses


def download(path, identifier="a"):
    """Return a file that was downloaded whole."""
    with Partial(path, identifier) as partial:
        partial.write(b"a,b\n1,2\n")
        return partial.finish()


# In use ---------------------------------------------------------------------------------------


@linux
def test_a_file_that_is_open_for_a_moment_is_replaced(tmp_path, monkeypatch):
    """A virus scanner that looks at the new file delays its renaming and nothing else."""
    (tmp_path / "new").write_text("new")
    scanner = (tmp_path / "new").open()
    monkeypatch.setattr(disk.time, "sleep", lambda _: scanner.close())
    disk.replace(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old").read_text() == "new"
    seen = (tmp_path / "old").open()
    monkeypatch.setattr(disk.time, "sleep", lambda _: seen.close())
    disk.remove(tmp_path / "old")
    assert list(tmp_path.iterdir()) == []


@linux
def test_a_file_that_stays_open_says_so(tmp_path, hurried):
    """A download that another program keeps open names that, and no space that is to be freed."""
    path = tmp_path / "export.zip"
    with Partial(path, "a") as partial:
        partial.write(b"data")
        with part_of(path).open(), pytest.raises(FileError) as caught:
            partial.finish()
    said = str(caught.value)
    assert "another program has it open" in said
    assert "Close what uses it" in said
    assert "what has been downloaded is kept" in said
    assert "space" not in said
    assert sum(hurried) == pytest.approx(sum(disk.PAUSES))


def test_a_refusal_of_another_kind_is_not_repeated(tmp_path, hurried):
    """What no other program can cure is said at once."""
    with pytest.raises(FileNotFoundError):
        disk.replace(tmp_path / "nothing", tmp_path / "else")
    assert hurried == []


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.EROFS, errno.ENOENT, errno.ELOOP])
def test_only_a_full_disk_is_to_be_freed(code):
    """The advice fits the error: space is freed where there is none."""
    said = str(disk.refused("x", OSError(code, os.strerror(code), "x"), "written", "then go on"))
    assert "space" not in said
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert "Free some space" in str(disk.refused("x", full, "written", "then go on"))


def test_a_path_that_is_too_long_for_windows_is_called_so():
    """Windows says of a long path that it is not there; the sentence says what it is."""
    missing = FileNotFoundError(errno.ENOENT, "No such file or directory", "C:\\" + "x" * 260)
    missing.winerror = 3
    said = str(disk.refused("x", missing, "written", "then go on"))
    assert "longer than Windows' 259 characters. Choose a folder with a shorter path" in said
    missing.filename = "C:\\x"
    assert "shorter" not in str(disk.refused("x", missing, "written", "then go on"))


def test_one_process_at_a_time_writes_a_download(tmp_path):
    """A second download to the same path is refused while the first lasts, and leaves it alone."""
    path = tmp_path / "export.zip"
    with Partial(path, "a") as partial:
        partial.write(b"data")
        with pytest.raises(FileBusyError):
            Partial(path, "b")
        assert part_of(path).read_bytes() == b"data"
    assert download(path).size == 8
    assert [each.name for each in tmp_path.iterdir()] == ["export.zip"]


# Links ----------------------------------------------------------------------------------------


@links
@pytest.mark.parametrize("ending", [".part", ".part.json", ".lock"])
def test_a_link_in_place_of_a_download_is_not_followed(tmp_path, ending):
    """A link in place of the part, its note or its lock is named, and its target stays as it is."""
    target, path = tmp_path / "precious", tmp_path / "export.zip"
    target.write_text("precious")
    link = path.with_name(f"{path.name}{ending}")
    link.symlink_to(target)
    with pytest.raises(FileError, match="is a symbolic link, which is not followed") as caught:
        download(path)
    assert str(link) in str(caught.value)
    assert target.read_text() == "precious"


@links
def test_a_link_in_place_of_a_ledger_is_not_followed(tmp_path):
    """Neither read nor written, though its target is a ledger."""
    real = Ledger(tmp_path / "real.sqlite")
    real.add(session="a", status="completed", base_url="x")
    before = real.path.read_bytes()
    (tmp_path / "ledger.sqlite").symlink_to(real.path)
    ledger = Ledger(tmp_path / "ledger.sqlite")
    for ask in (ledger.entries, lambda: ledger.add(session="a", status="x", base_url="x")):
        with pytest.raises(LedgerError, match="is a symbolic link, which is not followed"):
            ask()
    assert real.path.read_bytes() == before


@links
def test_a_link_in_place_of_an_archive_is_not_followed(session, another):
    """A kept archive that became a link is named; a link that a user names is followed."""
    path = session.submit("2018-06-01").wait(30).progress.path
    elsewhere = path.rename(path.with_name("elsewhere.zip"))
    path.symlink_to(elsewhere)
    with pytest.raises(FileError, match="is a symbolic link, which is not followed"):
        another.load(path)
    mine = path.with_name("mine.zip")
    mine.symlink_to(elsewhere)
    assert another.load(mine).progress.rows


@links
def test_a_link_that_arrived_is_not_kept(tmp_path):
    """A link in place of a file that was downloaded whole does not become an archive."""
    place = Place(tmp_path, "a", None, 1)
    (tmp_path / "theirs").write_text("receipt_id\n1\n")
    place.arrived.symlink_to(tmp_path / "theirs")
    with pytest.raises(FileError, match="is a symbolic link, which is not followed"):
        place.keep(lambda _: None, Proven("0", {}))


@links
@pytest.mark.parametrize("place", ["", "receipt.json", "receipt.parquet", "receipt.frame"])
def test_a_link_in_place_of_a_cache_is_not_followed(tmp_path, caplog, place):
    """The archive is read instead, the log says why, and nothing is written behind the link."""
    path, behind = tmp_path / "export.zip", tmp_path / "behind"
    path.write_bytes(b"PK")
    behind.mkdir(mode=0o700)
    cache = Cache(path, "")
    if place:
        cache.folder.mkdir(mode=0o700)
    (cache.folder / place if place else cache.folder).symlink_to(behind)
    assert cache.reading("receipt") is None
    assert cache.snapshot("receipt", None) is None
    assert cache.begin("receipt") is None
    assert list(behind.iterdir()) == []
    assert "is a symbolic link, which is not followed; the archive is read instead" in caplog.text


# Folders --------------------------------------------------------------------------------------


@modes
def test_a_folder_of_downloads_is_its_owners_only(tmp_path):
    """One that is made or holds only archives is closed to others; one with more is left alone."""
    empty, shared, project = (tmp_path / name for name in ("empty", "shared", "project"))
    for folder in (shared, project):
        folder.mkdir()
        folder.chmod(0o777)
    (shared / "intercom_2018-06-01_2018-06-30_a.zip").touch()
    (project / "notebook.ipynb").touch()
    for folder in (empty, shared, project):
        check_folder(folder)
    found = [stat.S_IMODE(folder.stat().st_mode) for folder in (empty, shared, project)]
    assert found == [0o700, 0o700, 0o777]


def test_a_folder_whose_path_is_too_long_is_refused_beforehand(tmp_path):
    """What does not fit into it is known before anything is submitted, and a shorter one helps."""
    limit = os.pathconf(tmp_path, "PC_PATH_MAX") if hasattr(os, "pathconf") else 260
    deep = tmp_path
    while (missing := limit - 100 - len(str(deep))) > 0:
        deep /= "y" * min(100, missing)
    with pytest.raises(FileError, match="can't be used") as caught:
        check_folder(deep)
    assert "Nothing was submitted" in str(caught.value)
    assert "shorter path" in str(caught.value)


@pytest.mark.parametrize("name", ["con", "NUL", "aux", "com1", "lpt9"])
def test_a_group_is_not_called_like_a_device(tmp_path, name):
    """A group that has the name of a device on Windows gets another file, and no cache."""
    assert parquet_name(name) == f"{name}_.parquet"
    assert parquet_name(f"{name}sole") == f"{name}sole.parquet"
    cache = Cache(tmp_path / "export.zip", "")
    assert cache.begin(name) is None
    assert cache.reading(name) is None


@pytest.mark.parametrize("before", [True, False], ids=["there before", "new"])
def test_windows_has_one_folder_and_finds_the_old_one(monkeypatch, tmp_path, before):
    """The folder is named once; one from before, inside another of its name, is used on."""
    monkeypatch.setattr(platformdirs, "PlatformDirs", Windows)
    monkeypatch.setattr("platformdirs.windows.get_win_folder", lambda _: str(tmp_path))
    name = "intercom-export-widgets"
    folder = tmp_path / name / name if before else tmp_path / name
    folder.mkdir(parents=True)
    assert default_folder() == folder / "exports"
    assert default_ledger() == folder / "ledger.sqlite"
