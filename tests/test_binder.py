"""Binder: what repo2docker would build, asserted from its own Python API."""

from __future__ import annotations

import json
import os
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import binder
from intercom_export_widgets.notebook.frontend import ask_hidden


def test_repo2docker_builds_for_python_and_nothing_else():
    """The binder folder alone is looked at, and says the Python that these tests run on CI."""
    pack = binder.picked()
    assert type(pack).__name__ == "PythonBuildPack"
    assert pack.binder_dir == "binder"
    assert f"python-{pack.python_version}" == (binder.BINDER / "runtime.txt").read_text().strip()
    assert not pack.separate_kernel_env
    requires = tomllib.loads((binder.ROOT / "pyproject.toml").read_text())["project"]
    assert requires["requires-python"] == f">={pack.python_version}"
    assert {path.name for path in binder.BINDER.iterdir()} == {
        "postBuild",
        "requirements.txt",
        "runtime.txt",
    }


def test_the_layer_of_requirements_does_not_depend_on_the_code():
    """Requirements come before the repository is copied, so that the layer stays cached."""
    lines = binder.dockerfile(binder.picked()).splitlines()
    install = next(n for n, line in enumerate(lines) if '-r "binder/requirements.txt"' in line)
    copied = [n for n, line in enumerate(lines) if line.startswith("COPY") and " src/ " in line]
    script = next(n for n, line in enumerate(lines) if line.endswith("RUN ./binder/postBuild"))
    assert copied
    assert install < copied[-1] < script
    assert os.access(binder.BINDER / "postBuild", os.X_OK)


def test_every_dependency_is_pinned_or_in_the_base_image():
    """What the package asks for is met by a pin, or else by the version of the base image."""
    pins = {canonicalize_name(each.name): each for each in binder.requirements()}
    for each in pins.values():
        assert [spec.operator for spec in each.specifier] == ["=="], each
    found = binder.base_image(binder.picked().python_version)
    found |= {name: next(iter(each.specifier)).version for name, each in pins.items()}
    project = tomllib.loads((binder.ROOT / "pyproject.toml").read_text())
    asked = project["project"]["dependencies"] + project["build-system"]["requires"]
    for each in map(Requirement, asked):
        version = found[canonicalize_name(each.name)]
        assert each.specifier.contains(version), f"{each}: Binder would have {version}"


def test_the_kernel_is_one_that_leaves_no_cell_unread():
    """Kernels before 7.4 may: ipython/ipykernel#1529."""
    (kernel,) = (each for each in binder.requirements() if each.name == "ipykernel")
    assert not any(kernel.specifier.contains(old) for old in ("7.0.1", "7.1.0", "7.3.0"))


def test_a_launch_opens_the_first_notebook(replay):
    """The built environment is small, has the package, and opens a notebook that exists."""
    settings = json.loads((replay.home / ".jupyter" / "jupyter_server_config.json").read_text())
    opened = settings["ServerApp"]["default_url"].removeprefix("/lab/tree/")
    assert (binder.ROOT / opened).is_file()
    version = replay.run(
        replay.python, "-c", "import intercom_export_widgets as it; print(it.__version__)"
    )
    assert version.strip()
    assert replay.megabytes < 550, f"{replay.megabytes:.0f} MB, installed in {replay.seconds:.0f} s"


def test_whoever_types_a_token_on_binder_is_warned_first(monkeypatch, capsys):
    """The prompt of a terminal or cell comes after the warning, and elsewhere there is none."""
    said = []
    monkeypatch.setattr("getpass.getpass", lambda prompt: said.append(prompt) or "typed")
    for name in ("BINDER_LAUNCH_HOST", "BINDER_REPO_URL", "BINDER_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    assert ask_hidden("Token: ") == "typed"
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("BINDER_REPO_URL", "https://github.com/somebody/something")
    assert ask_hidden("Token: ") == "typed"
    assert capsys.readouterr().err.startswith("This is Binder: don't enter a real token here.")
    assert said == ["Token: ", "Token: "]
