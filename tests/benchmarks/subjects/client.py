"""What submitting, polling and downloading cost over raw httpx doing the same."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from result import Target, ratio
from server import TOKEN, serving

TITLE = "The client, from a server on loopback, {rows} rows"
NEEDS_ARCHIVE = True
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Intercom-Version": "2.14"}


def completed(http, told):
    """Submit a job by hand, and return its identifier once it is completed."""
    after = told["after"]
    body = {"created_at_after": after, "created_at_before": after + told["days"] * 86_400 - 1}
    job = http.post("/export/content/data", json=body).raise_for_status().json()
    while job["status"] != "completed":
        time.sleep(0.05)
        job = http.get(f"/export/content/data/{job['job_identifier']}").raise_for_status().json()
    return job["job_identifier"]


def save(http, identifier, path):
    """Download by hand."""
    address, accept = f"/download/content/data/{identifier}", "application/octet-stream"
    with http.stream("GET", address, headers={"Accept": accept}) as answer, path.open("wb") as file:
        answer.raise_for_status()
        for block in answer.iter_raw():
            file.write(block)


def by_httpx(archive, bytes_per_second=0):
    import httpx

    def run():
        with (
            serving(archive, bytes_per_second) as told,
            httpx.Client(base_url=told["address"], headers=HEADERS, timeout=60) as http,
            tempfile.TemporaryDirectory(dir=archive.parent) as folder,
        ):
            path, identifier = Path(folder) / "export.zip", completed(http, told)
            start = time.perf_counter()
            save(http, identifier, path)
            return time.perf_counter() - start

    return run


def completed_by(client, told, timeframe):
    """Submit a job through the client, and return it once it is completed."""
    last = told["after"] + told["days"] * 86_400 - 1
    job = client.submit(timeframe(told["after"], last, "UTC"))
    while job.status.value != "completed":
        time.sleep(0.05)
        job = client.refresh(job.job_identifier)
    return job


def ours(archive):
    from intercom_export_widgets.intercom.client import IntercomClient
    from intercom_export_widgets.intercom.credentials import Token
    from intercom_export_widgets.intercom.timeframe import Timeframe

    def run():
        with (
            serving(archive) as told,
            IntercomClient(Token(TOKEN), base_url=told["address"]) as client,
            tempfile.TemporaryDirectory(dir=archive.parent) as folder,
        ):
            job = completed_by(client, told, Timeframe)
            start = time.perf_counter()
            client.download(job, Path(folder) / "export.zip")
            return time.perf_counter() - start

    return run


ASKED = 300


def asking_by_httpx(archive):
    import httpx

    def run():
        with (
            serving(archive) as told,
            httpx.Client(base_url=told["address"], headers=HEADERS, timeout=60) as http,
        ):
            start = time.perf_counter()
            identifier = completed(http, told)
            for _ in range(ASKED):
                http.get(f"/export/content/data/{identifier}").raise_for_status().json()
            return time.perf_counter() - start

    return run


def asking(archive):
    from intercom_export_widgets.intercom.client import IntercomClient
    from intercom_export_widgets.intercom.credentials import Token
    from intercom_export_widgets.intercom.timeframe import Timeframe

    def run():
        with (
            serving(archive) as told,
            IntercomClient(Token(TOKEN), base_url=told["address"]) as client,
        ):
            start = time.perf_counter()
            job = completed_by(client, told, Timeframe)
            for _ in range(ASKED):
                client.refresh(job.job_identifier)
            return time.perf_counter() - start

    return run


NAMES = (
    "downloading: httpx, `iter_raw()`",
    "downloading: ours (with SHA-256, to be resumed)",
    f"submitting, then polling {ASKED} times: httpx",
    f"submitting, then polling {ASKED} times: ours",
)
CONTESTANTS = dict(zip(NAMES, (by_httpx, ours, asking_by_httpx, asking), strict=True))

TARGETS = [
    Target("downloading, of raw httpx", 1.2, ratio(NAMES[1], NAMES[0])),
    Target("submitting and polling, of raw httpx", 1.2, ratio(NAMES[3], NAMES[2])),
]
