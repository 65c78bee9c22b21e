"""The settings, as ``%config IntercomExport`` shows and sets them.

The class is named as the user writes it. It holds no token: a configurable token would
be printed into notebooks. It imports nothing heavy, so that loading the extension is
quick.
"""

from __future__ import annotations

import contextlib
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitlets import Float, TraitError, Unicode, validate
from traitlets.config import Configurable

from intercom_export_widgets.errors import ExportWarning, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from IPython.core.interactiveshell import InteractiveShell
    from traitlets import Bunch

__all__ = ["IntercomExport"]


class IntercomExport(Configurable):
    """Where exports come from and where they go.

    Settings are traits: ``%config IntercomExport.region = "eu"``, or in a profile's
    configuration file ``c.IntercomExport.region = "eu"``. A value that can't be used
    raises `traitlets.TraitError`, on which traitlets goes back to the old one.
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
    poll_interval = Float(
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
        path = Path(proposal.value).expanduser().absolute()
        is_folder = proposal.trait.name == "folder"
        if path.exists() and path.is_dir() != is_folder:
            kind = "a folder" if is_folder else "a file"
            raise TraitError(f"{path} is not {kind}: name another.")
        return str(path)

    @classmethod
    def of(cls, shell: InteractiveShell) -> IntercomExport:
        """Return the settings that the shell's configuration has; warn of those it can't.

        One bad value must not take the magic away.
        """
        try:
            return cls(parent=shell)
        except TraitError:
            wanted = dict(shell.config.pop(cls.__name__))
        settings = cls(parent=shell)
        for name, value in wanted.items():
            try:
                setattr(settings, name, value)
            except TraitError as error:
                said = f"The setting {name} is left at its default: {error}"
                warnings.warn(said, ExportWarning, stacklevel=2)
        return settings

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
