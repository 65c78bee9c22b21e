"""``%intercom_export``: parse the line, call the verb, return what there is to show.

The magic decides nothing: `usage` knows the words, `verbs` what they do, `desk` with
what, and what is returned shows itself through formatters that `extension` registers.
"""

from __future__ import annotations

import ast
import contextlib
import linecache
import sys
from typing import TYPE_CHECKING, Any

from IPython.core import completer
from IPython.core.magic import (
    Magics,
    line_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)
from IPython.utils.text import DollarFormatter

from intercom_export_widgets.errors import IntercomExportError
from intercom_export_widgets.intercom.redact import hide_in_text
from intercom_export_widgets.notebook import manual, usage
from intercom_export_widgets.notebook.desk import Desk
from intercom_export_widgets.notebook.verbs import Verbs

if TYPE_CHECKING:
    from collections.abc import Mapping

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
        # Matchers that see the whole line came with IPython 8.6; before it, Tab offers less.
        self._matchers: list[object] = []
        if hasattr(completer, "context_matcher"):
            from intercom_export_widgets.notebook.completion import MagicCompleter

            self._matchers.append(MagicCompleter(self.desk).match)
            shell.Completer.custom_matchers += self._matchers

    @property
    def session(self) -> ExportSession:
        """The session that every line works on, made when it is first needed."""
        return self.desk.session

    @property
    def settings(self) -> IntercomExport:
        """What ``%config IntercomExport`` shows and sets."""
        return self.desk.settings

    # IPython would expand the comment too: an apostrophe there keeps it from seeing `$name`.
    @no_var_expand
    @needs_local_scope
    @line_magic
    def intercom_export(self, line: str, local_ns: Mapping[str, Any] | None = None) -> object:
        """Export Intercom's message data; ``%intercom_export help`` shows how."""
        debug = "--debug" in usage.without_comment(line).rstrip(";").split()
        names = {**self._shell.user_ns, **(local_ns or {})}
        try:
            command = usage.parse(line, lambda typed: _expanded(typed, names))
            result = self._verbs.run(command)
        except IntercomExportError as error:
            error.debug = debug
            # A variable in the line may have held the token, and the error repeats the line.
            error.message, error.advice = hide_in_text(error.message), hide_in_text(error.advice)
            error.args = (error.message,)
            raise
        name = command.value("output")
        if name is not None:
            self._shell.user_ns[name] = result
            return None
        return None if command.quiet and _is_statement() else result

    intercom_export.__doc__ = manual.page()

    def close(self) -> None:
        """Take everything back that was registered; jobs run on at Intercom."""
        with contextlib.suppress(ValueError):
            for matcher in self._matchers:
                self._shell.Completer.custom_matchers.remove(matcher)
        self.desk.close()


def _expanded(line: str, names: Mapping[str, Any]) -> str:
    """Return a line with the values of variables, `{expression}` or `$name`, as in any magic."""
    try:
        return DollarFormatter().vformat(line, args=(), kwargs=names)
    except Exception:  # noqa: BLE001 - an expression of the user's raises anything; IPython passes too
        return line


def _is_statement() -> bool:
    """Return whether the line that runs is a statement by itself: its value is not assigned.

    IPython looks for a semicolon at the end of the cell's Python, where a magic's line is a
    string; `output_can_be_silenced` would also take the value from `x = %intercom_export …;`.
    """
    frame = sys._getframe(1)  # noqa: SLF001 - the cell's frame is reached in no other way
    ours = ("IPython.", __name__)
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith(ours):
        frame = frame.f_back
    # IPython keeps each cell's Python there, for tracebacks.
    source = "".join(linecache.getlines(frame.f_code.co_filename))
    with contextlib.suppress(SyntaxError):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Expr) and frame.f_lineno in _lines_of(node):
                return True
    return False


def _lines_of(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)
