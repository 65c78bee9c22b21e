"""A client of the sandbox for its own tests: raw httpx, and a clock that tests move."""

from __future__ import annotations

import csv
import io
import zipfile

import httpx

from intercom_export_widgets.sandbox import Sandbox

JUNE = {"created_at_after": 1527811200, "created_at_before": 1530403199}
"""2018-06-01 00:00:00 until 2018-06-30 23:59:59, UTC."""

SOME_DAYS = {"created_at_after": 1527811200, "created_at_before": 1528156799}
"""The first four days of it."""

START = 1768415545
"""2026-01-14 18:32:25 UTC."""

TLS = httpx.create_ssl_context()
"""Never used, but each client makes one, in 40 ms, unless it is given one."""


class Clock:
    """Unix seconds that stand still until a test moves them."""

    def __init__(self, now=START):
        self.now = float(now)

    def __call__(self):
        """Return the time."""
        return self.now

    def move(self, seconds):
        """Let time pass."""
        self.now += seconds


class Talk:
    """A running sandbox, its clock and a connection to it."""

    def __init__(self, **settings):
        self.clock = Clock()
        self.sandbox = Sandbox(**({"clock": self.clock, "rows_per_day": 20} | settings))

    def __enter__(self):
        """Start, and connect."""
        self.sandbox.start()
        self.http = httpx.Client(
            base_url=self.sandbox.base_url,
            headers={
                "Authorization": f"Bearer {self.sandbox.token}",
                "Accept": "application/json",
                "Intercom-Version": "2.14",
            },
            trust_env=False,
            timeout=20,
            verify=TLS,
        )
        return self

    def __exit__(self, *_):
        """Disconnect, and stop."""
        self.http.close()
        self.sandbox.stop()

    def create(self, body=None, **options):
        """Ask for some days of June, or for what the body says."""
        return self.http.post(
            "/export/content/data", json=SOME_DAYS if body is None else body, **options
        )

    def show(self, job):
        """Ask for a job."""
        return self.http.get(f"/export/content/data/{job}")

    def cancel(self, job):
        """Cancel a job."""
        return self.http.post(f"/export/cancel/{job}")

    def download(self, job, **headers):
        """Download a job's data in one piece."""
        accept = {"Accept": "application/octet-stream"} | headers
        return self.http.get(f"/download/content/data/{job}", headers=accept)

    def raw(self, job, **headers):
        """Download without undoing any Content-Encoding."""
        accept = {"Accept": "application/octet-stream"} | headers
        address = f"/download/content/data/{job}"
        with self.http.stream("GET", address, headers=accept) as answer:
            return b"".join(answer.iter_raw())

    def export(self, body=None):
        """Create a job and move the clock to its end; return its identifier."""
        created = self.create(body)
        assert created.status_code == 200, created.text
        self.clock.move(self.sandbox.job_seconds)
        return created.json().get("job_identifier") or created.json()["job_identfier"]

    def tables(self, body=None):
        """Export and return each group's rows as dictionaries, by group."""
        return tables(self.raw(self.export(body)))


def tables(archive):
    """Return the rows of each member of a ZIP, by group."""
    found = {}
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        for name in file.namelist():
            text = io.StringIO(file.read(name).decode(), newline="")
            found[name.partition("_2")[0]] = list(csv.DictReader(text))
    return found


def fault(answer):
    """Return the status, code and message of an error list."""
    body = answer.json()
    assert body["type"] == "error.list"
    return answer.status_code, body["errors"][0]["code"], body["errors"][0]["message"]
