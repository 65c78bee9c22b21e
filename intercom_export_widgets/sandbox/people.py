"""The people and companies of the synthetic workspace.

Seeded: the same seed and number give the same people. None of them exists; their mail
addresses end in the names that RFC 2606 keeps for examples.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from intercom_export_widgets.sandbox.sheets import Texts

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["People", "people_of"]

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
