"""Intercom in miniature: a workspace of synthetic messages behind a real server on loopback.

It knows only the wire: it imports nothing of the rest of this package, shares no code
with it, and the rest finds it only through its address and its token. Importing it is
cheap: the server's libraries are loaded by :meth:`Sandbox.start`, numpy and pyarrow by
the first export.

Read it in this order; each file imports only from those before it: `options`, `csv_columns`,
`sample_content`, `data_generator`, `tables`, `state`, `archive_writer`, `download`, `page`,
`handlers`, `listener`, `server`, `__main__`.

    with Sandbox(seed=1, switches=Switches(container="gzip")) as sandbox:
        print(sandbox.base_url)
"""

from __future__ import annotations

from intercom_export_widgets.sandbox.options import Fault, Switches
from intercom_export_widgets.sandbox.server import Sandbox

__all__ = ["Fault", "Sandbox", "Switches"]
