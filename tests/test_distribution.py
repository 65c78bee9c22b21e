"""The distributions: how they are built, what they say of themselves, and the workflow."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
WORKFLOW = ROOT / ".github" / "workflows" / "tests.yml"


def run(*command):
    """Run a command in the repository, and return what it prints; it must succeed."""
    done = subprocess.run(
        [*map(str, command)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The sdist and the wheel, as ``python -m build`` makes them, the wheel from the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--installer", "uv", "--outdir", folder, ROOT)
    return sorted(folder.iterdir())


@pytest.mark.slow
def test_twine_accepts_what_is_built(built):
    """An sdist and a wheel are built, and ``twine check --strict`` has nothing to say."""
    assert [path.suffix for path in built] == [".whl", ".gz"]
    said = run(sys.executable, "-m", "twine", "--no-color", "check", "--strict", *built)
    assert said.count("PASSED") == len(built)


@pytest.mark.slow
def test_wheel_contents_are_in_order(built):
    """``check-wheel-contents`` finds no stray file, and the page's script and style are inside."""
    wheel = built[0]
    assert "OK" in run(sys.executable, "-m", "check_wheel_contents", "--no-config", wheel)
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
        (metadata,) = (name for name in names if name.endswith("/METADATA"))
        said = HeaderParser().parsestr(file.read(metadata).decode())
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {
        "intercom_export_widgets"
    }
    package = ROOT / "intercom_export_widgets"
    pages = {path.relative_to(ROOT).as_posix() for path in (package / "notebook/page").iterdir()}
    assert pages | {"intercom_export_widgets/py.typed"} <= names
    assert said["Requires-Python"] == ">=3.11"


def test_classifiers_name_the_pythons_that_are_tested():
    """Classifiers, the workflow and .ci/run name the same Pythons."""
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    matrix = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]["quick"]["strategy"]
    assert named == matrix["matrix"]["python"] == PYTHONS
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert all(version in ci for version in PYTHONS[1:])


def test_workflow_calls_the_commands_of_the_readme():
    """Every command that the workflow runs stands in the README as it is."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    jobs = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
    commands = [
        line
        for job in jobs.values()
        for step in job["steps"]
        for line in step.get("run", "").split("\n")
    ]
    assert [line for line in commands if line and line not in readme] == []


def test_actionlint_accepts_the_workflow():
    """Where actionlint is installed, it has nothing to say."""
    found = shutil.which("actionlint")
    if found is None:
        pytest.skip("actionlint is not installed here: the workflow is not checked.")
    run(found, WORKFLOW)
