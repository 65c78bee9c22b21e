import gc
import logging
import subprocess
import sys
import traceback
import warnings

import httpx
import pytest
from IPython.core.ultratb import VerboseTB
from wire import Clock, Reply, WireServer, error, file, job

from intercom_export_widgets.errors import (
    ConnectionFailedError,
    DownloadExpiredError,
    IntercomExportError,
    ServerFaultError,
    SettingError,
)
from intercom_export_widgets.intercom.client import REGIONS, IntercomClient, check_base_url
from intercom_export_widgets.intercom.credentials import Token
from intercom_export_widgets.intercom.hosts import is_loopback
from intercom_export_widgets.intercom.models import Job, JobStatus
from intercom_export_widgets.intercom.proxies import new_http
from intercom_export_widgets.intercom.timeframe import Timeframe
from intercom_export_widgets.intercom.transport import TokenAuth, origin_of

TOKEN = "dG9rOnRlc3QtdG9rZW4="  # noqa: S105 - no real token
JUNE = Timeframe.parse("2018-06")
DATA = b"PK\x03\x04" + bytes(range(256)) * 40


def client_of(server, **options):
    clock = Clock()
    return IntercomClient(
        Token(TOKEN), base_url=server.url, pause=clock.pause, now=clock.now, **options
    )


def done(url=""):
    return Job("x", JobStatus.COMPLETED, download_url=url)


@pytest.mark.parametrize(
    ("came", "plain"),
    [
        ("https://api.intercom.io", "https://api.intercom.io"),
        (" https://api.eu.intercom.io/ ", "https://api.eu.intercom.io"),
        ("HTTPS://API.AU.INTERCOM.IO:443", "https://api.au.intercom.io:443"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("http://127.3.2.1", "http://127.3.2.1"),
        ("http://localhost:8000/prefix/", "http://localhost:8000/prefix"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("https://localhost:8443", "https://localhost:8443"),
    ],
)
def test_addresses_that_may_see_a_token(came, plain):
    """Intercom's hosts over TLS, and this machine, are the addresses that may be set."""
    assert check_base_url(came) == plain


@pytest.mark.parametrize(
    "came",
    [
        "",
        "api.intercom.io",
        "//api.intercom.io",
        "ftp://api.intercom.io",
        "file:///etc/passwd",
        "http://api.intercom.io",
        "https://example.com",
        "https://intercom.io.example.com",
        "https://evilintercom.io",
        "https://api.intercom.io.",
        "https://api.intercom.io@example.com",
        "https://user:password@api.intercom.io",
        "https://api.intercom.io?x=1",
        "https://api.intercom.io#x",
        "https://example.com\\@api.intercom.io",
        "https://example.com/.intercom.io",
        "https://api.intercom.io:99999",
        "https://api.intercom.io:x",
        "https://api.inter\ncom.io",
        "https://api.intercom.io /",
        "https://аpi.intercom.io",  # noqa: RUF001 - a Cyrillic letter, as an attacker would
        "http://192.168.1.5",
        "http://0.0.0.0:8000",
        "http://2130706433",
        "http://[::ffff:127.0.0.1]",
        "http://[::1",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "https://",
    ],
)
def test_addresses_that_may_not(came):
    """Any other address is refused, at its field, without repeating credentials."""
    with pytest.raises(SettingError) as caught:
        check_base_url(came)
    assert caught.value.field == "base_url"
    assert "password" not in str(caught.value)


def test_regions():
    """Each region has its own host, and a wrong one is told the nearest."""
    for region, url in REGIONS.items():
        with IntercomClient(Token(TOKEN), region=region.upper()) as client:
            assert (client.region, client.base_url) == (region, url)
    with pytest.raises(SettingError, match="Did you mean 'eu'") as caught:
        IntercomClient(Token(TOKEN), region="eur")
    assert caught.value.field == "region"
    for wrong, meant in (("Australia", "'au'"), ("us-east-1", "'us'"), ("eo", "'eu'")):
        with pytest.raises(SettingError, match=f"Did you mean {meant}"):
            IntercomClient(Token(TOKEN), region=wrong)
    with pytest.raises(SettingError, match="'us', 'eu', 'au'") as caught:
        IntercomClient(Token(TOKEN), region="mars")
    assert "mean" not in str(caught.value)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "[::1]"]
)
def test_this_machine(host):
    """Loopback is recognised by every one of its names."""
    assert is_loopback(host)


def test_the_token_is_attached_to_its_own_origin_only():
    """At the last moment, a request to another scheme, host or port gets no token."""
    auth = TokenAuth(Token(TOKEN), origin_of(httpx.URL("https://api.intercom.io")))
    for url, own in [
        ("https://api.intercom.io/me", True),
        ("https://API.intercom.io:443/me", True),
        ("http://api.intercom.io/me", False),
        ("https://api.intercom.io:444/me", False),
        ("https://api.eu.intercom.io/me", False),
        ("https://example.com/", False),
    ]:
        request = httpx.Request("GET", url, headers={"Authorization": "Bearer other"})
        flow = auth.auth_flow(request)
        assert (next(flow).headers.get("authorization") == f"Bearer {TOKEN}") is own
        flow.close()
        assert "authorization" not in request.headers


def test_a_redirect_is_followed_to_another_host_without_the_token(tmp_path):
    """The data of a redirect to another host is taken, and the token is not sent there."""
    with WireServer(file(DATA)) as other:
        moved = Reply(302, b"", {"Location": f"{other.url}/bucket?signature=1"})
        with WireServer(moved) as server, client_of(server) as client:
            client.download(done(), tmp_path / "x.zip")
            [asked] = other.requests
            assert asked.path == "/bucket?signature=1"
            assert "authorization" not in asked.headers
            assert "intercom-version" not in asked.headers
            assert TOKEN not in str(asked)
            assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert (tmp_path / "x.zip").read_bytes() == DATA


def test_a_redirect_on_the_same_host_keeps_the_token(tmp_path):
    """A relative redirect stays at the API's own origin, and keeps the token."""
    steps = [Reply(307, b"", {"Location": "/elsewhere"}), file(DATA)]
    with WireServer(*steps) as server, client_of(server) as client:
        client.download(done(), tmp_path / "x.zip")
        assert [asked.path for asked in server.requests][1] == "/elsewhere"
        assert server.requests[1].headers["authorization"] == f"Bearer {TOKEN}"


def test_another_host_does_not_send_the_token_back_to_the_api(tmp_path):
    """A redirect from another host to the API's own is asked without the token."""
    with WireServer(Reply(500)) as server:
        back = Reply(302, b"", {"Location": f"{server.url}/admin/delete"})
        with WireServer(back) as other, client_of(server) as client:
            server.steps = [Reply(302, b"", {"Location": other.url}), file(DATA)]
            client.download(done(), tmp_path / "x.zip")
            assert server.requests[1].path == "/admin/delete"
            assert "authorization" not in server.requests[1].headers


def test_an_expired_path_falls_to_the_download_url_without_the_token(tmp_path):
    """Where the API's own path is gone, the job's download_url is asked, tokenless."""
    with WireServer(file(DATA)) as other:
        with WireServer(error(404, "not_found", "gone")) as server, client_of(server) as client:
            client.download(done(f"{other.url}/data"), tmp_path / "x.zip")
        assert "authorization" not in other.requests[0].headers
    assert (tmp_path / "x.zip").read_bytes() == DATA


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_link_that_has_run_out_is_expired_data(tmp_path, status):
    """What a storage service says of a link that has run out is not about the token."""
    with (
        WireServer(Reply(status, "<Error><Code>AccessDenied</Code></Error>")) as other,
        WireServer(Reply(302, b"", {"Location": f"{other.url}/data"})) as server,
        client_of(server) as client,
        pytest.raises(DownloadExpiredError),
    ):
        client.download(done(), tmp_path / "x.zip")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "location",
    [
        "http://example.com/data",
        "ftp://127.0.0.1/data",
        "file:///etc/passwd",
        "https://user:password@example.com/data",
        "http://user@127.0.0.1/data",
        "https://[",
        "http://169.254.169.254/latest/meta-data",
        "//example.com/data",
    ],
)
def test_a_redirect_to_what_may_not_be_asked(tmp_path, location):
    """Plain http off this machine, other schemes and credentials are not followed."""
    with (
        WireServer(Reply(302, b"", {"Location": location})) as server,
        client_of(server) as client,
    ):
        with pytest.raises(IntercomExportError) as caught:
            client.download(done(), tmp_path / "x.zip")
        assert "password" not in str(caught.value)
        assert isinstance(caught.value, ServerFaultError)
        assert len(server.requests) == 1


@pytest.mark.parametrize("url", ["http://example.com/data", "ftp://x/", "nonsense", "https://["])
def test_a_download_url_that_may_not_be_asked_is_left_alone(tmp_path, url):
    """A download_url that is no plain https address is not tried: the data is expired."""
    with (
        WireServer(error(404, "not_found", "Object not found.")) as server,
        client_of(server) as client,
        pytest.raises(DownloadExpiredError, match="Object not found"),
    ):
        client.download(done(url), tmp_path / "x.zip")


def moved_to(location):
    return Reply(302, b"", {"Location": location})


def test_a_redirect_that_repeats_the_token_is_not_followed(tmp_path):
    """An API that puts the token into an address elsewhere does not get it carried there."""
    with WireServer(file(DATA)) as other:
        # Steps, not replies: a traceback shows the locals of this test too.
        with (
            WireServer(lambda _: moved_to(f"{other.url}/?t={TOKEN}")) as server,
            client_of(server) as client,
        ):
            with pytest.raises(ServerFaultError, match="with the token in it") as caught:
                client.download(done(), tmp_path / "x.zip")
            assert TOKEN not in everything(caught.value)
        assert other.requests == []


def test_redirects_do_not_go_round_for_ever(tmp_path):
    """A circle of redirects ends after the fifth."""
    with (
        WireServer(Reply(302, b"", {"Location": "/again"})) as server,
        client_of(server) as client,
    ):
        with pytest.raises(ServerFaultError, match="more than 5 times"):
            client.download(done(), tmp_path / "x.zip")
        assert len(server.requests) == 6


FAULTS = [
    Reply(401),
    Reply(302, b"", {"Location": "https://example.com"}),
    Reply(200, "<html>"),
    lambda _: Reply(200, {"echo": TOKEN}, {"X-Echo": f"Bearer {TOKEN}"}),
    lambda _: Reply(404, {"errors": [{"message": TOKEN}]}, {"X-Echo": TOKEN, "Cookie": TOKEN}),
    Reply(silent=True),
    Reply(reset=True),
    Reply(200, DATA, cut=20),
    Reply(503),
    LOCK := error(429, "x", "Exceeded rate limit of 1 pending message data export jobs"),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_no_traceback_shows_the_token(tmp_path, caplog, fault):
    """No error's traceback with all its locals, nor any log, has the token in it."""
    caplog.set_level(logging.DEBUG)
    shown = []
    with WireServer(fault) as server, client_of(server) as client:
        for ask in (
            lambda: client.submit(JUNE),
            lambda: client.refresh("x"),
            lambda: client.cancel("x"),
            client.identify,
            lambda: client.download(done(), tmp_path / "x.zip"),
        ):
            with pytest.raises(IntercomExportError) as caught:
                ask()
            shown.append(everything(caught.value))
        assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
    # The requests that the server keeps are the test's own: they are not in a frame.
    assert TOKEN not in "".join(shown) + caplog.text


def test_no_traceback_without_a_connection_shows_the_token():
    """A refused connection's traceback has no frames of the HTTP library in it."""
    with WireServer(Reply()) as server:
        client = client_of(server)
    with client, pytest.raises(ConnectionFailedError) as caught:
        client.submit(JUNE)
    assert TOKEN not in everything(caught.value)
    assert "httpx" not in "".join(traceback.format_tb(caught.value.__traceback__))


def test_an_interrupt_shows_no_token():
    """An interrupt in the middle of a request is raised anew, outside of the library."""

    class Interrupting(httpx.BaseTransport):
        def handle_request(self, request):
            headers = dict(request.headers)
            assert TOKEN in headers["authorization"]
            raise KeyboardInterrupt

    with httpx.Client(transport=Interrupting()) as http:
        client = IntercomClient(Token(TOKEN), http=http)
        for ask in (lambda: client.submit(JUNE), lambda: client.refresh("x")):
            with pytest.raises(KeyboardInterrupt) as caught:
                ask()
            assert TOKEN not in everything(caught.value)


def everything(raised):
    """Return all that Python and IPython can show of an error, its locals included."""
    assert raised.__context__ is None
    assert raised.__cause__ is None
    whole = traceback.TracebackException.from_exception(raised, capture_locals=True)
    # The test's own frames hold the server, whose requests have the token by design.
    ours = raised.__traceback__
    while ours is not None and "/tests/" in ours.tb_frame.f_code.co_filename:
        ours = ours.tb_next
    verbose = VerboseTB(theme_name="nocolor").text(type(raised), raised, ours)
    return "".join(whole.format()) + verbose


def test_a_client_shows_no_token():
    """The repr of a client and of all that it holds has no token in it."""
    with IntercomClient(Token(TOKEN)) as client:
        assert repr(client) == "IntercomClient(base_url='https://api.intercom.io')"
        assert TOKEN not in repr(vars(client))


def test_a_proxy_never_sees_loopback(monkeypatch):
    """A proxy of the environment gets other hosts' requests, and none to this machine."""
    with WireServer(Reply(502)) as proxy, WireServer(Reply(200, job())) as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        with client_of(server) as client:
            assert client.submit(JUNE).job_identifier
        assert proxy.requests == []
        clock = Clock()
        with (
            IntercomClient(Token(TOKEN), pause=clock.pause, now=clock.now) as client,
            pytest.raises(ConnectionFailedError, match="Nothing was submitted"),
        ):
            client.submit(JUNE)
        assert [asked.method for asked in proxy.requests] == ["CONNECT"]
        assert TOKEN not in str(proxy.requests)


def test_a_netrc_adds_no_password(monkeypatch, tmp_path):
    """A .netrc for the host replaces nothing and adds nothing."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password netrc-password\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with WireServer(file(DATA)) as other:
        moved = Reply(302, b"", {"Location": f"{other.url}/data"})
        with WireServer(moved) as server, client_of(server) as client:
            client.download(done(), tmp_path / "x.zip")
        assert "authorization" not in other.requests[0].headers


def test_cookies_are_neither_kept_nor_sent(tmp_path):
    """A cookie that one host sets reaches no host, not even itself."""
    with WireServer(file(DATA)) as other:
        cookie = {"Set-Cookie": "session=secret; Path=/"}
        moved = Reply(302, b"", {"Location": f"{other.url}/data", **cookie})
        with WireServer(Reply(200, job(), cookie), moved) as server, client_of(server) as client:
            client.submit(JUNE)
            client.download(done(), tmp_path / "x.zip")
            assert "cookie" not in server.requests[1].headers
        assert "cookie" not in other.requests[0].headers


def test_an_environment_that_can_not_be_used_says_so(monkeypatch):
    """A proxy setting that httpx refuses is an error in words, without its password."""
    monkeypatch.setenv("ALL_PROXY", "gopher://user:password@proxy.example")
    with pytest.raises(ConnectionFailedError, match="can't be used") as caught:
        new_http("api.intercom.io")
    assert "password" not in "".join(traceback.format_exception(caught.value))


def test_rules_over_text_do_not_import_the_http_library():
    """Settings can check an address without paying for the HTTP library."""
    code = (
        "import sys, intercom_export_widgets.intercom as room;"
        "from intercom_export_widgets.intercom import credentials, hosts, models, timeframe;"
        "bad = {'httpx', 'pandas', 'pyarrow', 'IPython', 'ipywidgets'} & set(sys.modules);"
        "sys.exit(str(bad) if bad else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_client_that_is_dropped_closes_its_sockets(sandbox):
    """A session that was never closed leaves no open socket."""
    client = IntercomClient(Token(sandbox.token), base_url=sandbox.base_url)
    client.identify()
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        del client
        gc.collect()
    assert not found
