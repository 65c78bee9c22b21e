"""Who was asked what in a survey, and what they said.

Knows content and events; the sheets of ``answer`` and ``answer_combined`` are made from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from intercom_export_widgets.sandbox.content import SURVEYS
from intercom_export_widgets.sandbox.engagement import Happened
from intercom_export_widgets.sandbox.sheets import Texts

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from intercom_export_widgets.sandbox.content import Content
    from intercom_export_widgets.sandbox.workspace import Block

__all__ = ["SurveyQuestions"]


class SurveyQuestions:
    """The questions of all surveys, flat, and who was asked which.

    Parameters
    ----------
    content : Content
        The workspace's.
    """

    def __init__(self, content: Content) -> None:
        self._content = content
        flat = [(title, *question) for title, asked in SURVEYS.items() for question in asked]
        self.titles = [question for _, question, _, _ in flat]
        first: dict[str, int] = {}
        for place, (title, *_) in enumerate(flat):
            first.setdefault(title, place)
        self._surveys = [title for title, *_ in flat]
        answers = [(place, text) for place, row in enumerate(flat) for text in row[3]]
        self.responses = Texts([text for _, text in answers])
        counts = [len(row[3]) for row in flat]
        self._counts = np.array(counts, dtype=np.int64)
        self._begins = np.cumsum([0, *counts[:-1]]).astype(np.int64)
        self._question = Texts(self.titles)
        self._kind = Texts([kind for _, _, kind, _ in flat])
        self._id = Texts([f"q{place:05}" for place in range(len(flat))])
        self._start = np.array([first.get(title, 0) for title in content.titles], np.int64)
        lengths = [len(SURVEYS.get(title, ())) for title in content.titles]
        self._length = np.array(lengths, dtype=np.int64)

    def asked(
        self, block: Block, found: Happened
    ) -> tuple[Happened, NDArray[np.int64], NDArray[np.int64]]:
        """Return the answers that are some, their questions, and their responses."""
        serial = np.arange(len(found.row)) - np.searchsorted(found.row, found.row)
        version = block.version[found.row]
        kept = serial < self._length[version]
        question = (self._start[version] + serial)[kept]
        mine = Happened(found.row[kept], found.time[kept], found.pick[kept])
        response = self._begins[question] + mine.pick % self._counts[question]
        return mine, question, response

    def columns(self, block: Block, found: Happened) -> list[pa.Array]:
        """Return question_id, question, response_type and response."""
        _, question, response = self.asked(block, found)
        return [
            self._id.take(question),
            self._question.take(question),
            self._kind.take(question),
            self.responses.take(response),
        ]

    def between(self, first: int, last: int) -> list[str]:
        """Return the questions of the surveys that were live then (days since 1970)."""
        content = self._content
        live = (content.begins <= last) & (content.ends >= first)
        shown = {content.titles[place] for place in np.flatnonzero(live).tolist()}
        pairs = zip(self._surveys, self.titles, strict=True)
        return [question for survey, question in pairs if survey in shown]
