"""What stands before every handler: host, record, token, rate limit, faults, version.

Knows nothing of jobs: it decides whether a request gets through, and spoils answers on
the way out when a fault says so.
"""

from __future__ import annotations

import hmac
import re
from typing import TYPE_CHECKING, Final

from starlette.responses import HTMLResponse, PlainTextResponse, Response

from intercom_export_widgets.sandbox.answers import error
from intercom_export_widgets.sandbox.traffic import SeenRequest, window_end, without_secrets
from intercom_export_widgets.sandbox.transfer import Broken

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from intercom_export_widgets.sandbox.app import Facts

    Handler = Callable[[Request], Awaitable[Response]]

__all__ = ["Gate"]

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
