"""The house: rooms, style, and that documentation moves with the code."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import intercom_export_widgets
from intercom_export_widgets import errors

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "intercom_export_widgets"
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted(Path(__file__).parent.rglob("test_*.py"))
README = (ROOT / "README.md").read_text(encoding="utf-8")

STAIR = {
    "notebook": {"notebook", "jobs", "intercom", "data", "errors", "arguments", "disk", "sandbox"},
    "jobs": {"jobs", "intercom", "data", "errors", "arguments", "disk"},
    "intercom": {"intercom", "errors", "arguments", "disk"},
    "data": {"data", "errors", "arguments", "disk"},
    "sandbox": {"sandbox"},
    "errors": set(),
    "arguments": {"errors"},
    "disk": {"errors"},
}
"""Which rooms each room may import; only a face may start the sandbox."""


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path):
    """Yield the rooms of this package that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"intercom_export_widgets.{room_of(path)}."]
        for name in names:
            if name.startswith("intercom_export_widgets.") and not name.endswith("__version__"):
                yield name.split(".")[1]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down_the_stair(path):
    """No module imports from a room above its own, and the sandbox from none."""
    room = room_of(path)
    if room in {"__init__", "__main__"}:
        return
    assert set(imports_of(path)) <= STAIR[room]


ORDERED = ["intercom", "sandbox"]
"""The rooms whose docstring gives their order."""


@pytest.mark.parametrize("room", ORDERED)
def test_files_import_only_those_before_them(room):
    """The docstring of a room names its files in order; types count as imports too."""
    prefix = f"intercom_export_widgets.{room}."
    text = ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text()))
    order = re.findall(r"`(\w+)`", text.partition("in this order")[2].partition("\n\n")[0])
    assert sorted(order) == sorted(
        path.stem for path in (PACKAGE / room).glob("*.py") if path.stem != "__init__"
    )
    for place, name in enumerate(order):
        tree = ast.parse((PACKAGE / room / f"{name}.py").read_text())
        found = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        inner = {module.removeprefix(prefix) for module in found if module.startswith(prefix)}
        assert inner <= set(order[:place]), name


def test_only_the_client_speaks_http():
    """httpx is imported in the room that speaks to the API and nowhere else."""
    users = {room_of(path) for path in MODULES if re.search(r"\bimport httpx", path.read_text())}
    assert users == {"intercom"}


@pytest.mark.parametrize(
    "module",
    [
        "intercom_export_widgets",
        "intercom_export_widgets.jobs.session",
        "intercom_export_widgets.data.tables",
        "intercom_export_widgets.intercom.client",
        "intercom_export_widgets.sandbox",
    ],
)
def test_importing_is_light(module):
    """Importing the package or a lower room imports no pandas, IPython or widgets."""
    heavy = "{'pandas', 'pyarrow', 'IPython', 'ipywidgets', 'anywidget', 'numpy'}"
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_public_names_are_complete_and_importable():
    """Every name in __all__ resolves, and dir() lists just those."""
    for name in intercom_export_widgets.__all__:
        assert getattr(intercom_export_widgets, name) is not None
    assert dir(intercom_export_widgets) == sorted(intercom_export_widgets.__all__)
    with pytest.raises(AttributeError):
        _ = intercom_export_widgets.nothing_of_the_kind


def error_classes():
    return [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.IntercomExportError)
    ]


def test_every_error_stands_in_the_tree_the_list_and_the_readme():
    """errors.py's docstring and __all__, and the README, name each error."""
    for error in error_classes():
        assert error.__name__ in errors.__doc__
        assert error.__name__ in errors.__all__
        assert f"`{error.__name__}`" in README


def test_every_error_is_one_line_that_ends_with_advice():
    """However many lines the server's words have, an error shows as one."""
    for error in error_classes():
        shown = error("what\nhappened", advice="Do that.")._render_traceback_()
        assert shown == [f"{error.__name__}: what happened. Do that."]


def test_every_module_says_its_place():
    """Each module of the package begins with a docstring."""
    for path in MODULES:
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_every_test_says_its_property_in_one_sentence(path):
    """Each test function has a docstring of one line that ends with a full stop."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            said = ast.get_docstring(node) or ""
            assert said.endswith("."), f"{node.name}: {said!r}"


def test_ruff_is_clean():
    """Every rule that is not excepted with a reason holds, and the format too."""
    for arguments in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, "--no-cache", "."],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-4000:]


def test_mypy_is_strictly_clean():
    """The package type-checks under --strict."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:]


def test_every_exception_from_a_rule_has_its_reason():
    """A noqa or a type-ignore without a reason beside it is none."""
    for path in [*MODULES, *TESTS]:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if match := re.search(r"#\s*(noqa|type: ignore)(.*)$", line):
                reason = re.sub(r"^(:\s*[A-Z0-9, ]+|\[[a-z, -]+\])", "", match[2])
                assert len(reason.strip(" -#")) > 5, f"{path}:{number}"  # noqa: PLR2004, RUF100 - a word at least


def test_ci_calls_the_command_of_the_readme():
    """The README's test command is a line of .ci/run as it stands."""
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    (command,) = re.findall(r"^python3 -m venv .*pytest$", README, re.MULTILINE)
    assert command in lines


def test_the_top_level_holds_nothing_else():
    """Only what belongs there is committed at the top."""
    listed = subprocess.run(
        ["git", "ls-files"],  # noqa: S607 - whichever git there is
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    tops = {name.split("/")[0] for name in listed.stdout.splitlines()}
    allowed = {"pyproject.toml", "README.md", "intercom_export_widgets", "notebooks", "tests"}
    allowed |= {"binder", "LICENSE", "CHANGELOG.md"}
    assert {top for top in tops if not top.startswith(".")} <= allowed
