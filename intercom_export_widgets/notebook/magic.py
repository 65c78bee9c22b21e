"""``%intercom_export``: parse the line, call the verb, return what there is to show.

The magic decides nothing: `usage` knows the words, `verbs` what they do, `desk` with
what, and what is returned shows itself through formatters that `extension` registers.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from IPython.core.magic import Magics, line_magic, magics_class

from intercom_export_widgets.errors import IntercomExportError
from intercom_export_widgets.intercom.censor import hide_in_text
from intercom_export_widgets.notebook import manual, usage
from intercom_export_widgets.notebook.completion import MagicCompleter
from intercom_export_widgets.notebook.desk import Desk
from intercom_export_widgets.notebook.verbs import Verbs

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from intercom_export_widgets.jobs.session import ExportSession
    from intercom_export_widgets.notebook.settings import IntercomExport

__all__ = ["IntercomExportMagics"]


@magics_class
class IntercomExportMagics(Magics):
    """The magic ``%intercom_export`` and the desk that it works at.

    Parameters
    ----------
    shell : InteractiveShell
        Where it is registered.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._shell = shell
        self.desk = Desk(shell)
        self._verbs = Verbs(self.desk)
        self._completer = MagicCompleter(self.desk)
        shell.Completer.custom_matchers.append(self._completer.match)

    @property
    def session(self) -> ExportSession:
        """The session that every line works on, made when it is first needed."""
        return self.desk.session

    @property
    def settings(self) -> IntercomExport:
        """What ``%config IntercomExport`` shows and sets."""
        return self.desk.settings

    @line_magic
    def intercom_export(self, line: str) -> object:
        """Export Intercom's message data; ``%intercom_export help`` shows how."""
        debug = "--debug" in line.split()
        try:
            command = usage.parse(line)
            result = self._verbs.run(command)
        except IntercomExportError as error:
            error.debug = debug
            # A variable in the line may have held the token, and the error repeats the line.
            error.message, error.advice = hide_in_text(error.message), hide_in_text(error.advice)
            error.args = (error.message,)
            raise
        name = command.value("output")
        if name is None:
            return result
        self._shell.user_ns[name] = result
        return None

    intercom_export.__doc__ = manual.page()

    def close(self) -> None:
        """Take everything back that was registered; jobs run on at Intercom."""
        with contextlib.suppress(ValueError):
            self._shell.Completer.custom_matchers.remove(self._completer.match)
        self.desk.close()
