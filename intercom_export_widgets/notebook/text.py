"""The same as the widgets, as text and as HTML, for where widgets don't live.

Everything here reads well without a kernel: in a terminal, in a saved notebook, on a
page made by nbconvert. Every string is escaped before it is HTML.
"""

from __future__ import annotations

from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.jobs.progress import attach_line, duration, status_word
from intercom_export_widgets.notebook.card import SANDBOX, describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from intercom_export_widgets.intercom.models import Job
    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.handle import Export
    from intercom_export_widgets.notebook.card import Card

__all__ = [
    "SANDBOX",
    "Note",
    "Overview",
    "card_html",
    "card_text",
    "job_html",
    "job_text",
    "line",
    "timeframe_html",
    "timeframe_text",
    "windows_note",
]

SHORT: Final = 100
"""Characters of an error in a list."""

BOX: Final = "border:1px solid #8888;border-radius:6px;padding:8px 12px;margin:4px 0;max-width:60em"


TONES: Final = {"good": "#1a7f37", "bad": "#c62828"}
"""Behind white text, which is legible whatever the page's theme."""


class Note:
    """A sentence or a small table that shows itself as text and as HTML.

    Parameters
    ----------
    text : str
        What a terminal shows.
    html : str, optional
        What a page shows, already escaped; without it, the text.
    """

    def __init__(self, text: str, html: str = "") -> None:
        self.text = text
        self.html = html or f"<pre>{escape(text)}</pre>"

    def __repr__(self) -> str:
        """Return the text."""
        return self.text

    def _repr_html_(self) -> str:
        return self.html


class Overview(list["Export"]):
    """A list of exports that shows itself as one line or card each.

    Parameters
    ----------
    exports : iterable of Export
        What is listed.
    unfinished : int
        How many jobs of this machine were not seen to end, for when none is listed.
    queue : Note, optional
        What waits for the slot.
    """

    def __init__(
        self, exports: Iterable[Export], unfinished: int = 0, queue: Note | None = None
    ) -> None:
        super().__init__(exports)
        self.unfinished = unfinished
        self.queue = queue

    def __repr__(self) -> str:
        """Return a line for each export, and for each range that waits."""
        return self._listed() if self.queue is None else f"{self._listed()}\n\n{self.queue}"

    def _listed(self) -> str:
        if not self and self.unfinished:
            return (
                f"No exports in this session yet; {self.unfinished} unfinished on this machine: "
                "%intercom_export log --all, then %intercom_export attach ID"
            )
        if not self:
            return "No exports in this session yet: %intercom_export 2018-06-01 2018-06-30"
        lines = [line(export, longest=SHORT) for export in self]
        return "\n".join([*lines, self._cut] if self._cut else lines)

    @property
    def _cut(self) -> str:
        """Where the whole of the last error is that is shown in part; empty if none is."""
        cut = [n for n, each in enumerate(self) if len(describe(each).problem) > SHORT]
        if not cut:
            return ""
        return f"Cut short: exports = %intercom_export status; exports[{cut[-1]}].error has all."

    def _repr_html_(self) -> str:
        queue = "" if self.queue is None else self.queue.html
        if not self:
            return f"<p>{escape(self._listed())}</p>{queue}"
        cards = "".join(card_html(_shortened(describe(export))) for export in self)
        return cards + (f"<p><small>{escape(self._cut)}</small></p>" if self._cut else "") + queue


def _shortened(card: Card) -> Card:
    return replace(card, problem=_short(card.problem, SHORT))


def _short(said: str, longest: int) -> str:
    return said if len(said) <= longest else f"{said[: longest - 1].rstrip()}…"


def line(export: Export, now: float | None = None, longest: int = 1000) -> str:
    """Return one line about an export, at most a few hundred characters.

    Parameters
    ----------
    export : Export
        What to describe.
    now : float, optional
        Unix seconds, to say how long it has been running.
    longest : int
        Characters of its error.
    """
    card = describe(export)
    parts = [card.label, card.title, card.identifier, card.status]
    until = card.finished_at or now
    if until is not None:
        parts.append(duration(until - card.started_at))
    if card.queued and card.next_ask_at is not None and now is not None:
        parts.append(f"next try in {duration(card.next_ask_at - now)}")
    said = " · ".join(part for part in parts if part)
    source = f"token from {card.source}" if card.source else ""
    told = card.tone != "running" or card.received or card.queued
    tail = _short(card.problem, longest) or (card.detail if told else source)
    return f"{said} · {tail}" if tail else said


def card_text(card: Card) -> str:
    """Return a card as a few lines of text."""
    lines = [" · ".join(part for part in (card.title, card.identifier, card.status) if part)]
    lines = [card.label, *lines] if card.label else lines
    lines += [text for text in (card.detail, card.problem) if text]
    if card.rows:
        lines.append("  ".join(f"{name} {count:,}" for name, count in card.rows))
    lines += [text for text in (card.path, card.code) if text]
    if card.source:
        lines.append(f"Token from {card.source}")
    if card.follow:
        lines.append(f"Follow it: {card.follow}")
    return "\n".join(lines)


def card_html(card: Card, pictures: str = "") -> str:
    """Return a card as HTML that needs no kernel, script or style sheet.

    Parameters
    ----------
    card : Card
        What to say.
    pictures : str
        HTML of its pictures.
    """
    color = TONES.get(card.tone)
    badge = f' style="background:{color};color:#fff;border-radius:3px;padding:1px 6px"'
    head = " · ".join(
        part
        for part in (
            f"<mark>{escape(card.label)}</mark>" if card.label else "",
            f"<strong>{escape(card.title)}</strong>",
            f"<code>{escape(card.identifier)}</code>" if card.identifier else "",
            f"<span{badge if color else ''}>{escape(card.status)}</span>",
        )
        if part
    )
    body = [f"<div>{escape(text)}</div>" for text in (card.detail, card.problem) if text]
    if card.rows:
        counts = ", ".join(f"{escape(str(name))} {count:,}" for name, count in card.rows)
        body.append(f"<div><small>{counts}</small></div>")
    if card.path:
        body.append(f"<div><small>{escape(card.path)}</small></div>")
    if card.code:
        body.append(f"<div><code>{escape(card.code)}</code></div>")
    if card.follow:
        body.append(f"<div>Follow it: <code>{escape(card.follow)}</code></div>")
    return f'<div style="{BOX}"><div>{head}</div>{"".join(body)}{pictures}</div>'


def job_text(job: Job) -> str:
    """Return a job as one line."""
    said = f"Job {job.job_identifier} is {status_word(job).replace('_', ' ')}"
    return said if job.status.ended else f"{said}. Follow it: {attach_line(job.job_identifier)}"


def job_html(job: Job) -> str:
    """Return a job as one line of HTML."""
    return f"<div>{escape(job_text(job))}</div>"


def timeframe_text(timeframe: Timeframe) -> str:
    """Return a range as aligned lines: local, UTC, Unix seconds, days."""
    rows = _timeframe_rows(timeframe)
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def timeframe_html(timeframe: Timeframe) -> str:
    """Return a range as a small HTML table."""
    rows = "".join(
        f'<tr><th style="text-align:left">{escape(name)}</th>'
        f'<td style="text-align:left">{escape(value)}</td></tr>'
        for name, value in _timeframe_rows(timeframe)
    )
    return f"<table>{rows}</table>"


def windows_note(windows: Sequence[Timeframe]) -> Note:
    """Return windows as a table: local days, UTC, and the Unix seconds that Intercom takes.

    Parameters
    ----------
    windows : sequence of Timeframe
        In order, one at least.
    """
    heads = ["Window", "UTC", "created_at_after", "created_at_before"]
    rows = [
        [said.local, said.utc, str(each.created_at_after), str(each.request_end)]
        for each, said in ((each, each.describe()) for each in windows)
    ]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (heads, *rows)
    ]
    end = windows[-1].describe().observed
    same = len(windows) == 1 or windows[0].observed_until is not None
    until = end if same else "the end of each window"
    foot = f"{len(windows)} exports, one after the other. Opens and clicks counted until {until}."
    head = "".join(f"<th>{escape(each)}</th>" for each in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return Note("\n".join([*lines, foot]), f"{table}<p>{escape(foot)}</p>")


def _timeframe_rows(timeframe: Timeframe) -> list[tuple[str, str]]:
    said = timeframe.describe()
    rows = [
        ("Local", said.local),
        ("UTC", said.utc),
        ("created_at_after", str(timeframe.created_at_after)),
        ("created_at_before", str(timeframe.request_end)),
        ("Days", str(said.days)),
        ("Opens and clicks", f"counted until {said.observed}"),
    ]
    if said.daylight:
        rows.append(("Daylight saving", said.daylight))
    return rows
