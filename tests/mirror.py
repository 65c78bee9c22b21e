"""A hostile Intercom: it repeats the token wherever it can, and puts markup into every text.

It plays over a real socket and imports nothing of the package.
"""

from __future__ import annotations

import copy
import io
import urllib.parse
import zipfile
from html.parser import HTMLParser

from wire import Reply, WireServer, job

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(1)>&\"'"
HARMLESS = (
    frozenset(("div", "span", "code", "strong", "mark", "small", "p", "pre", "style", "br"))
    | frozenset(("table", "thead", "tbody", "tr", "th", "td"))
    | frozenset(("figure", "figcaption", "svg", "g", "path", "text", "title"))
)
"""The elements that the package's own HTML, and that of pandas, is made of."""


def receipts(after: int) -> bytes:
    """Return an archive with markup in every text, name of a column and name of a table."""
    text = '"' + MARKUP.replace('"', '""') + '"'
    head = f"receipt_id,received_at,name,content_title,{text}\n"
    rows = head + f"{text},{after},{text},{text},{text}\n" * 3
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as whole:
        whole.writestr("receipt_20180701-000000.csv", rows)
        whole.writestr(
            f"{MARKUP.replace('/', '')}_20180701-000000.csv", f"a,{text}\n{text},{text}\n"
        )
    return packed.getvalue()


class Mirror(WireServer):
    """The server.

    Attributes
    ----------
    says : dict
        What it answers to ``create``, ``show``, ``cancel``, ``download`` and ``me``, where
        that is not the usual.
    status : str
        The status of every job.
    """

    def __init__(self) -> None:
        self.says: dict[str, Reply] = {}
        self.status = "completed"
        self._count = self._after = 0
        super().__init__(self.answer)

    def answer(self, asked) -> Reply:
        """Answer as told, with the token in a header, a cookie and the text."""
        token = asked.headers.get("authorization", "")
        parts = asked.path.split("/")
        call = {"download": "download", "me": "me"}.get(parts[1]) or (
            "cancel" if parts[2] == "cancel" else "create" if asked.method == "POST" else "show"
        )
        reply = self.says.get(call) or self.usual(call, asked)
        body = copy.deepcopy(reply.body)
        if isinstance(body, dict):
            body = {**body, "echo": token, "request_id": f"{MARKUP}{token}"}
            for each in body.get("errors", []):
                each["message"] = f"{each['message']} {MARKUP} {token}"
        elif isinstance(body, str):
            body += token
        echo = {"X-Echo": token, "Set-Cookie": f"token={token}", "Location": f"https://{token}"}
        return Reply(**{**vars(reply), "body": body, "headers": {**echo, **reply.headers}})

    def usual(self, call: str, asked) -> Reply:
        """Return what an Intercom would answer."""
        if call == "me":
            app = dict.fromkeys(("id_code", "name", "timezone", "region"), MARKUP)
            return Reply(200, {"app": app})
        if call == "create":
            self._count += 1
            self._after = asked.json["created_at_after"]
            return Reply(200, job(f"{self._count}{MARKUP}", "pending", download_url=MARKUP))
        if call == "download":
            return Reply(200, receipts(self._after))
        identifier = urllib.parse.unquote(asked.path.rpartition("/")[2])
        status = "canceled" if call == "cancel" else self.status
        return Reply(200, job(identifier, status, download_expires_at=MARKUP))


class Elements(HTMLParser):
    """Collects the elements and attributes of HTML, as a browser would see them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag, attrs) -> None:
        """Note an element."""
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
