"""The benchmark tool's arithmetic, and that the README shows its targets."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import SimpleNamespace

import pytest

HERE = Path(__file__).parent
SUBJECTS = ("table", "parquet", "one_pass", "start", "client", "backfill", "queueing")
LIMITS = {
    "table": [0.7, 0.45, 0.45],
    "parquet": [0.8, 300],
    "one_pass": [1.1, 1.25],
    "start": [150, 0],
    "client": [1.2, 1.2],
    "backfill": [0.75],
    "queueing": [0.2, 5, 5],
}


@pytest.fixture(autouse=True)
def _reachable(monkeypatch):
    """Let the tool's modules be imported, as they are by each other."""
    monkeypatch.syspath_prepend(HERE / "benchmarks")


def rounds(*seconds):
    """Return what one contestant measured in some rounds."""
    return [{"ours": {"seconds": each, "peak": 1.0}} for each in seconds]


def test_targets_are_judged_round_by_round():
    """A target's line has the median of the rounds with its spread, and says if it is missed."""
    result = importlib.import_module("result")
    reached = result.Target("fast", 2, result.value("ours"), "s")
    missed = result.Target("faster", 0.5, result.ratio("ours", "ours"))
    lines = result.judge(SimpleNamespace(TARGETS=[reached, missed]), "A", rounds(1.0, 2.0, 9.0))
    assert lines == [
        "| A | fast | 2 s | 2.00 (1.00 to 9.00) s |",
        "| A | faster | 0.5 | 1.00 (1.00 to 1.00) **missed** |",
    ]


@pytest.mark.parametrize(("share", "said"), [(0.97, "(idle)"), (0.6, "(busy: ")])
def test_how_busy_the_machine_was_is_said(share, said):
    """The calibration loop's share of the cores decides whether numbers can be trusted."""
    calibration = importlib.import_module("calibration")
    line = calibration.busy_line([(0.2, 0.99), (0.3, share)])
    assert "0.20 to 0.30 s" in line
    assert f"{share:.0%} to 99%" in line
    assert said in line


@pytest.mark.parametrize("name", SUBJECTS)
def test_each_target_stands_in_the_readme(name):
    """The subjects have the agreed limits, and the README's table has a line for each."""
    subject = importlib.import_module(f"subjects.{name}")
    assert [target.limit for target in subject.TARGETS] == LIMITS[name]
    readme = (HERE.parent / "README.md").read_text(encoding="utf-8")
    for target in subject.TARGETS:
        unit = f" {target.unit}" if target.unit else ""
        assert f"| {target.sentence} | {target.limit:g}{unit} |" in readme
