"""The settings, as ``%config IntercomExport`` shows and sets them.

The class is named as the user writes it. It holds no token: a configurable token would
be printed into notebooks. It imports nothing heavy, so that loading the extension is
quick.
"""

from __future__ import annotations

import contextlib
import difflib
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from traitlets import Float, TraitError, Unicode, validate
from traitlets.config import Configurable
from traitlets.config.loader import DeferredConfig

from intercom_export_widgets.errors import ExportWarning, InputError, SettingError, without_tokens
from intercom_export_widgets.notebook.sources import Given, is_token, written_down

if TYPE_CHECKING:
    from collections.abc import Iterator

    from IPython.core.interactiveshell import InteractiveShell
    from traitlets import Bunch
    from traitlets.config import Config

__all__ = ["IntercomExport"]

MISPLACED: Final = "token among the settings"
"""What stands in `refused` for a token that is written down among the settings."""

PATHS: Final = frozenset({"folder", "ledger"})
TOKENS_BELONG: Final = (
    "A token is no setting: settings are shown and saved. Set the environment variable "
    "INTERCOM_ACCESS_TOKEN before the kernel starts, or: keyring set intercom-export-widgets "
    "access-token."
)


if TYPE_CHECKING:
    _Number = Float[float, float]
else:
    _Number = Float  # traitlets before 5.10 has no parameters for it at run time


class Seconds(_Number):
    """A number of seconds; traitlets' own takes True for 1, and fails on a very long integer."""

    def validate(self, obj: Any, value: Any) -> float:  # noqa: ANN401 - as traitlets has it
        """Return the number, or raise `traitlets.TraitError`."""
        if isinstance(value, bool):
            self.error(obj, value)
        try:
            found: float = super().validate(obj, value)
        except OverflowError:
            raise TraitError(f"{self.name} is a number of seconds, not one so large.") from None
        return found


class IntercomExport(Configurable):
    """Where exports come from and where they go.

    Settings are traits: ``%config IntercomExport.region = "eu"``. They are also read,
    when the extension is loaded, from the places that `sources` names. A value that can't
    be used raises `traitlets.TraitError`, on which traitlets goes back to the old one.

    Attributes
    ----------
    origins : dict of str to str
        Where each setting's value came from, if it is not the default.
    refused : dict of str to str
        Settings that were given and could not be used, each with its sentence.
    """

    region = Unicode(
        "us", help="Where the workspace is hosted: `us`, `eu` or `au`. Default `us`."
    ).tag(config=True)
    base_url = Unicode(
        "",
        help="Another address for the API: https at Intercom, or http on loopback. "
        "Default empty: the region's own.",
    ).tag(config=True)
    zone = Unicode(
        "UTC", help="IANA time zone in which days are meant, e.g. `Europe/Dublin`. Default `UTC`."
    ).tag(config=True)
    poll_interval = Seconds(
        30.0,
        help="Longest time between two questions about a running job, in seconds, 0.1 to 3600; "
        "at first it is asked sooner. Default 30.",
    ).tag(config=True)
    folder = Unicode(
        "", help="Where downloaded archives are kept. Default empty: the user's data folder."
    ).tag(config=True)
    ledger = Unicode(
        "",
        help="The SQLite file that remembers every job. Default empty: in the user's data folder.",
    ).tag(config=True)

    @validate("region")
    def _check_region(self, proposal: Bunch) -> str:
        from intercom_export_widgets.intercom.hosts import region_url

        region = str(proposal.value).strip().lower()
        with _as_trait_error():
            region_url(region)
        return region

    @validate("base_url")
    def _check_base_url(self, proposal: Bunch) -> str:
        from intercom_export_widgets.intercom.hosts import check_base_url

        with _as_trait_error():
            return check_base_url(proposal.value) if proposal.value else ""

    @validate("zone")
    def _check_zone(self, proposal: Bunch) -> str:
        from intercom_export_widgets.intercom.zones import find_zone

        with _as_trait_error():
            return str(find_zone(proposal.value))

    @validate("poll_interval")
    def _check_poll_interval(self, proposal: Bunch) -> float:
        shortest, longest = 0.1, 3600.0
        if not shortest <= proposal.value <= longest:
            raise TraitError(
                f"poll_interval is a number of seconds from 0.1 to 3600, not {proposal.value:g}."
            )
        return float(proposal.value)

    @validate("folder", "ledger")
    def _check_path(self, proposal: Bunch) -> str:
        if not proposal.value:
            return ""
        is_folder = proposal.trait.name == "folder"
        try:
            path = Path(proposal.value).expanduser().absolute()
            found = path.stat() if path.exists() else None
        except (OSError, ValueError, RuntimeError) as error:  # no home, no working directory
            reason = getattr(error, "strerror", None) or error
            said = f"{proposal.trait.name} can't be used: {str(reason).rstrip('.')}."
            raise TraitError(said) from None
        if "\0" in str(path):
            raise TraitError(f"{proposal.trait.name} can't be used: it has a zero byte in it.")
        if found is not None and path.is_dir() != is_folder:
            kind = "a folder" if is_folder else "a file"
            raise TraitError(f"{path} is not {kind}: name another.")
        return str(path)

    @classmethod
    def of(cls, shell: InteractiveShell | None) -> IntercomExport:
        """Return the settings as they are written down; warn of what can't be used.

        One bad value must not take the magic away: the next source's counts then.
        """
        settings = cls()
        for given in written_down(shell):
            settings._take(given)
        return settings

    def __init__(self, **values: object) -> None:
        self.origins: dict[str, str] = {}
        self.refused: dict[str, str] = {}
        super().__init__(**values)

    def _take(self, given: Given) -> None:
        """Set what a source says, or note in one sentence why not."""
        traits = self.traits(config=True)
        value, meant = given.value, _meant(given.name)
        try:
            meant = _known(given)
            if isinstance(value, DeferredConfig):
                value = value.get_value(traits[meant])
            elif isinstance(value, str):
                value = traits[meant].from_string(value)
            if given.folder is not None and meant in PATHS and isinstance(value, str) and value:
                value = value if value.startswith("~") else str(given.folder / value)
            setattr(self, meant, value)
        except (TraitError, InputError, ValueError, OverflowError) as error:
            place = f"{given.source}, {given.key}" if given.key else given.source
            said = without_tokens(f"{place}: {_plain(error, given)}")
            # A file that can't be read at all may have meant anything.
            if is_token(given):
                self.refused[MISPLACED] = said
            elif meant is not None or not given.name:
                self.refused[meant or ""] = said
            warnings.warn(said, ExportWarning, stacklevel=2)
        else:
            self.origins[meant] = f"{given.key} in {given.source}"
            self.refused.pop(meant, None)

    def update_config(self, config: Config) -> None:
        """Set what ``%config`` says, and nothing else.

        Raises
        ------
        TraitError
            If there is no such setting, or it can't have that value; exports are refused
            until it is set to something else, since IPython goes on after that error.
        """
        for name, value in config.get(type(self).__name__, {}).items():
            given = Given(name, name, value, "%config")
            meant = _meant(name)
            try:
                _known(given)
                setattr(self, name, value)
            except (TraitError, InputError) as error:
                said = without_tokens(_plain(error, given))
                if meant is not None and not is_token(given):
                    self.refused[meant] = f"%config {type(self).__name__}.{name}: {said}"
                refused = TraitError(said)
            else:
                self.origins[name] = "%config"
                self.refused.pop(name, None)
                continue
            raise refused

    def check(self) -> None:
        """Refuse to export with a setting that was given and could not be used.

        Raises
        ------
        SettingError
            With the sentence of the first such setting.
        """
        for name, said in self.refused.items():
            if not name:
                raise SettingError(
                    said,
                    advice="Nothing was submitted. Correct it there, then: "
                    "%reload_ext intercom_export_widgets.",
                )
            if name == MISPLACED:
                raise SettingError(
                    said,
                    advice="Nothing was submitted. Take it out there, then restart the kernel.",
                    field="token",
                )
            now = getattr(self, name)
            raise SettingError(
                said,
                advice=f"Nothing was submitted. Correct it, or keep what it is now: "
                f"%config {type(self).__name__}.{name} = {now!r}.",
                field=name,
            )

    def origin(self, name: str) -> str:
        """Return where the value of a setting came from."""
        return self.origins.get(name, "default")

    def as_keywords(self) -> dict[str, Any]:
        """Return the settings as keywords of `ExportSession`."""
        return {
            "region": self.region,
            "base_url": self.base_url or None,
            "zone": self.zone,
            "poll_interval": self.poll_interval,
            "folder": self.folder or None,
            "ledger": self.ledger or None,
        }


@contextlib.contextmanager
def _as_trait_error() -> Iterator[None]:
    """Turn an error of ours into traitlets' own, on which it takes the change back."""
    try:
        yield
    except InputError as error:
        refused = TraitError(str(error))
    else:
        return
    raise refused


def _meant(name: str) -> str | None:
    """Return the setting that a name means, or probably means."""
    close = difflib.get_close_matches(name, IntercomExport.class_trait_names(config=True), n=1)
    return close[0] if close else None


def _known(given: Given) -> str:
    """Return the setting's name, or refuse what is none, is a token, or can't be read."""
    if is_token(given):
        raise InputError(TOKENS_BELONG)
    if not given.name:
        raise InputError(str(given.value))
    meant = _meant(given.name)
    if meant == given.name:
        if given.twice:
            raise InputError(f"{meant} is given twice, also as {given.twice}: keep one of them.")
        return meant
    hint = f" Did you mean {meant!r}?" if meant else ""
    names = ", ".join(sorted(IntercomExport.class_trait_names(config=True)))
    raise InputError(f"There is no setting {given.name[:40]!r}.{hint} The settings are {names}.")


def _plain(error: Exception, given: Given) -> str:
    """Return what an error says, for a value of the wrong kind without traitlets' own words."""
    said = " ".join(str(error).split())
    if said.startswith(("The '", "could not convert", "Invalid")):
        kind = "a number of seconds" if given.name == "poll_interval" else "a text"
        return f"{given.name} is {kind}, not {str(given.value)[:40]!r}."
    return said
