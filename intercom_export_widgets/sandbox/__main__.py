"""``python -m intercom_export_widgets.sandbox``: the sandbox for the curious and for curl.

Serves until Ctrl-C and prints, ready to paste, the documentation's example.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from dataclasses import fields
from typing import TYPE_CHECKING

from intercom_export_widgets.sandbox.options import Switches
from intercom_export_widgets.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def command_line() -> argparse.ArgumentParser:
    """Return what the command line may say."""
    parser = argparse.ArgumentParser(
        prog="python -m intercom_export_widgets.sandbox",
        description="Serve a workspace of synthetic messages behind Intercom's content data "
        "export API, on this machine only, until Ctrl-C.",
        epilog="Switches: " + ", ".join(field.name for field in fields(Switches)) + ".",
    )
    parser.add_argument("--port", type=int, default=0, metavar="N", help="0 finds a free one")
    parser.add_argument("--job-seconds", type=float, default=3.0, metavar="S")
    parser.add_argument("--rows-a-day", type=int, default=300, metavar="N")
    parser.add_argument("--days", type=int, metavar="N", help="of data before now; all by default")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument(
        "--switch",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="such as container=gzip or throttle=2@show; may be given several times",
    )
    return parser


def switches_of(given: Sequence[str]) -> Switches:
    """Return the switches that a command line turns.

    Raises
    ------
    ValueError
        If there is no such switch, or no such value.
    """
    switches = Switches()
    for text in given:
        switches = switches.parsed(text)
    return switches


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM; return the exit status."""
    parser = command_line()
    given = parser.parse_args(arguments)
    try:
        sandbox = Sandbox(
            seed=given.seed,
            days=given.days,
            rows_per_day=given.rows_a_day,
            job_seconds=given.job_seconds,
            switches=switches_of(given.switch),
            port=given.port,
        ).start()
    except (ValueError, OSError, OverflowError) as error:
        parser.error(str(error))
    ended = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: ended.set())
    with sandbox:
        sys.stdout.write(
            f"# Sandbox: synthetic data, at {sandbox.base_url} until Ctrl-C.\n"
            f"# Token: {sandbox.token}\n\n{sandbox.curl()}"
        )
        sys.stdout.flush()
        # An Event without a timeout keeps Windows from hearing Ctrl-C.
        while not ended.wait(1.0):
            pass
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
