"""The workspace's people, companies, messages, series and surveys, made from a seed.

The same seed and number give the same people. None of them exists; their addresses end in
the names that RFC 2606 reserves for examples. Messages have fixed titles, among them some
that are hard to escape, to which the seed gives identifiers, weights and a time of activity.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from intercom_export_widgets.sandbox.csv_columns import Texts

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["KINDS", "SERIES", "SURVEYS", "Content", "People", "content_of", "people_of"]

FIRST_NAMES: Final = (
    "Ada", "Aoife", "Björk", "Chidi", "Daniela", "Émile", "Fatima", "Grace", "Hiroshi", "Ingrid",
    "Jürgen", "Kwame", "Léa", "Mei", "Niamh", "Olu", "Priya", "Quentin", "Rosa", "Søren",
    "Tomasz", "Uma", "Václav", "Wanjiru", "Ximena", "Yusuf", "Zoë", "李", "محمد", "Jean-Luc",
)  # fmt: skip
LAST_NAMES: Final = (
    "O'Brien", "Nakamura", "de la Cruz", "Müller", "Okafor", "Kowalska", "Svensson", "Haddad",
    "García", "Singh", "Nguyễn", "Smith, Jr.", 'McCoy "Mac"', "Þórsdóttir", "Ivanova", "雷",
    "van der Berg", "Castellanos", "N'Diaye", "Lee",
)  # fmt: skip
COMPANY_SHARE: Final = 0.72
DOMAINS: Final = ("example.org", "example.com", "example.net", "mail.example.org")


class People:
    """Columns of people, one row each.

    Parameters
    ----------
    seed : int
        Of all that is random.
    count : int
        How many people.
    """

    def __init__(self, seed: int, count: int) -> None:
        rng = np.random.default_rng((seed, 1))
        companies = max(3, count // 25)
        hexes = rng.bytes(12 * (count + companies)).hex()
        keys = [hexes[24 * place : 24 * place + 24] for place in range(count + companies)]
        first = rng.integers(len(FIRST_NAMES), size=count).tolist()
        last = rng.integers(len(LAST_NAMES), size=count).tolist()
        long_numbers = rng.integers(10**18, 9 * 10**18, size=count).tolist()
        company = np.where(
            rng.random(count) < COMPANY_SHARE, rng.integers(companies, size=count), companies
        )
        self.count = count
        self.company: NDArray[np.int64] = company.astype(np.int64)
        self.user_id = Texts(keys[:count])
        self.external_id = Texts([_external(row, long_numbers[row]) for row in range(count)])
        self.email = Texts([f"person{row}@{DOMAINS[row % len(DOMAINS)]}" for row in range(count)])
        self.name = Texts(
            [f"{FIRST_NAMES[a]} {LAST_NAMES[b]}" for a, b in zip(first, last, strict=True)]
        )
        # The last company is none: "-1" in company_id.
        self.company_id = Texts([*keys[count:], "-1"])
        self.company_external_id = Texts([*(f"{row:06}" for row in range(companies)), ""])

    def columns(self, rows: NDArray[np.int64]) -> list[pa.Array]:
        """Return the six columns with which a receipt begins, for these people."""
        company = self.company[rows]
        return [
            self.user_id.take(rows),
            self.external_id.take(rows),
            self.company_id.take(company),
            self.company_external_id.take(company),
            self.email.take(rows),
            self.name.take(rows),
        ]


def _external(row: int, number: int) -> str:
    """Return an identifier of somebody's own making: some look like numbers, and are not."""
    kinds = (f"{row:08}", str(number), f"user-{row}", f"00{row}", f"{row}", "", f"1e{row % 400}")
    return kinds[row % len(kinds)]


@lru_cache(maxsize=4)
def people_of(seed: int, count: int) -> People:
    """Return these people, made once."""
    return People(seed, count)


KINDS: Final = (
    "email", "post", "chat", "tour", "survey", "banner", "push", "carousel", "sms", "whatsapp",
    "checklist", "custom_bot", "workflow",
)  # fmt: skip

SERIES: Final = ("Onboarding 🚀", 'Win back, "gently"', "Trial → paid", "Nurture\nfour weeks")

SURVEYS: Final[dict[str, tuple[tuple[str, str, tuple[str, ...]], ...]]] = {
    "NPS": (
        ("How likely are you to recommend us?", "nps", ("0", "6", "7", "8", "9", "10")),
        ("Why, in a word?", "text", ("fast", "", 'it\'s "fine"', "slow, sometimes", "=SUM(A1:A9)")),
    ),
    "Product fit": (
        ("How would you feel without it?", "radio", ("Very sad", "Somewhat sad", "Not sad")),
        ("What's missing?", "text", ("Dark mode", "An API,\nreally", "nothing", "💡 exports")),
        ("Which tools, too?", "checkbox", ("Jupyter", "Excel, R", "none")),
    ),
}
"""Title, then questions: the question, its response type, the responses given."""

CAST: Final = (
    # kind, title, series (or -1), versions, weight, weekday (or -1)
    ("email", "Welcome to Acme", 0, 2, 9.0, -1),
    ("email", "Your first export, step by step", 0, 1, 6.0, -1),
    ("email", "Newsletter: what's new", -1, 2, 22.0, 1),
    ("email", 'Prices, plans and "fair use"', -1, 1, 4.0, -1),
    ("email", "We miss you 😢", 1, 2, 5.0, -1),
    ("email", "Line one\nLine two", 1, 1, 2.0, -1),
    ("email", "<script>alert('title')</script>", -1, 1, 2.0, -1),
    ("email", "=1+1", -1, 1, 2.0, -1),
    ("email", "+44 800 000 000, call us", -1, 1, 1.5, -1),
    ("email", "@everyone: maintenance tonight", -1, 1, 1.5, -1),
    ("email", "-10 % until Friday", 2, 2, 4.0, 3),
    ("email", "  leading and trailing space  ", -1, 1, 1.0, -1),
    ("email", "مرحبا بكم في العرض التجريبي", -1, 1, 1.5, -1),
    ("email", "Willkommen, schön daß Sie da sind", 0, 1, 2.0, -1),
    ("email", "N/A", -1, 1, 0.7, -1),
    ("email", "null", -1, 1, 0.7, -1),
    ("email", "007", -1, 1, 0.7, -1),
    ("email", "<img src=x onerror=alert(1)> & friends", -1, 1, 1.0, -1),
    ("email", "A very long title: " + "and so it goes on, " * 40, -1, 1, 0.8, -1),
    ("email", "Carriage\r\nreturn", -1, 1, 0.7, -1),
    ("post", "New: dashboards that load", -1, 1, 5.0, -1),
    ("post", "👩🏽‍💻 Hackday, and you're invited", -1, 2, 3.0, 4),
    ("post", '"Quoted", they said', -1, 1, 2.0, -1),
    ("chat", "Need a hand?", 2, 1, 7.0, -1),
    ("chat", "Quick question, {{ first_name }}", -1, 2, 4.0, -1),
    ("chat", "' OR '1'='1", -1, 1, 1.0, -1),
    ("tour", "A tour of reports", 0, 1, 4.0, -1),
    ("tour", "Exports in five steps", -1, 1, 2.5, -1),
    ("survey", "NPS", -1, 1, 3.0, -1),
    ("survey", "Product fit", -1, 1, 2.5, -1),
    ("banner", "Maintenance on Sunday, 02:00 to 04:00", -1, 1, 4.0, 6),
    ("banner", "\tTabbed\tbanner", -1, 1, 1.0, -1),
    ("push", "You've got mail", 3, 1, 4.0, -1),
    ("carousel", "Welcome on mobile", -1, 1, 2.0, -1),
    ("sms", "Your code is waiting", -1, 1, 2.0, -1),
    ("whatsapp", "Hola 👋", -1, 1, 1.5, -1),
    ("checklist", "Get set up in 10 minutes", 3, 1, 2.5, -1),
    ("custom_bot", "Qualify the visitor", -1, 1, 2.5, -1),
    ("workflow", "Fin: first line of support", -1, 1, 4.0, -1),
)

ALWAYS: Final = frozenset(
    {title for kind, title, *_ in CAST if kind == "email"}
    | {'"Quoted", they said', "Need a hand?", "A tour of reports", "NPS", "\tTabbed\tbanner",
       "You've got mail", "Welcome on mobile", "Your code is waiting", "Hola 👋",
       "Get set up in 10 minutes", "Qualify the visitor", "Fin: first line of support"}
)  # fmt: skip
"""What is live from the first day to the last, so that no day, and no kind, is empty."""

LATE_SURVEY: Final = "Product fit"
LATE_DAY: Final = 18262
"""2020-01-01: before it, combined answers lack the columns of this survey's questions."""

DEVICES: Final = {"push": "ios", "carousel": "android", "sms": "sms", "whatsapp": "whatsapp"}


class Content:
    """Columns of versions, one row each.

    Parameters
    ----------
    seed : int
        Of identifiers and of when each message is live.
    """

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng((seed, 2))
        rows = [(number, *part) for number, part in enumerate(CAST) for _ in range(part[3])]
        message = np.array([row[0] for row in rows], dtype=np.int64)
        self.count = len(rows)
        self.kinds = [row[1] for row in rows]
        self.titles = [row[2] for row in rows]
        self.kind: NDArray[np.int64] = np.array([KINDS.index(k) for k in self.kinds], np.int64)
        self.series: NDArray[np.int64] = np.array([row[3] for row in rows], dtype=np.int64)
        self.weight = np.array([row[5] / row[4] for row in rows])
        self.weekday = np.array([row[6] for row in rows], dtype=np.int64)
        begins = rng.integers(17532, 17532 + 900, size=len(CAST))
        begins[[title in ALWAYS for _, title, *_ in CAST]] = 0
        begins[[title == LATE_SURVEY for _, title, *_ in CAST]] = LATE_DAY
        self.begins = begins[message]
        # Every fifth message ends after four years.
        mortal = (np.arange(len(CAST)) % 5 == 0)[message] & (self.begins > 0)
        self.ends = np.where(mortal, self.begins + 1500, 10**6)
        self.ruleset_ids = [str(31_000_000 + 7919 * (number + 1)) for number in message.tolist()]
        self.content_ids = [str(52_000_000 + 104_729 * (row + 1)) for row in range(self.count)]
        self._name(rng)

    def _name(self, rng: np.random.Generator) -> None:
        keys = rng.integers(10**8, 10**9, size=self.count + len(SERIES)).tolist()
        self.ruleset_id = Texts(self.ruleset_ids)
        self.content_id = Texts(self.content_ids)
        self.content_type = Texts(self.kinds)
        self.content_title = Texts(self.titles)
        self.version_id = Texts([str(key) for key in keys[: self.count]])
        self.created_via = Texts(
            ["series" if series >= 0 else "message" for series in self.series.tolist()]
        )
        self.device = Texts([DEVICES.get(kind, "web") for kind in self.kinds])
        # The last series is none: "-1" in series_id.
        self.series_ids = [*(f"{key:09}" for key in keys[self.count :]), "-1"]
        self.series_id = Texts(self.series_ids)
        self.series_titles = [*SERIES, ""]
        self.series_title = Texts(self.series_titles)
        self.node_id = Texts(
            [
                f"node-{row:04}" if series >= 0 else ""
                for row, series in enumerate(self.series.tolist())
            ]
        )

    def chances(self, day: int) -> NDArray[np.float64]:
        """Return the cumulated shares of the versions on a day (days since 1970)."""
        weekday = (day + 3) % 7
        live = (self.begins <= day) & (day <= self.ends)
        live &= (self.weekday < 0) | (self.weekday == weekday)
        shares: NDArray[np.float64] = np.cumsum(self.weight * live)
        chances: NDArray[np.float64] = shares / shares[-1]
        return chances

    def series_index(self, versions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the places of their series in ``series_id`` and ``series_title``."""
        series = self.series[versions]
        return np.where(series < 0, len(SERIES), series)

    def columns_before(self, versions: NDArray[np.int64]) -> list[pa.Array]:
        """Return ruleset_id to ruleset_version_id of a receipt."""
        named = (
            self.ruleset_id, self.content_id, self.content_type, self.content_title,
            self.created_via, self.device, self.version_id,
        )  # fmt: skip
        return [column.take(versions) for column in named]

    def columns_after(self, versions: NDArray[np.int64]) -> list[pa.Array]:
        """Return series_id, series_title and node_id of a receipt."""
        series = self.series_index(versions)
        return [
            self.series_id.take(series),
            self.series_title.take(series),
            self.node_id.take(versions),
        ]


@lru_cache(maxsize=4)
def content_of(seed: int) -> Content:
    """Return this content, made once."""
    return Content(seed)
