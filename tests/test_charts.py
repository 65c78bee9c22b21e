"""Altair charts: what they hold, and that they show themselves without a network."""

from __future__ import annotations

import json
import re
import sys

import nbformat
import pyarrow as pa
import pytest
from form_page import SECONDS, change_theme
from playwright.sync_api import expect
from test_figures import Held, batch

from intercom_export_widgets.data.altair_charts import CHARTS, VEGA_LITE, chart_of
from intercom_export_widgets.data.chart_data import figures_of
from intercom_export_widgets.errors import InputError, PackageMissingError


@pytest.fixture
def export(session):
    """Two weeks of the sandbox's June."""
    return session.submit("2018-06-01 2018-06-14").wait()


def test_charts_are_altairs_own_and_say_what_they_are(export):
    """Each is a LayerChart with a title, its denominator, the observed-until and a description."""
    import altair as alt

    for name in CHARTS:
        chart = export.chart(name)
        assert isinstance(chart, alt.LayerChart)
        told = chart.to_dict()
        note = " ".join(told["title"]["subtitle"])
        assert "Sandbox: synthetic data" in note
        assert "eliveries" in note
        assert told["description"]
        assert "UTC" in note
    assert isinstance(export.chart(), alt.VConcatChart)


def test_a_chart_is_shown_by_jupyterlabs_own_vega_or_as_a_drawing(export):
    """Its forms are Vega-Lite 5, SVG and words: none of them loads anything."""
    bundle = export.chart("curve")._repr_mimebundle_()
    assert set(bundle) == {VEGA_LITE, "image/svg+xml", "text/plain"}
    assert bundle[VEGA_LITE]["background"] == "transparent"
    assert bundle["image/svg+xml"].startswith("<svg ")
    assert "cdn" not in json.dumps(bundle)
    assert "within 24 hours" in bundle["text/plain"]


def test_a_chart_is_saved_as_a_vector_picture_without_another_package(export, tmp_path):
    """An SVG is the drawing; JSON, HTML and what was changed are saved as Altair saves them."""
    chart = export.chart()
    chart.save(tmp_path / "june.svg")
    assert (tmp_path / "june.svg").read_text() == chart._repr_mimebundle_()["image/svg+xml"]
    chart.save(str(tmp_path / "june"), format="svg")
    assert (tmp_path / "june").read_bytes() == (tmp_path / "june.svg").read_bytes()
    chart.save(tmp_path / "june.json")
    assert json.loads((tmp_path / "june.json").read_text()) == chart.to_dict()
    with pytest.raises(ValueError, match="vl-convert"):
        export.chart("curve").properties(width=200).save(tmp_path / "changed.svg")


def test_what_is_made_of_a_chart_needs_no_network_either(export):
    """Changed, layered or side by side it is Vega-Lite still; a drawing only if it is the same."""
    chart = export.chart("curve")
    assert set(chart.properties(width=200)._repr_mimebundle_()) == {VEGA_LITE, "text/plain"}
    assert set((chart + chart)._repr_mimebundle_()) == {VEGA_LITE, "text/plain"}
    for both in (chart | export.chart("messages"), chart & export.chart("messages")):
        assert set(both._repr_mimebundle_()) == {VEGA_LITE, "image/svg+xml", "text/plain"}
    import altair as alt

    with alt.renderers.enable("json"):
        assert "application/json" in chart._repr_mimebundle_()[0]


def test_a_chart_is_small_however_long_the_range(session):
    """All three together hold less than 200 kB, the table is many times that."""
    export = session.submit("2017-06-01 2018-05-31").wait()
    assert export.progress.rows["receipt"] > 40_000
    assert len(json.dumps(export.chart().to_dict())) < 200_000


def test_a_wrong_name_and_a_missing_library_say_what_to_do(export, monkeypatch):
    """The names there are, the one that was meant; and the line for pip."""
    with pytest.raises(InputError, match="Did you mean 'messages'"):
        export.chart("mesages")
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(
        PackageMissingError, match=r'pip install "intercom-export-widgets\[charts\]"'
    ):
        export.chart()


def test_why_nothing_is_drawn_is_told_apart():
    """Nothing delivered is one thing, deliveries that do not say when are another."""
    with pytest.raises(InputError, match="Nothing was delivered"):
        chart_of(figures_of(Held()))
    undated = figures_of(Held(pa.record_batch({"content_title": pa.array(["Welcome"])})))
    with pytest.raises(InputError, match=r"of 1 delivery, none says when .*chart\('messages'\)"):
        chart_of(undated, "deliveries")
    assert chart_of(undated).to_dict()["title"]["text"] == "Opened and clicked, of those sent"


def test_long_titles_are_cut_wherever_they_stand():
    """No description, label or tooltip holds more than the beginning of a message's title."""
    title = "A title that goes on and on, " * 20
    table = batch(40, content_title=pa.array([title] * 40).dictionary_encode())
    told = json.dumps(chart_of(figures_of(Held(table)), "messages").to_dict())
    assert title[:40].strip() in told
    assert title[:100] not in told


@pytest.mark.browser
def test_charts_are_drawn_offline_in_both_themes_and_on_an_exported_page(setup, notebook, lab):
    """JupyterLab draws them with nothing from outside; nbconvert's page holds the drawing."""
    from conftest import ARTIFACTS

    book = notebook(
        setup, "export = %intercom_export 2018-06-01 2018-06-14 --wait", "export.chart()"
    )
    page, fetched = book.page, []
    page.on("request", lambda asked: fetched.append(asked.url))
    book.run(0)
    book.run(1)
    for theme in ("Dark", "Light"):
        change_theme(page, theme)
        book.run(2)
        drawn = book.cell(2).locator(".vega-embed canvas, .vega-embed svg").first
        expect(drawn).to_be_visible(timeout=30 * SECONDS)
        size = page.viewport_size
        page.set_viewport_size({"width": 1280, "height": 2200})
        book.cell(2).locator(".jp-OutputArea").screenshot(path=ARTIFACTS / f"charts-{theme}.png")
        page.set_viewport_size(size)
    assert drawn.bounding_box()["height"] > 700
    assert not [url for url in fetched if not url.startswith((lab.url, "data:", "blob:", "ws:"))]
    book.save()
    saved = nbformat.read(lab.notebooks / book.name, as_version=4)
    from nbconvert import HTMLExporter

    html, _ = HTMLExporter().from_notebook_node(saved)
    static = page.context.new_page()
    try:
        static.route(re.compile("^https?:"), lambda route: route.abort())
        static.set_content(html)
        image = static.locator(".jp-RenderedSVG img")
        expect(image).to_be_visible()
        assert image.evaluate("image => image.naturalHeight") > 700
    finally:
        static.close()
