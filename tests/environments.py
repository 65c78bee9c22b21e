"""Environments to install the built wheel into: the lowest versions, two hosts', the newest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpecManager
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Environment:
    """A Python and the packages that are there before ours.

    Attributes
    ----------
    python : str
        Its version.
    pins : tuple of str
        Requirements, exact where a host has them.
    lowest : bool
        Whether ours brings the lowest versions that it allows, else the newest.
    extra : str
        What of ours is installed, such as ``[charts]``.
    """

    python: str
    pins: tuple[str, ...] = ()
    lowest: bool = False
    extra: str = ""


ENVIRONMENTS = {
    "lowest": Environment("3.11", lowest=True, extra="[charts]"),
    # As googlecolab/backend-info lists them.
    "colab": Environment(
        "3.13",
        (
            "altair==5.5.0",
            "anywidget==0.9.21",
            "httpx==0.28.1",
            "ipykernel==6.17.1",
            "ipython==7.34.0",
            "ipywidgets==7.7.1",
            "numpy==2.1.3",
            "pandas==2.2.3",
            "pyarrow==18.1.0",
            "traitlets==5.7.1",
        ),
    ),
    # As aws/sagemaker-distribution lists them.
    "sagemaker": Environment(
        "3.12",
        (
            "altair==6.0.0",
            "ipykernel==7.4.0",
            "ipython==8.37.0",
            "ipywidgets==8.1.9",
            "numpy==1.26.4",
            "pandas==2.3.3",
            # From 26 on, pyarrow refuses numpy 1, and its metadata don't say so.
            "pyarrow<26",
            "starlette==1.7.0",
            "uvicorn==0.44.0",
        ),
    ),
    "newest": Environment(f"{sys.version_info[0]}.{sys.version_info[1]}", extra="[charts]"),
}


def uv(*arguments):
    """Run uv, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "uv", "--no-progress", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def build_wheel(folder):
    """Build the wheel of this checkout, and return its path."""
    uv("build", "--quiet", "--wheel", "--out-dir", folder, ROOT)
    (wheel,) = folder.glob("*.whl")
    return wheel


def find_python(version):
    """Return the interpreter of a version, from pyenv or the PATH; None if there is none."""
    pyenv = Path.home() / ".pyenv" / "versions"
    found = sorted(pyenv.glob(f"{version}.*/bin/python")) if pyenv.is_dir() else []
    if found:
        return found[-1]
    done = subprocess.run(
        [sys.executable, "-m", "uv", "python", "find", "--no-python-downloads", version],
        capture_output=True,
        text=True,
        check=False,
    )
    return Path(done.stdout.strip()) if done.returncode == 0 else None


class Built:
    """An environment in a folder.

    Parameters
    ----------
    name : str
        As in `ENVIRONMENTS`.
    folder : Path
        Where it goes.
    wheel : Path
        Ours.
    """

    def __init__(self, name, folder, wheel):
        self.asked = ENVIRONMENTS[name]
        interpreter = find_python(self.asked.python)
        if interpreter is None:
            pytest.skip(f"Python {self.asked.python} is not installed here: no {name} environment.")
        self.folder = folder
        self.python = folder / "bin" / "python"
        self.wheel = wheel
        uv("venv", "--quiet", "--python", interpreter, folder)
        self._install("pip", *([] if self.asked.lowest else ["ipykernel"]), *self.asked.pins)
        self.before = self.versions()

    def _install(self, *what):
        uv("pip", "install", "--quiet", "--python", self.python, *what)

    def would_install(self):
        """Return what pip would install with our wheel, by its own report: names to versions."""
        report = self.folder / "report.json"
        command = [self.python, "-m", "pip", "install", "--quiet", "--dry-run", "--report", report]
        done = subprocess.run(
            [*command, f"{self.wheel}{self.asked.extra}"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found = [item["metadata"] for item in json.loads(report.read_text())["install"]]
        return {canonicalize_name(each["name"]): each["version"] for each in found}

    def install(self):
        """Install our wheel."""
        if self.asked.lowest:
            extra = ["--extra", self.asked.extra.strip("[]")] if self.asked.extra else []
            lowest = ["--resolution", "lowest-direct", "-r", ROOT / "pyproject.toml"]
            self._install(*lowest, *extra)
        self._install(f"{self.wheel}{self.asked.extra}", "ipykernel")
        self.after = self.versions()

    def versions(self):
        """Return what is installed: names to versions."""
        listed = uv("pip", "list", "--quiet", "--python", self.python, "--format", "json")
        return {canonicalize_name(each["name"]): each["version"] for each in json.loads(listed)}

    def kernel(self, work):
        """Return a started kernel of this environment, working in a folder, as a manager."""
        spec = self.folder / "kernels" / "built"
        spec.mkdir(parents=True, exist_ok=True)
        argv = [str(self.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        about = {"argv": argv, "display_name": "built", "language": "python"}
        (spec / "kernel.json").write_text(json.dumps(about))
        specs = KernelSpecManager(kernel_dirs=[str(spec.parent)])
        manager = KernelManager(kernel_name="built", kernel_spec_manager=specs)
        hidden = {"PYTHONPATH", "VIRTUAL_ENV"}
        env = {name: value for name, value in os.environ.items() if name not in hidden}
        env["TMPDIR"] = str(work)  # a kernel that is killed leaves files
        manager.start_kernel(cwd=str(work), env=env)
        return manager


class Cells:
    """Runs cells in a kernel."""

    def __init__(self, manager):
        self._client = manager.blocking_client()
        self._client.start_channels()

    def wait(self):
        """Wait for the kernel to answer."""
        self._client.wait_for_ready(timeout=120)

    def run(self, code, *, watched=False):
        """Run a cell and return what it shows; ``watched`` as from a page that takes input.

        Raises
        ------
        AssertionError
            With the traceback, if the cell fails.
        """
        shown = []

        def note(message):
            kind, content = message["msg_type"], message["content"]
            if kind == "error":
                shown.append("\n".join(content["traceback"]))
            elif kind == "stream":
                shown.append(content["text"])
            elif kind in {"display_data", "execute_result"}:
                shown.append(content["data"])

        reply = self._client.execute_interactive(
            code, allow_stdin=watched, stdin_hook=lambda _: None, output_hook=note, timeout=120
        )
        assert reply["content"]["status"] == "ok", shown
        return shown

    def value(self, expression, *, watched=False):
        """Return the value of an expression, by way of JSON."""
        code = f"import json; print('VALUE', json.dumps({expression}))"
        shown = self.run(code, watched=watched)
        text = "".join(each for each in shown if isinstance(each, str))
        return json.loads(text.partition("VALUE")[2])

    def close(self):
        """Close the channels."""
        self._client.stop_channels()


def dependencies():
    """Return what pyproject.toml names as dependencies."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "dependencies"
    ]
