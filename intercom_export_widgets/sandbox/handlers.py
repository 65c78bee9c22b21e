"""The API's five calls as a Starlette application, with its error bodies.

A request passes the gate (host, request log, token, rate limit, faults, version), then the
handler of its call, and its response gets the rate limit's headers.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import re
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from intercom_export_widgets.sandbox.download import Broken, delivered, encoding_of
from intercom_export_widgets.sandbox.page import root_page
from intercom_export_widgets.sandbox.state import (
    ExportJob,
    SeenRequest,
    new_identifier,
    window_end,
    without_secrets,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request

    from intercom_export_widgets.sandbox.options import Controls, Switches
    from intercom_export_widgets.sandbox.state import JobBook, Traffic

    Handler = Callable[[Request], Awaitable[Response]]

__all__ = [
    "LOCKED",
    "Api",
    "Facts",
    "Gate",
    "admin_body",
    "build_app",
    "error",
    "job_body",
    "range_fault",
]

LOCKED: Final = "Exceeded rate limit of 1 pending message data export jobs"
PARAMETERS: Final = ("created_at_after", "created_at_before")


def error(
    switches: Switches,
    status: int,
    code: str,
    message: str,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return an ``error.list`` of one error."""
    body: dict[str, object] = {"type": "error.list"}
    if switches.request_id != "absent":
        body["request_id"] = secrets.token_hex(10) if switches.request_id == "text" else None
    body["errors"] = [{"code": code, "message": message}]
    return JSONResponse(body, status, headers=dict(headers or {}))


def range_fault(given: Mapping[str, object]) -> str:
    """Return what is wrong with the body of a create, or nothing.

    The sentences are the documentation's ("Creating an export job", Example Errors), but
    for the one about integers, of which it says nothing.
    """
    for name in PARAMETERS:
        if given.get(name) is None:
            return f"'{name}' is a required parameter"
    for name in given:
        if name not in PARAMETERS:
            return f"bad '{name}' parameter"
    seconds: list[int] = []
    for name in PARAMETERS:
        value = given[name]
        if not isinstance(value, int) or isinstance(value, bool):
            return f"'{name}' must be an integer"
        seconds.append(value)
    if seconds[0] > seconds[1]:
        return "created_at_after is greater than created_at_before"
    return ""


def job_body(switches: Switches, job: ExportJob, now: float, address: str) -> dict[str, str]:
    """Return a job as JSON: all values are strings, the last two empty until it is ready."""
    status = job.status(now)
    words = {
        "pending": switches.pending_word,
        "in_progress": switches.in_progress_word,
        "completed": switches.completed_word,
        "canceled": switches.canceled_word,
    }
    ready = status == "completed"
    return {
        "job_identfier" if switches.misspelt_key else "job_identifier": job.identifier,
        "status": words.get(status, status),
        "download_expires_at": str(job.expires) if ready else "",
        "download_url": address if ready else "",
    }


def admin_body(switches: Switches, id_code: str, region: str, created: int) -> dict[str, object]:
    """Return the admin to whom the token belongs, with the workspace as ``app``."""
    return {
        "type": "admin",
        "id": "814860",
        "email": "ada.sandbox@example.org",
        "name": "Ada Sandbox",
        "email_verified": True,
        "app": {
            "type": "app",
            "id_code": id_code,
            "name": "Sandbox: synthetic data",
            "created_at": created,
            "secure": False,
            "identity_verification": False,
            "timezone": switches.timezone,
            "region": region,
        },
        "has_inbox_seat": True,
    }


HOSTS: Final = frozenset({"127.0.0.1", "localhost"})
OPEN: Final = frozenset({"page", "storage"})
"""What needs no token: the page says nothing, and storage has its secret in its address."""

VERSIONS: Final = re.compile(r"1\.[0-4]|2\.([0-9]|1[0-7])|preview|unstable", re.IGNORECASE)
TOO_OLD: Final = re.compile(r"1\..|2\.[0-4]")
"""Versions without these calls; the oldest page that has them is of 2.5."""

LARGEST_BODY: Final = 65_536
PROXY_PAGE: Final = (
    "<html><head><title>502 Bad Gateway</title></head>"
    "<body><h1>Bad Gateway</h1><script>document.title='proxy'</script></body></html>"
)


class Gate:
    """The checks that all requests pass.

    Parameters
    ----------
    facts : Facts
        What the application was started with.
    """

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    def guard(self, call: str, handler: Handler) -> Handler:
        """Return the handler of a call with the checks before it."""

        async def guarded(request: Request) -> Response:
            host = request.headers.get("host", "")
            if host.rpartition(":")[0] not in HOSTS and host not in HOSTS:
                # A page elsewhere may have its own name point at 127.0.0.1 (DNS rebinding).
                return PlainTextResponse("This sandbox answers on loopback only.", 403)
            await self._record(call, host, request)
            if call in OPEN:
                return await handler(request)
            return await self._checked(call, handler, request)

        return guarded

    async def _checked(self, call: str, handler: Handler, request: Request) -> Response:
        controls = self.facts.controls
        if not self._knows(request):
            return error(controls.switches, 401, "unauthorized", "Access Token Invalid")
        limits, throttled = self._limits(call)
        answer = throttled or self._spoilt(call) or self._outdated(request)
        if answer is None:
            answer = await handler(request)
            if controls.take("lost_answer", call):
                return Broken()
            if call != "download" and controls.take("broken_json", call):
                half = bytes(answer.body)[: len(answer.body) // 2]
                answer = Response(half, answer.status_code, media_type="application/json")
        answer.headers.update(limits)
        return answer

    def _knows(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = token.strip().encode("utf-8", "surrogateescape")
        return scheme.lower() == "bearer" and hmac.compare_digest(given, self.facts.token.encode())

    async def _record(self, call: str, host: str, request: Request) -> None:
        body = bytearray()
        async for part in request.stream():
            body += part[: max(0, LARGEST_BODY - len(body))]
        request._body = bytes(body)  # noqa: SLF001 - what Request.body() keeps; bounded here
        query = f"?{request.url.query}" if request.url.query else ""
        seen = SeenRequest(
            method=request.method,
            path=request.url.path + query,
            headers=without_secrets(request.headers.items()),
            body=bytes(body),
            time=self.facts.clock(),
            authorized="authorization" in request.headers,
            call=call,
            host=host,
        )
        self.facts.traffic.record(seen)

    def _limits(self, call: str) -> tuple[dict[str, str], Response | None]:
        """Count the request; return the headers, and the refusal if it was one too many."""
        controls, now = self.facts.controls, self.facts.clock()
        switches = controls.switches
        count = self.facts.traffic.count(now)
        over = count > switches.rate_limit or controls.take("throttle", call)
        headers = {
            "X-RateLimit-Limit": str(switches.rate_limit),
            "X-RateLimit-Remaining": "0" if over else str(switches.rate_limit - count),
            "X-RateLimit-Reset": str(window_end(now)),
        }
        if not over:
            return headers, None
        if switches.retry_after:
            headers["Retry-After"] = str(switches.retry_after)
        message = f"Exceeded rate limit of {switches.rate_limit} in 10_seconds"
        return headers, error(switches, 429, "rate_limit_exceeded", message)

    def _spoilt(self, call: str) -> Response | None:
        """Return the answer of a fault that comes before anything is done."""
        controls = self.facts.controls
        switches = controls.switches
        if controls.take("html", call):
            return HTMLResponse(PROXY_PAGE, switches.html_status)
        if controls.take("server_error", call):
            return error(switches, switches.server_status, "server_error", "Something went wrong")
        if controls.take("forbidden", call):
            message = "Not authorized to access resource"
            return error(switches, 403, switches.forbidden_code, message)
        return None

    def _outdated(self, request: Request) -> Response | None:
        """Return the refusal of a version that does not know these calls."""
        switches = self.facts.controls.switches
        version = request.headers.get("intercom-version", "")
        if not version and not switches.version_required:
            return None
        if VERSIONS.fullmatch(version) and not TOO_OLD.fullmatch(version):
            return None
        message = "The requested version could not be found"
        return error(switches, 400, "intercom_version_invalid", message)


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
