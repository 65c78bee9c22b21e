"""Everything that can go wrong, arranged by who must act.

The tree::

    IntercomExportError
    ├── InputError                     you: what was typed or passed is wrong
    │   ├── TimeframeError               the range of dates (``field`` names the picker)
    │   ├── UsageError                   the magic's line
    │   ├── SettingError                 a setting's value
    │   └── TableNotFoundError           a table that this export does not have
    ├── AccessError                    you: the token or what it may do
    │   ├── TokenMissingError            no token was found anywhere
    │   ├── TokenRejectedError           HTTP 401
    │   └── AccessDeniedError            HTTP 403
    ├── RequestRefusedError            you, or this package: HTTP 400 and its like
    ├── RateLimitError                 time: HTTP 429
    │   ├── JobLockedError               another job of the workspace is active
    │   └── ThrottledError               too many requests; ``reset_at`` says until when
    ├── JobError                       you: one job, named by ``job_identifier``
    │   ├── JobNotFoundError             HTTP 404 for the job
    │   ├── JobFailedError               Intercom ended it as ``failed``
    │   ├── JobCanceledError             somebody canceled it
    │   ├── DownloadExpiredError         HTTP 404 for its data
    │   ├── NotReadyError                its data was asked for too early
    │   ├── WaitTimeoutError             the time given to ``wait`` has passed
    │   └── WaitInterruptedError         ``wait`` was interrupted; the job runs on
    ├── ServiceError                   Intercom, or what lies between
    │   ├── ConnectionFailedError        no answer at all
    │   ├── ServerFaultError             HTTP 5xx
    │   │   └── RedirectedError            HTTP 3xx in answer to a call, which is not followed
    │   ├── UnreadableAnswerError        an answer that is not what the API documents
    │   └── SubmissionUnknownError       an export may have been created, unnamed
    ├── ArchiveError                   the downloaded file
    │   └── ArchiveDamagedError          truncated, or a checksum that does not match
    ├── PackageMissingError            you: an optional package is not installed
    ├── OutOfMemoryError               your machine: not enough memory
    └── StorageError                   your disk
        ├── LedgerError                  the record of jobs
        └── FileError                    the folder of downloaded exports
            └── FileBusyError              another notebook is writing that file

    ExportWarning (a ``UserWarning``)  something to know about data that was read

Every error carries one sentence that says what happened and, in ``advice``, what
to do next. In IPython each shows as that one line and still fails the cell; after
``--debug`` the whole traceback shows.

This module knows nothing of the other rooms, and every room knows it.
"""

from __future__ import annotations

import contextlib
import re
import sys
import traceback
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

__all__ = [
    "AccessDeniedError",
    "AccessError",
    "ArchiveDamagedError",
    "ArchiveError",
    "ConnectionFailedError",
    "DownloadExpiredError",
    "ExportWarning",
    "FileBusyError",
    "FileError",
    "InputError",
    "IntercomExportError",
    "JobCanceledError",
    "JobError",
    "JobFailedError",
    "JobLockedError",
    "JobNotFoundError",
    "LedgerError",
    "NotReadyError",
    "OutOfMemoryError",
    "PackageMissingError",
    "RateLimitError",
    "RedirectedError",
    "RequestRefusedError",
    "ServerFaultError",
    "ServiceError",
    "SettingError",
    "StorageError",
    "SubmissionUnknownError",
    "TableNotFoundError",
    "ThrottledError",
    "TimeframeError",
    "TokenMissingError",
    "TokenRejectedError",
    "UnreadableAnswerError",
    "UsageError",
    "WaitInterruptedError",
    "WaitTimeoutError",
]


_TOKEN: Final = re.compile(r"dG9rO[\w+/=%.-]{6,}", re.IGNORECASE)
"""An access token of Intercom's: Base64 of ``tok:`` and more."""


def without_tokens(text: str) -> str:
    """Return a text with dots in the place of whatever looks like an access token.

    What was typed is repeated in many an error, and a variable may hold anything.
    """
    return _TOKEN.sub("●●●●●●", text)


@contextlib.contextmanager
def forgetting_locals() -> Iterator[None]:
    """Empty this package's frames in the traceback of whatever is raised in the block.

    Tracebacks can be shown with the locals of their frames, which may be blocks of an
    archive: whatever its bytes are, an access token that they repeat included.
    """
    try:
        yield
    except BaseException as error:
        forget_locals(error)
        raise


def forget_locals(error: BaseException) -> None:
    """Empty this package's frames in the tracebacks of an error and of those before it."""
    each: BaseException | None = error
    while each is not None:
        step = each.__traceback__
        while step is not None:
            name = step.tb_frame.f_globals.get("__name__", "")
            if name.partition(".")[0] == __name__.partition(".")[0]:
                with contextlib.suppress(RuntimeError):  # a frame that still runs
                    step.tb_frame.clear()
            step = step.tb_next
        each = each.__cause__ or each.__context__


_ASCII: Final = str.maketrans({"·": "-", "\u2013": "-", "…": "...", "→": "->", "●": "*", "•": "*"})


def printable(text: str, stream: TextIO | None) -> str:
    """Return a text as a stream can take it; what its encoding lacks is replaced.

    Parameters
    ----------
    text : str
        What is to be printed; file names may hold surrogates, which no encoding has.
    stream : text stream or None
        Where it is printed, such as ``sys.stdout`` of a terminal in ASCII or cp932.
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_ASCII).encode(encoding, "replace").decode(encoding)
    return text


class IntercomExportError(Exception):
    """The root of all errors that this package raises on purpose.

    Parameters
    ----------
    message : str
        What happened, in the API's own words where it has some.
    advice : str, optional
        What to do next; each class has a general one of its own.
    field : str, optional
        The input at fault: ``"first"``, ``"last"``, ``"zone"``, ``"observed"``,
        ``"token"``, or a setting's name.
    """

    advice: str = ""
    debug: bool = False

    def __init__(self, message: str, *, advice: str = "", field: str | None = None) -> None:
        self.message = without_tokens(message)
        super().__init__(self.message)
        self.field = field
        if advice:
            self.advice = advice

    def __str__(self) -> str:
        """Return what happened and what to do next, on one line."""
        said = " ".join(self.message.split())
        if not self.advice:
            return without_tokens(said)
        stop = "" if said.endswith((".", "!", "?", "…")) else "."
        return without_tokens(f"{said}{stop} {self.advice}")

    def _render_traceback_(self) -> list[str]:
        """Return the lines that IPython shows: one, or all after ``--debug``."""
        if self.debug:
            lines = "".join(traceback.format_exception(self)).splitlines()
        else:
            lines = [f"{type(self).__name__}: {self}"]
        return [printable(line, sys.stdout) for line in lines]


class InputError(IntercomExportError, ValueError):
    """What was typed or passed is wrong: correct it and run it again."""


class TimeframeError(InputError):
    """The range of dates is not one that can be exported."""


class UsageError(InputError):
    """The magic's line can't be understood."""

    advice = "See %intercom_export help."


class SettingError(InputError):
    """A setting has a value that it can't have."""


class TableNotFoundError(InputError, KeyError):
    """The export has no table of that name."""


class AccessError(IntercomExportError):
    """The token is missing, wrong, or may not export."""


class TokenMissingError(AccessError):
    """No access token was found in any of the places looked at."""

    advice = (
        "Set the environment variable INTERCOM_ACCESS_TOKEN before the kernel starts, "
        "or try it on synthetic data: %intercom_export sandbox."
    )


class TokenRejectedError(AccessError):
    """HTTP 401: the API does not know the token."""

    advice = (
        "Check that the token belongs to this region and was not regenerated "
        "(Intercom: Settings, Developers, your app, Authentication)."
    )


class AccessDeniedError(AccessError):
    """HTTP 403: the token is known, but may not do this."""

    advice = (
        "The app needs the permission export_content_data "
        "(Intercom: Settings, Developers, your app, Authentication), on a plan that has it."
    )


class RequestRefusedError(IntercomExportError):
    """HTTP 400 or another 4xx: the API refused the request as it was sent."""

    advice = "Nothing was exported: correct the request and send it again."


class RateLimitError(IntercomExportError):
    """HTTP 429: what was asked must wait."""


class JobLockedError(RateLimitError):
    """HTTP 429, `Exceeded rate limit of 1 pending message data export jobs`.

    "You can only have one active job per workspace." (Creating an export job.)
    Time alone does not cure it: the active job must end first.

    Attributes
    ----------
    job_identifier : str
        The active job, if it is known on this machine; else empty.
    held : str
        The sentence about it: its range, status, age and origin, or that it comes from
        elsewhere; empty until the ledger was asked.
    """

    job_identifier: str = ""
    held: str = ""

    advice = (
        "A workspace has one active export at a time, and the API can't list it: "
        "wait for the other to end, attach to it by its identifier, or cancel it."
    )


class ThrottledError(RateLimitError):
    """HTTP 429, too many requests; they are welcome again at ``reset_at``.

    Parameters
    ----------
    message : str
        What the API said.
    reset_at : float, optional
        Unix seconds from which requests are welcome again, if the API said so.
    may_be_lock : bool
        Whether the API gave no message, so that another active job may be the reason.
    advice : str, optional
        What to do next.
    """

    advice = "Wait a few seconds, then try again."

    def __init__(
        self,
        message: str,
        *,
        reset_at: float | None = None,
        may_be_lock: bool = False,
        advice: str = "",
    ) -> None:
        super().__init__(message, advice=advice)
        self.reset_at = reset_at
        self.may_be_lock = may_be_lock


class JobError(IntercomExportError):
    """Something about one job, which ``job_identifier`` names."""

    def __init__(self, message: str, *, job_identifier: str = "", advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.job_identifier = job_identifier


class JobNotFoundError(JobError):
    """HTTP 404: the API knows no job of that identifier."""

    advice = "Check the identifier, the workspace and the region; Intercom forgets old jobs."


class JobFailedError(JobError):
    """Intercom ended the job as ``failed``."""

    advice = "Export the range again; if that fails too, try shorter ranges."


class JobCanceledError(JobError):
    """The job was canceled, here or elsewhere."""

    advice = "Nothing was downloaded: export the range again if you still need it."


class DownloadExpiredError(JobError):
    """HTTP 404 for the data of a job: it is no longer kept."""

    advice = "Intercom keeps the data of a job for a few days only: export the range again."


class NotReadyError(JobError):
    """The data of a job was asked for before it was there."""

    advice = "Wait for it first: export.wait()."


class WaitTimeoutError(JobError, TimeoutError):
    """The time given has passed, and the job was still running."""


class WaitInterruptedError(JobError):
    """Waiting was interrupted; the job itself runs on."""


class ServiceError(IntercomExportError):
    """Intercom, or something between here and there, did not answer as it should."""

    advice = "This is usually temporary: try again in a minute."


class ConnectionFailedError(ServiceError):
    """No answer: the network, a name, a certificate or a proxy."""

    advice = "Check the network connection (and a proxy, if you use one), then try again."


class ServerFaultError(ServiceError):
    """HTTP 5xx without a job in it, or a download that was redirected where it may not go."""


class RedirectedError(ServerFaultError):
    """HTTP 3xx: a call was redirected, which is not followed. Trying again does not help."""

    advice = "Check base_url and region."


class UnreadableAnswerError(ServiceError):
    """The answer is not what the API documents: HTML from a proxy, broken JSON."""

    advice = "Something between here and Intercom may have answered in its place: try again."


class SubmissionUnknownError(ServiceError):
    """The response to a submission was lost: a job may exist that nobody can name."""

    advice = (
        "Intercom may have started an export that the API can't name or list. The range is not "
        "sent again by itself: run the same line to try it again. If the API then refuses because "
        "an export is running, that is the lost one, and it ends by itself."
    )


class ArchiveError(IntercomExportError):
    """The downloaded file can't be read as an export."""


class ArchiveDamagedError(ArchiveError):
    """The file is cut short, or a checksum does not match its content."""

    advice = "Download it again while Intercom still has it, or export the range again."


class PackageMissingError(IntercomExportError):
    """Something needs a package that is not installed."""

    @classmethod
    def of(cls, what: str, package: str, install: str) -> PackageMissingError:
        """Return the error that says what needs which package, and the line that installs it.

        Parameters
        ----------
        what : str
            What was asked for, as the beginning of a sentence.
        package : str
            What is not installed.
        install : str
            What pip is to install: the package, or an extra of this one.
        """
        line = f'pip install "{install}"' if "[" in install else f"pip install {install}"
        return cls(f"{what} needs {package}, which is not installed", advice=f"Install it: {line}")


class OutOfMemoryError(IntercomExportError, MemoryError):
    """There is not enough memory."""

    advice = (
        "Read fewer columns (columns=[...]), write the table with to_parquet, which needs little "
        "memory, or free memory: restart other kernels, or this one."
    )


class StorageError(IntercomExportError):
    """The disk or a file on it refused."""


class LedgerError(StorageError):
    """The ledger, the record of every job, can't be read or written.

    Attributes
    ----------
    temporary : bool
        Whether waiting may cure it: a lock, a full disk, a drive that went away.
    """

    temporary: bool = False


class FileError(StorageError):
    """The folder of downloaded exports can't be read or written."""


class FileBusyError(FileError):
    """Another notebook is writing that file."""

    advice = "Wait for it to end, or choose another folder."


class ExportWarning(UserWarning):
    """Something that the reader of the data should know, and that stops nothing."""
