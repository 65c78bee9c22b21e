"""``python -m intercom_export_widgets``: the magic's verbs for a shell, cron and CI."""

from __future__ import annotations

from intercom_export_widgets.notebook.commandline import main

if __name__ == "__main__":
    raise SystemExit(main())
