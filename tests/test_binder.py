"""Binder: what repo2docker would build, asserted from its own Python API."""

from __future__ import annotations

import json
import os
import tomllib

import badges
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import binder
from intercom_export_widgets.notebook.frontend import ask_hidden

pytestmark = pytest.mark.binder


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


@pytest.mark.parametrize("path", sorted(badges.NOTEBOOKS.glob("*.ipynb")), ids=lambda p: p.stem)
def test_each_notebook_has_its_badge(path):
    """What is committed is what `python tests/badges.py` writes, and no badge leads nowhere."""
    text = path.read_text(encoding="utf-8")
    assert badges.badged(text, badges.address(), path.name) == text, "run tests/badges.py"
    target = badges.launch("https://github.com/someone/project", path.name)
    written = badges.badged(text, "https://github.com/someone/project", path.name)
    for found, leads_to in ((badges.badged(text, "", path.name), badges.HERE), (written, target)):
        title, badge, story = "".join(json.loads(found)["cells"][0]["source"]).split("\n\n", 2)
        assert title.startswith("# ")
        assert badge == f"[![Launch on Binder]({badges.PICTURE})]({leads_to})"
        assert story
    assert badges.badged(written, badges.address(), path.name) == text


def test_a_badge_without_an_address_leads_to_what_can_be_done():
    """The heading that it names stands in README, which says how a copy is launched."""
    name, _, anchor = badges.HERE.partition("#")
    text = (badges.NOTEBOOKS / name).read_text(encoding="utf-8")
    section = text.split(f"\n## {anchor.title()}\n")[1].split("\n## ")[0]
    assert "https://mybinder.org" in section


@pytest.mark.parametrize(
    ("repository", "spec"),
    [
        ("https://github.com/someone/project", "gh/someone/project/HEAD"),
        ("https://github.com/someone/project.git/", "gh/someone/project/HEAD"),
        ("https://gitlab.com/group/sub/project", "gl/group%2Fsub%2Fproject/HEAD"),
        ("https://example.org/p.git", "git/https%3A%2F%2Fexample.org%2Fp.git/HEAD"),
    ],
)
def test_a_badge_opens_its_notebook_wherever_the_repository_lies(repository, spec):
    """The forms of mybinder.org's addresses, by who keeps the repository."""
    assert badges.launch(repository, "6_dask.ipynb") == (
        f"https://mybinder.org/v2/{spec}?labpath=notebooks%2F6_dask.ipynb"
    )


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
