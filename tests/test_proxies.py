"""The environment's proxies and certificates: which are used, and what is said of the others."""

from __future__ import annotations

import os
import socket
import sys

import httpx
import pytest
from conftest import TOKEN
from wire import Reply, WireServer, job

from intercom_export_widgets import Limits
from intercom_export_widgets.errors import (
    ConnectionFailedError,
    IntercomExportError,
    PackageMissingError,
    SubmissionUnknownError,
)
from intercom_export_widgets.intercom.client import IntercomClient
from intercom_export_widgets.intercom.credentials import Token
from intercom_export_widgets.intercom.proxies import is_direct, new_http
from intercom_export_widgets.intercom.timeframe import Timeframe

JUNE = Timeframe.parse("2018-06")
BAD = {
    "brackets": {"NO_PROXY": "[::1]"},
    "a network": {"NO_PROXY": "fd00::/8,10.0.0.0/8,localhost"},
    "rubbish": {"NO_PROXY": "[,://,::::,\x01,*.[x], ,"},
    "socks": {"ALL_PROXY": "socks5h://127.0.0.1:9"},
    "an unknown scheme": {"HTTPS_PROXY": "gopher://user:password@proxy.example"},
    "no address": {"HTTP_PROXY": "http://", "HTTPS_PROXY": "http://[", "ALL_PROXY": "::::"},
    "a port": {"HTTPS_PROXY": "http://proxy.example:99999"},
    "certificates": {"SSL_CERT_FILE": "/nowhere/at/all.pem", "SSL_CERT_DIR": "/nowhere"},
    "a log of keys": {"SSLKEYLOGFILE": "/nowhere/at/all"},
}


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    """Take the machine's own proxies out, and return what sets others."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)

    def put(**values):
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return put


@pytest.mark.parametrize("environment", BAD.values(), ids=BAD)
def test_loopback_knows_no_environment(play, no_proxies, environment):
    """The sandbox is reached directly, whatever the environment's variables hold."""
    no_proxies(**environment)
    _, client = play(Reply(200, job()))
    assert client.submit(JUNE).job_identifier


@pytest.mark.parametrize("environment", BAD.values(), ids=BAD)
def test_nothing_of_the_http_library_comes_out(no_proxies, environment):
    """Elsewhere too, an environment that can't be used is an error of ours, without its values."""
    # Without a proxy that refuses, Intercom itself would be asked.
    no_proxies(HTTPS_PROXY="http://127.0.0.1:9")
    no_proxies(**environment)
    with pytest.raises(IntercomExportError) as caught:
        IntercomClient(Token(TOKEN), pause=lambda _: None).submit(JUNE)
    assert caught.value.__context__ is None
    assert "password" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HTTPS_PROXY", "gopher://user:password@proxy.example"),
        ("https_proxy", "http://[broken"),
        ("ALL_PROXY", "http://proxy.local:99999"),
        ("all_proxy", "http://:3128"),
    ],
)
def test_a_proxy_that_can_not_be_used_is_named_by_its_variable(no_proxies, variable, value):
    """The error names the variable as it is spelt, and never repeats its value."""
    no_proxies(**{variable: value})
    with pytest.raises(ConnectionFailedError, match=f"{variable} names a proxy") as caught:
        new_http("api.intercom.io")
    assert value not in str(caught.value)


def test_certificates_that_can_not_be_read_are_named_by_their_variable(no_proxies):
    """A file that is not there is said before anything is sent."""
    no_proxies(SSL_CERT_FILE="/nowhere/at/all.pem")
    with pytest.raises(ConnectionFailedError, match="certificates of SSL_CERT_FILE"):
        new_http("api.intercom.io")


def test_a_socks_proxy_says_which_package_it_needs(no_proxies, monkeypatch):
    """Without socksio the line that installs it is said, and the variable that asks for it."""
    monkeypatch.setitem(sys.modules, "socksio", None)
    no_proxies(ALL_PROXY="socks5h://user:password@127.0.0.1:9")
    with pytest.raises(PackageMissingError, match=r"ALL_PROXY names needs socksio.*httpx\[socks\]"):
        new_http("api.intercom.io")


@pytest.mark.parametrize(
    ("excepted", "proxied"),
    [
        ("", True),
        ("example.com, fd00::/8, [::1]", True),
        ("tercom.io", True),
        ("intercom.io", False),
        (".intercom.io", False),
        ("API.INTERCOM.IO", False),
        ("example.com, *", False),
    ],
)
def test_no_proxy_takes_hosts_out(no_proxies, monkeypatch, excepted, proxied):
    """A name takes out itself and its subdomains; an entry that is no name takes out nothing."""
    monkeypatch.setattr("socket.getaddrinfo", only_addresses)
    with WireServer(Reply(502)) as proxy:
        no_proxies(HTTPS_PROXY=proxy.url, NO_PROXY=excepted)
        client = IntercomClient(Token(TOKEN), pause=lambda _: None)
        with client, pytest.raises(ConnectionFailedError, match="Nothing was submitted") as caught:
            client.submit(JUNE)
        assert [asked.method for asked in proxy.requests] == ["CONNECT"] * proxied
        assert ("the proxy that HTTPS_PROXY names" in str(caught.value)) == proxied


@pytest.mark.parametrize("proxy", ["gopher://proxy.example", "socks5h://127.0.0.1:9"])
def test_a_proxy_that_can_not_be_used_is_no_matter_for_an_excepted_host(
    no_proxies, monkeypatch, proxy
):
    """It is named only when a host needs it, as a download from elsewhere may."""
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setattr("socket.getaddrinfo", only_addresses)
    no_proxies(HTTPS_PROXY=proxy, NO_PROXY="api.intercom.io")
    with pytest.raises(ConnectionFailedError, match="no such host"):
        IntercomClient(Token(TOKEN), pause=lambda _: None).submit(JUNE)
    with (
        new_http("api.intercom.io") as http,
        pytest.raises(httpx.ProxyError, match="HTTPS_PROXY names"),
    ):
        http.get("https://files.example")


RESOLVE = socket.getaddrinfo


def only_addresses(host, *arguments, **options):
    """Resolve no names, so that nothing leaves this machine."""
    if host != "127.0.0.1":
        raise socket.gaierror("no such host")
    return RESOLVE(host, *arguments, **options)


@pytest.mark.parametrize(
    "network", ["203.0.113.0/24", "203.0.113.7", "2001:db8::/32", "[2001:db8::7]"]
)
def test_no_proxy_may_be_a_network(no_proxies, network):
    """Hosts that are addresses are taken out by their network, IPv6 with or without brackets."""
    no_proxies(HTTPS_PROXY="http://127.0.0.1:9", NO_PROXY=network)
    assert is_direct("203.0.113.7") == ("203" in network)
    assert is_direct("2001:db8::7") == ("2001" in network)
    assert not is_direct("198.51.100.1")


def test_a_proxy_that_says_nothing_has_an_end(no_proxies):
    """The limit of a request holds for a proxy too."""
    with WireServer(Reply(stall=True)) as proxy:
        no_proxies(HTTPS_PROXY=proxy.url)
        client = IntercomClient(Token(TOKEN), limits=Limits(request=0.3))
        with client, pytest.raises((ConnectionFailedError, SubmissionUnknownError)) as caught:
            client.submit(JUNE)
    assert "longer than 0.3 s" in caught.value.message
