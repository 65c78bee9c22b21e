"""The five calls, as a Starlette application.

A request passes the gate (host, record, token, rate, faults, version), then the handler
of its call, and leaves with the rate limit's headers. What a job is, :mod:`jobs` knows;
how answers are worded, :mod:`answers`.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from intercom_export_widgets.sandbox.answers import (
    LOCKED,
    admin_body,
    error,
    job_body,
    range_fault,
)
from intercom_export_widgets.sandbox.delivery import delivered, encoding_of
from intercom_export_widgets.sandbox.gate import Gate
from intercom_export_widgets.sandbox.jobs import ExportJob, new_identifier
from intercom_export_widgets.sandbox.page import root_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from intercom_export_widgets.sandbox.jobs import JobBook
    from intercom_export_widgets.sandbox.switches import Controls
    from intercom_export_widgets.sandbox.traffic import Traffic

__all__ = ["Api", "Facts", "build_app"]

PATIENCE: Final = 5.0
"""Real seconds for which a show waits for an archive that is due by the clock."""

METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@dataclass(slots=True)
class Facts:
    """What the application was started with.

    Parameters
    ----------
    token : str
        The only token that is let in.
    clock : callable
        Returns Unix seconds.
    controls : Controls
        The switches.
    traffic : Traffic
        The record.
    book : JobBook
        The jobs.
    job_seconds : float
        How long a job takes.
    id_code, region : str
        The workspace's, for ``/me``.
    created : int
        When the workspace began, Unix seconds.
    port : int
        Where it listens.
    """

    token: str
    clock: Callable[[], float]
    controls: Controls
    traffic: Traffic
    book: JobBook
    job_seconds: float
    id_code: str
    region: str
    created: int
    port: int

    def __repr__(self) -> str:
        """Return the port; never the token."""
        return f"Facts(port={self.port})"


class Api:
    """The handlers; each takes a request that has passed the gate.

    Parameters
    ----------
    facts : Facts
        What the application was started with.
    """

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    async def create(self, request: Request) -> Response:
        """``POST /export/content/data``."""
        facts, switches = self.facts, self.facts.controls.switches
        given = _json_object(request, await request.body())
        wrong = range_fault(given)
        if wrong:
            return error(switches, 400, "bad_request", wrong)
        holder = facts.book.active(facts.clock())
        if holder is not None:
            await self._settle(holder)
            if facts.book.active(facts.clock()) is not None:
                return error(switches, 429, switches.lock_code, LOCKED)
        fates = ("failed", "no_data", "stuck")
        job = ExportJob(
            identifier=new_identifier(),
            after=given["created_at_after"],
            before=given["created_at_before"],
            created=facts.clock(),
            seconds=facts.job_seconds,
            switches=facts.controls.switches,
            fate=next((fate for fate in fates if facts.controls.take(fate)), ""),
        )
        return self._answer(facts.book.open(job), now=job.created - 1)

    async def show(self, request: Request) -> Response:
        """``GET /export/content/data/{job_identifier}``."""
        job = self._job(request)
        if job is None:
            return self._no_job(request)
        await self._settle(job)
        return self._answer(job)

    async def cancel(self, request: Request) -> Response:
        """``POST /export/cancel/{job_identifier}``."""
        job = self._job(request)
        if job is None:
            return self._no_job(request)
        await self._settle(job)
        self.facts.book.cancel(job, self.facts.clock())
        return self._answer(job)

    async def me(self, request: Request) -> Response:  # noqa: ARG002 - all handlers are called alike
        """``GET /me``."""
        facts = self.facts
        switches = facts.controls.switches
        return JSONResponse(admin_body(switches, facts.id_code, facts.region, facts.created))

    async def download(self, request: Request) -> Response:
        """``GET /download/content/data/{job_identifier}``."""
        switches = self.facts.controls.switches
        if not _accepts(switches.accept, request.headers.get("accept")):
            message = "The Accept header should be application/octet-stream"
            return error(switches, 406, "media_type_not_acceptable", message)
        job = self._job(request)
        if job is None:
            return error(switches, 404, "not_found", "The requested resource does not exist.")
        await self._settle(job)
        if job.written(self.facts.clock()) is None or self.facts.controls.take("expired"):
            return error(switches, 404, "not_found", "Object not found.")
        if switches.redirect != "no":
            address = self._stored(job, elsewhere=switches.redirect == "elsewhere")
            return Response(status_code=302, headers={"Location": address})
        return self._deliver(job, request)

    async def storage(self, request: Request) -> Response:
        """Send what a redirect led to; its address is the secret, as in signed links."""
        job, key = self._job(request), request.path_params["key"]
        if job is None or not secrets.compare_digest(key.encode(), job.key.encode()):
            return PlainTextResponse("No such object.", 404)
        if job.written(self.facts.clock()) is None:
            return PlainTextResponse("The object has expired.", 404)
        return self._deliver(job, request)

    async def page(self, request: Request) -> Response:  # noqa: ARG002 - all handlers are called alike
        """``GET /``: what this is, for whoever opens the address in a browser."""
        return HTMLResponse(root_page(self.facts.id_code, self.facts.port))

    async def other(self, request: Request) -> Response:  # noqa: ARG002 - all handlers are called alike
        """Answer any other path or method."""
        message = "The requested resource does not exist."
        return error(self.facts.controls.switches, 404, "not_found", message)

    def _job(self, request: Request) -> ExportJob | None:
        job = self.facts.book.find(request.path_params["job_identifier"])
        # A job "from elsewhere" holds the slot, and nobody here knows its name.
        return None if job is None or job.foreign else job

    def _no_job(self, request: Request) -> Response:
        identifier = request.path_params["job_identifier"]
        message = f"Export job not found for identifier: {identifier}"
        return error(self.facts.controls.switches, 404, "not_found", message)

    def _answer(self, job: ExportJob, now: float | None = None) -> Response:
        # Create answers as of a moment earlier: however quick a job is, it begins as pending.
        switches, now = self.facts.controls.switches, self.facts.clock() if now is None else now
        ready = job.status(now) == "completed"
        body = job_body(switches, job, now, self._address(job) if ready else "")
        # A failed job is the body of a 504 (the reference of "show", examples).
        return JSONResponse(body, 504 if job.status(now) == "failed" else 200)

    def _address(self, job: ExportJob) -> str:
        where = self.facts.controls.switches.download_url
        if where == "empty":
            return ""
        if where == "elsewhere":
            return self._stored(job, elsewhere=True)
        return f"http://127.0.0.1:{self.facts.port}/download/content/data/{job.identifier}"

    def _stored(self, job: ExportJob, *, elsewhere: bool) -> str:
        # Another name is another origin, though the same server listens there.
        host = "localhost" if elsewhere else "127.0.0.1"
        return f"http://{host}:{self.facts.port}/storage/{job.identifier}/{job.key}"

    def _deliver(self, job: ExportJob, request: Request) -> Response:
        written = job.written(self.facts.clock())
        if written is None:
            raise LookupError("The archive went while it was asked for.")
        return delivered(
            written,
            self.facts.controls,
            range_header=request.headers.get("range"),
            if_range=request.headers.get("if-range"),
            encoding=encoding_of(job.switches.container, self.facts.controls.switches),
        )

    async def _settle(self, job: ExportJob) -> None:
        # By the clock the job is over; what is left is the time that writing really takes.
        # A moved clock must not show that, and a large archive must not block the call.
        deadline = time.monotonic() + PATIENCE
        while job.due(self.facts.clock()) and job.archive is not None and not job.archive.done():
            if time.monotonic() > deadline:
                return
            await asyncio.sleep(0.005)


def _json_object(request: Request, body: bytes) -> dict[str, Any]:
    """Return the body's object; an empty one if it was not sent as JSON, or is none."""
    if "json" not in request.headers.get("content-type", ""):
        return {}
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _accepts(rule: str, header: str | None) -> bool:
    if rule == "anything":
        return True
    kinds = [kind.partition(";")[0].strip().lower() for kind in (header or "").split(",")]
    if "application/octet-stream" in kinds:
        return True
    return rule == "matching" and (not header or "*/*" in kinds or "application/*" in kinds)


def build_app(facts: Facts) -> Starlette:
    """Return the application."""
    api, gate = Api(facts), Gate(facts)
    job = "{job_identifier}"

    def route(path: str, method: str, call: str) -> Route:
        return Route(path, gate.guard(call, getattr(api, call)), methods=[method])

    return Starlette(
        routes=[
            route("/export/content/data", "POST", "create"),
            route(f"/export/content/data/{job}", "GET", "show"),
            route(f"/export/cancel/{job}", "POST", "cancel"),
            route(f"/download/content/data/{job}", "GET", "download"),
            route("/me", "GET", "me"),
            route(f"/storage/{job}/{{key}}", "GET", "storage"),
            route("/", "GET", "page"),
            Route("/{path:path}", gate.guard("other", api.other), methods=METHODS),
        ]
    )
