"""What a backfill is to do, on disk: the range, and how it is cut into windows.

The windows themselves are ranges of the `queue`, which a backfill's number joins.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from intercom_export_widgets.intercom.timeframe import Timeframe
from intercom_export_widgets.intercom.windows import WHOLE
from intercom_export_widgets.jobs.ticket import Slot

if TYPE_CHECKING:
    from intercom_export_widgets.jobs.ledger import Ledger

__all__ = ["Plan", "add_plan", "find_plan", "plan_of"]

COLUMNS = (
    "number, base_url, workspace_id, created_at_after, created_at_before, observed_until, "
    "zone, every, fresh, begun_at"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """A backfill as it was asked for.

    Attributes
    ----------
    number : int
        Its name; 0 before it is written down.
    slot : Slot
        Whose data.
    timeframe : Timeframe
        The whole range.
    every : str
        As `windows.split` reads it.
    fresh_since : float
        Unix seconds: what was exported before is exported anew; 0 if what is on disk serves.
    """

    number: int
    slot: Slot
    timeframe: Timeframe
    every: str
    fresh_since: float = 0.0

    @property
    def name(self) -> str:
        """What it is called in a sentence: ``2018-06-01 to 2018-06-30 (UTC) every week``."""
        label = self.timeframe.label
        return label if self.every == WHOLE else f"{label} every {self.every}"


def add_plan(ledger: Ledger, plan: Plan, now: float) -> Plan:
    """Write a plan down, and return it with its number.

    Raises
    ------
    LedgerError
        If the ledger can't be written.
    """
    timeframe = plan.timeframe
    begun = plan.fresh_since or now  # what is read back must be the same plan
    with ledger.transaction() as connection:
        cursor = connection.execute(
            "INSERT INTO backfills (base_url, workspace_id, created_at_after, created_at_before, "
            "observed_until, zone, every, begun_at, fresh) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                plan.slot.base_url,
                plan.slot.workspace_id,
                timeframe.created_at_after,
                timeframe.created_at_before,
                timeframe.observed_until,
                timeframe.zone,
                plan.every,
                begun,
                int(plan.fresh_since > 0),
            ],
        )
        return replace(plan, number=int(cursor.lastrowid or 0))


def find_plan(ledger: Ledger, plan: Plan) -> Plan | None:
    """Return the newest plan for the same, if there is one.

    Raises
    ------
    LedgerError
        If the ledger can't be read.
    """
    slot, timeframe = plan.slot, plan.timeframe
    return _newest(
        ledger,
        "base_url = ? AND workspace_id = ? AND created_at_after = ? AND created_at_before = ? "
        "AND observed_until IS ? AND zone = ? AND every = ?",
        [
            slot.base_url,
            slot.workspace_id,
            timeframe.created_at_after,
            timeframe.created_at_before,
            timeframe.observed_until,
            timeframe.zone,
            plan.every,
        ],
    )


def plan_of(ledger: Ledger, number: int) -> Plan | None:
    """Return the plan of that number, if there is one.

    Raises
    ------
    LedgerError
        If the ledger can't be read.
    """
    return _newest(ledger, "number = ?", [number])


def _newest(ledger: Ledger, condition: str, values: list[str | int | None]) -> Plan | None:
    """Return the newest plan that meets a condition, if there is one."""
    if not ledger.path.exists():
        return None
    statement = f"SELECT {COLUMNS} FROM backfills WHERE {condition} ORDER BY number DESC LIMIT 1"  # noqa: S608 - conditions are literals of this module
    with ledger.transaction(write=False) as connection:
        row = connection.execute(statement, values).fetchone()
    if row is None:
        return None
    number, url, workspace, after, before, observed, zone, every, fresh, begun = row
    slot, timeframe = Slot(url, workspace), Timeframe(after, before, zone, observed)
    return Plan(number, slot, timeframe, every, begun if fresh else 0.0)
