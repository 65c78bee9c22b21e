"""An S3 server on loopback, which knows no account but the one it is told."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import urllib.error
import urllib.request

from lab import free_port

BUCKET = "a-bucket-of-tests"


class ObjectStore:
    """Moto's server in a process of its own.

    Attributes
    ----------
    environment : dict of str to str
        By which S3's libraries find it, and their credentials.
    """

    def __init__(self):
        self.url = f"http://127.0.0.1:{free_port()}"
        self.environment = {
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_ACCESS_KEY_ID": "key-of-the-tests",
            "AWS_SECRET_ACCESS_KEY": "secret-of-the-tests",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-p", self.url.rpartition(":")[2]],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._wait()

    def _wait(self):
        """Wait until it answers, then make the bucket."""
        for _ in range(600):
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                self._ask("GET", "/moto-api/")
                self._ask("PUT", f"/{BUCKET}")
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.05)
                raise RuntimeError("The S3 server did not start")
        raise RuntimeError("The S3 server does not answer")

    def _ask(self, method, path):
        request = urllib.request.Request(self.url + path, method=method)  # noqa: S310 - loopback
        urllib.request.urlopen(request, timeout=5).close()  # noqa: S310 - loopback

    def stop(self):
        """End it."""
        self._process.terminate()
        self._process.wait()
