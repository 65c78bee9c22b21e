"""The built wheel in the lowest versions, in Colab's and SageMaker's, and in the newest."""

from __future__ import annotations

import pytest
from environments import ENVIRONMENTS, Built, Cells, build_wheel, dependencies
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

pytestmark = [pytest.mark.environments, pytest.mark.slow, pytest.mark.timeout(900)]

RANGE = "2018-06-01 2018-06-02"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built once."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def built(request, tmp_path_factory, wheel):
    """Each environment, with what it would install noted before it does."""
    made = Built(request.param, tmp_path_factory.mktemp(request.param) / "venv", wheel)
    made.planned = made.would_install()
    made.install()
    return made


@pytest.fixture
def cells(built, tmp_path):
    """A kernel there, with an export of two days from the sandbox."""
    manager = built.kernel(tmp_path)
    running = Cells(manager)
    try:
        running.wait()
        running.run(
            "%load_ext intercom_export_widgets\n"
            "%config IntercomExport.poll_interval = 0.2\n"
            "%intercom_export sandbox"
        )
        running.run(f"e = %intercom_export {RANGE} --wait")
        yield running
    finally:
        running.close()
        manager.shutdown_kernel(now=True)


def test_nothing_that_is_there_is_replaced(built):
    """By pip's own report, our wheel brings packages and changes none that a host has pinned."""
    pinned = {canonicalize_name(Requirement(pin).name) for pin in built.asked.pins}
    assert pinned <= set(built.before)
    assert not set(built.planned) & set(built.before)
    if built.asked.pins:
        kept = {name: built.after[name] for name in built.before}
        assert kept == built.before


@pytest.mark.parametrize("built", ["lowest"], indirect=True)
def test_lowest_versions_are_the_ones_named(built):
    """In the lowest environment each dependency has the version at which its bound stands."""
    for each in map(Requirement, dependencies()):
        (bound,) = (part.version for part in each.specifier if part.operator == ">=")
        found = Version(built.after[canonicalize_name(each.name)])
        assert found.release[:2] == (*Version(bound).release, 0)[:2], each


def test_main_job_in_a_kernel(cells, tmp_path):
    """The magic exports; tables, their dtypes, Parquet, the log and charts are there."""
    cells.run(f"opens = %intercom_export {RANGE} --table open\nlog = %intercom_export log")
    cells.run("import pandas, pathlib; receipts = e.receipts; e.to_parquet('mail')")
    rows = cells.value("len(receipts)")
    assert rows > 100
    text = "str" if Version(cells.value("pandas.__version__")) >= Version("2.3") else "string"
    dtypes = cells.value("receipts.dtypes.astype(str).to_dict()")
    assert {dtypes[name] for name in ("receipt_id", "user_id", "company_id", "email")} == {text}
    assert dtypes["content_type"] == "category"
    assert dtypes["received_at"] == dtypes["first_open"] == "datetime64[us, UTC]"
    assert cells.value("str(e.tables['overview'].dtypes['receipt_total'])") == "Int64"
    assert cells.value("bool(receipts['series_id'].isna().any())")
    assert cells.value("str(receipts['content_type'].cat.categories.dtype)") == text
    assert 0 < cells.value("len(opens)") <= rows
    assert cells.value("len(pandas.read_parquet('mail/receipt.parquet'))") == rows
    assert (tmp_path / "mail" / "open.parquet").is_file()
    assert cells.value("log.status.tolist()") == ["completed"]
    assert cells.value("str(log.dtypes['submitted'])") == "datetime64[us, UTC]"
    assert cells.value("str(receipts['received_at'].min())[:10]") == "2018-06-01"
    assert cells.value("'$schema' in e.chart().to_dict()")


def test_what_is_read_again_is_the_same(cells):
    """A second session reads the same table from disk, and changing one leaves the other alone."""
    cells.run("first = e.receipts; second = e.read('receipt')")
    assert cells.value("bool(first.equals(second))")
    cells.run("second.loc[0, 'email'] = 'changed'")
    assert cells.value("first.loc[0, 'email'] != 'changed'")


def test_text_stands_where_no_widget_lives(cells):
    """Without a page, the export, the form and the log are text and HTML."""
    for line in ("e", "%intercom_export", "%intercom_export log --interactive"):
        (*_, shown) = cells.run(line)
        assert "application/vnd.jupyter.widget-view+json" not in shown
        assert shown["text/plain"]
        assert shown["text/html"]


def test_form_is_a_widget_with_text_beneath(cells):
    """In front of a page the form is a widget's view, and its text stands beneath."""
    view, beneath = cells.run("%intercom_export", watched=True)
    assert "application/vnd.jupyter.widget-view+json" in view
    assert "%intercom_export 2018-06-01 2018-06-30 --wait" in beneath["text/html"]
    rows = "get_ipython().run_line_magic('intercom_export', 'doctor')"
    advice = cells.value(f"{{row.check: row.advice for row in {rows}}}", watched=True)
    assert "anywidget" in advice["frontend"], "no page has answered here"
