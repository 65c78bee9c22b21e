"""Tables to look at: bounded, masked, escaped, and interactive where widgets live."""

from __future__ import annotations

import json
import re

import nbformat
import pandas as pd
import pyarrow as pa
import pytest
from conftest import TOKEN
from form_page import SECONDS, change_theme
from playwright.sync_api import expect

from intercom_export_widgets.data.tableview import Sample, TableView, view_of_frame
from intercom_export_widgets.errors import InputError, TableNotFoundError

MARKUP = "<img src=x onerror=window.hurt=1>"


@pytest.fixture
def export(session):
    """Two days of the sandbox's June."""
    return session.submit("2018-06-01 2018-06-02").wait()


def test_rows_are_few_and_evenly_taken_and_the_caption_says_so(export):
    """Every n-th row from first to last, never more than asked for; small tables are whole."""
    receipts = export.receipts
    view = export.show(rows=50)
    assert 40 <= len(view.frame) <= 50
    every = -(-len(receipts) // 50)
    assert list(view.frame.receipt_id) == list(receipts.receipt_id[::every])
    assert f"{len(view.frame)} of {len(receipts):,} rows, evenly taken" in view.caption
    assert "Sandbox: synthetic data" in view.caption
    assert len(export.show("clicks").frame) == len(export.tables["click"])


@pytest.mark.parametrize("sizes", [(1, 1, 1), (10, 3, 25), (100,), (7, 0, 7)])
def test_a_sample_goes_on_across_batches(sizes):
    """Which rows are taken does not depend on how they come."""
    sample, numbers = Sample(4), iter(range(1000))
    for size in sizes:
        sample.add(pa.record_batch({"n": pa.array([next(numbers) for _ in range(size)])}))
    taken = [n for batch in sample.taken for n in batch.column("n").to_pylist()]
    assert taken == list(range(0, sum(sizes), 4))


def test_names_and_addresses_are_masked_until_asked_for(export):
    """Neither text, HTML nor repr has a name or an address, wherever it stands, before that."""
    receipts = export.receipts
    people = {*receipts.name.dropna(), *receipts.email.dropna()} - {""}
    masked = export.show()
    for form in (masked.as_html(), masked.as_text(), repr(masked), masked.shown.to_json()):
        assert not [person for person in people if f">{person}<" in form or f'"{person}"' in form]
        assert "@example" not in form
    asked = export.show(masked=False)
    assert list(asked.shown.email) == list(receipts.email.fillna(""))
    said = "Names and addresses are shown, also to whoever is given this output."
    assert said in asked.as_html()
    assert said in asked.as_text()
    assert "Names and addresses are masked." in asked.as_masked().as_text()
    assert "•••" in asked.as_masked().as_html()
    odd = view_of_frame(pd.DataFrame({"user_external_id": ["ada@example.org", "7"]}), "odd")
    assert list(odd.shown.user_external_id) == ["7", "a•••@e•••"]


def test_columns_without_a_value_are_left_out_unless_named(export):
    """Fifty columns of nothing are no table to look at; those that were named come in order."""
    view = export.show(rows=100)
    assert not (view.frame == "").all().any()
    assert re.search(r"\d+ empty columns are left out", view.caption)
    named = export.show(columns=["first_push_failure", "email"])
    assert list(named.frame.columns) == ["first_push_failure", "email"]


def test_what_can_not_be_shown_says_why(export):
    """Too many rows, a wrong column and a wrong table are one sentence each."""
    with pytest.raises(InputError, match="1 to 10,000 rows"):
        export.show(rows=1_000_000)
    with pytest.raises(InputError, match="no column 'emial'"):
        export.show(columns=["emial"])
    with pytest.raises(TableNotFoundError):
        export.show("clik")


def test_cells_are_escaped_and_bounded():
    """Markup in a cell or a name is text, and a huge cell is cut."""
    view = TableView(pd.DataFrame({MARKUP: [MARKUP, "x" * 9]}), MARKUP, masked=True)
    assert "<img" not in view.as_html()
    assert 'tabindex="0" role="group" aria-label="Rows"' in view.as_html()
    long = view_of_frame(pd.DataFrame({"title": ["x" * 100_000]}), "long")
    assert len(long.frame.title[0]) == 201
    assert max(map(len, repr(long).splitlines())) < 100
    assert "long: 1 row," in repr(long)


@pytest.mark.kernel
def test_the_magic_shows_them_and_a_dataframe_stays_one(sandbox, monkeypatch):
    """Under nbclient --interactive is masked HTML without a widget; else it is a DataFrame."""
    monkeypatch.setenv("INTERCOM_ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
    cells = (
        "%load_ext intercom_export_widgets",
        f"%config IntercomExport.base_url = '{sandbox.base_url}'",
        "%intercom_export 2018-06-01 --interactive",
        "%intercom_export log --interactive",
        "clicks = %intercom_export 2018-06-01 --table click\nprint(type(clicks).__name__)",
    )
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in cells])
    from nbclient import NotebookClient

    NotebookClient(book, timeout=60, kernel_name="python3").execute()
    told = json.dumps(book)
    assert "widget-view" not in told
    assert "•••@" in json.dumps(book, ensure_ascii=False)
    assert "log: 1 row, the last one first" in told
    assert "DataFrame" in book.cells[4].outputs[-1]["text"]


@pytest.mark.browser
def test_the_table_sorts_searches_and_runs_no_script_and_reads_well_when_saved(setup, notebook):
    """A hostile title is text in the live table; saved, it is masked plain HTML."""
    from conftest import ARTIFACTS

    code = (
        "import zipfile\n"
        f"evil = '{MARKUP}<script>window.hurt=1</script>'\n"
        "rows = ''.join(f'r{n:03},ada{n}@example.org,Ada Lovelace,{evil},{1527811200 + n * 60}\\n'"
        " for n in range(300))\n"
        f"head = 'receipt_id,email,name,{MARKUP},received_at\\n'\n"
        "with zipfile.ZipFile('evil.zip', 'w') as packed:\n"
        "    packed.writestr('receipt_20180701-000000.csv', head + rows)\n"
        "export = %intercom_export load evil.zip\n"
        "export.show(masked=False)"
    )
    book = notebook(setup, code, "%intercom_export log --all --interactive")
    fetched = []
    book.page.on("request", lambda asked: fetched.append(asked.url))
    book.run(0)
    cell = book.run(1)
    table = cell.locator(".itables_anywidget tbody")
    expect(table.locator("tr")).to_have_count(10, timeout=30 * SECONDS)
    expect(table).to_contain_text(MARKUP)
    expect(table).to_contain_text("Ada Lovelace")
    expect(cell).to_contain_text("receipt: 300 rows.")
    expect(cell).to_contain_text("masked, unless its widgets' state is saved, too")
    expect(cell.get_by_role("button", name="Copy")).to_be_visible()
    static = cell.locator(".iew-static")
    expect(static).to_be_hidden()
    cell.get_by_role("searchbox").fill("r123")
    expect(table.locator("tr")).to_have_count(1)
    cell.get_by_role("searchbox").fill("")
    head = cell.locator(".itables_anywidget thead .dt-column-order").first
    for place in ("r000", "r299"):
        head.click()
        expect(table.locator("tr").first).to_contain_text(place)
    for theme in ("Dark", "Light"):
        change_theme(book.page, theme)
        cell.locator(".jp-OutputArea").screenshot(path=ARTIFACTS / f"table-{theme}.png")
    assert book.page.evaluate("window.hurt") is None
    ours = (book.lab.url, "data:", "blob:", "ws:")
    assert not [url for url in fetched if not url.startswith(ours)]
    expect(book.run(2).locator("table").first).to_be_visible()
    saved = json.dumps(book.save())
    assert "Ada Lovelace" not in saved.split("export.show(masked=False)")[1]
    assert len(saved) < 200_000
    book.close()
    static = book.open().cell(1).locator(".iew-static")
    expect(static).to_be_visible()
    expect(static).to_contain_text("A••• L•••")
