"""What repo2docker makes of ``binder/``, without Docker: its Dockerfile, and a replay of it.

The replay is a fresh virtual environment of the same Python, with the packages of
repo2docker's own frozen base image, into which ``binder/`` is installed as the Dockerfile says.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import warnings
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
BINDER = ROOT / "binder"
BASE_IMAGE = ("httpx", "ipykernel", "ipython", "ipywidgets", "jupyter_client", "platformdirs")
BASE_IMAGE += ("pip", "pyzmq", "tornado", "traitlets")
"""What the base image brings of what a kernel of ours uses."""


def picked():
    """Return the build pack that repo2docker picks for this repository."""
    with warnings.catch_warnings():
        # repo2docker imports what python-json-logger has given another name.
        warnings.simplefilter("ignore", DeprecationWarning)
        from repo2docker.app import Repo2Docker
    app = Repo2Docker()
    with contextlib.chdir(ROOT):
        packs = (kind(base_image=app.base_image) for kind in app.buildpacks)
        pack = next(pack for pack in packs if pack.detect())
        pack.platform = "linux/amd64"
        assert pack.python_version
    return pack


def dockerfile(pack):
    """Return the Dockerfile that it writes."""
    with contextlib.chdir(ROOT):
        return pack.render({"NB_USER": "jovyan", "NB_UID": "1000"})


def base_image(python):
    """Return the packages and versions of repo2docker's frozen base image for that Python."""
    folder = files("repo2docker.buildpacks.conda")
    lock = folder.joinpath(f"environment.py-{python}-linux-64.lock").read_text(encoding="utf-8")
    found = re.findall(r"/([^/]+)-([^-/]+)-[^-/]+\.conda", lock)
    return {canonicalize_name(name): version for name, version in found}


def requirements():
    """Return what ``binder/requirements.txt`` asks for."""
    lines = (BINDER / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


class Replay:
    """A fresh environment, built as the image would be.

    Parameters
    ----------
    folder : pathlib.Path
        An empty folder.

    Attributes
    ----------
    seconds : float
        How long ``requirements.txt`` and ``postBuild`` took.
    """

    def __init__(self, folder):
        self.prefix = folder / "environment"
        self.home = folder / "home"
        self.home.mkdir()
        self._source = folder / "repository"
        self._uv("venv", "--no-python-downloads", "--python", sys.executable, self.prefix)
        base = base_image(picked().python_version)
        self._install(*(f"{name}=={base[canonicalize_name(name)]}" for name in BASE_IMAGE))
        begin = time.monotonic()
        self._install("-r", BINDER / "requirements.txt")
        self._post_build()
        self.seconds = time.monotonic() - begin
        self._write_kernel()

    @property
    def python(self):
        """Its interpreter."""
        return self.prefix / "bin" / "python"

    @cached_property
    def megabytes(self):
        """How much lies in it, of 1,000,000 bytes each."""
        files = (
            path for path in self.prefix.rglob("*") if path.is_file() and not path.is_symlink()
        )
        return sum(path.stat().st_size for path in files) / 1_000_000

    @property
    def environment(self):
        """The variables that a process in it finds: none of ours but where to find packages."""
        kept = ("JUPYTER", "INTERCOM", "XDG", "IPYTHON", "PYTHON", "VIRTUAL_ENV")
        mine = {name: value for name, value in os.environ.items() if not name.startswith(kept)}
        path = f"{self.prefix / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return mine | {"PATH": path, "HOME": str(self.home), "VIRTUAL_ENV": str(self.prefix)}

    def run(self, *command, **options):
        """Run a command in it; what it says stands in the error if it fails."""
        done = subprocess.run(
            [str(part) for part in command],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            **options,
        )
        assert done.returncode == 0, f"{command}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def _write_kernel(self):
        """Let its kernel be found, as ``binder``, by whoever has its home in JUPYTER_PATH."""
        command = [str(self.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = {"argv": command, "display_name": "Binder", "language": "python"}
        folder = self.home / "kernels" / "binder"
        folder.mkdir(parents=True)
        (folder / "kernel.json").write_text(json.dumps(spec))

    def _uv(self, *arguments):
        self.run(sys.executable, "-m", "uv", *arguments)

    def _install(self, *arguments):
        self._uv("pip", "install", "--quiet", "--python", self.python, *arguments)

    def _post_build(self):
        """Run the script from a copy of the repository, as the Dockerfile does at its end."""
        ignored = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "tests")
        shutil.copytree(ROOT, self._source, ignore=ignored)
        self.run(self._source / "binder" / "postBuild", cwd=self._source)
