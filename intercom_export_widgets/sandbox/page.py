"""What the sandbox says to people: its page, and the lines to paste into a shell.

Pure text. The page never holds the token; the lines do, for they are printed to the
person who started the server.
"""

from __future__ import annotations

import html

__all__ = ["curl_lines", "root_page"]

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sandbox: synthetic data</title></head>
<body style="font: 16px/1.5 system-ui, sans-serif; max-width: 40em; margin: 3em auto">
<h1>Sandbox: synthetic data</h1>
<p>This is an imitation of Intercom's content data export API, listening on
<code>{address}</code> on this machine only. Workspace <code>{id_code}</code> is made up:
nobody in it exists.</p>
<p>Its calls are those of
<a href="https://developers.intercom.com/docs/references/rest-api/api.intercom.io/data-export"
>the documentation</a>, and need the token that was printed, or shown, where it was
started.</p>
</body></html>
"""


def root_page(id_code: str, port: int) -> str:
    """Return the page at ``/`` as HTML."""
    address = f"http://127.0.0.1:{port}"
    return PAGE.format(address=html.escape(address), id_code=html.escape(id_code))


def curl_lines(base_url: str, token: str) -> str:
    """Return the documentation's example with this address and token, and what follows it.

    The first command is that of "Creating an export job", Example Request, to the letter
    but for the address and the token.
    """
    authorization = f"-H 'Authorization:Bearer {token}' \\"
    return "\n".join(
        [
            "# Create an export job (the documentation's example):",
            f"curl {base_url}/export/content/data \\",
            "-X POST \\",
            authorization,
            "-H 'Accept: application/json' \\",
            "-H 'Content-Type: application/json' -d '",
            "{",
            '  "created_at_after": 1527811200,',
            '  "created_at_before": 1530316800',
            "}'",
            "",
            "# Then, with the job_identifier that came back in place of this one:",
            "JOB=v5xsp8c19ji0s82",
            "",
            "# Show it:",
            f'curl {base_url}/export/content/data/"$JOB" \\',
            authorization,
            "-H 'Accept: application/json'",
            "",
            "# Download its data when it is completed:",
            f'curl {base_url}/download/content/data/"$JOB" \\',
            authorization,
            "-H 'Accept: application/octet-stream' \\",
            "-o export.zip",
            "",
            "# Cancel it, if it is still running:",
            f'curl {base_url}/export/cancel/"$JOB" \\',
            "-X POST \\",
            authorization,
            "-H 'Accept: application/json'",
            "",
        ]
    )
