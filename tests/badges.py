"""Each notebook's Binder badge, made from the address of the repository.

``python tests/badges.py`` writes it under the title of each notebook, from what pyproject.toml
calls ``Repository`` among ``[project.urls]``; without one the badge leads to where README says
how a copy is launched. `test_binder.py` fails when they differ.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from urllib.parse import quote, urlsplit

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ROOT / "notebooks"
PICTURE = "https://mybinder.org/badge_logo.svg"
BADGE = re.compile(rf"\[!\[[^\]]*\]\({re.escape(PICTURE)}\)\]\([^)]*\)\n\n")
HERE = "../README.md#binder"
"""Where the badge leads while the repository has no address."""
HOSTS = {"github.com": "gh", "gitlab.com": "gl"}
"""What mybinder.org calls them; any other address is ``git``."""


def address():
    """Return the repository's public address, or an empty text if it has none yet."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project.get("urls", {}).get("Repository", "")


def launch(repository, name):
    """Return the address at which mybinder.org opens that notebook of that repository.

    Its forms are those of the BinderHub documentation: ``/v2/gh/owner/name/ref``, and for
    GitLab and others the name, or the whole address, quoted as one part.
    """
    parts = urlsplit(repository)
    path = parts.path.strip("/").removesuffix(".git")
    where = {"gh": path, "gl": quote(path, safe="")}
    kind = HOSTS.get(parts.hostname or "", "git")
    spec = where.get(kind, quote(repository, safe=""))
    opened = quote(f"notebooks/{name}", safe="")
    return f"https://mybinder.org/v2/{kind}/{spec}/HEAD?labpath={opened}"


def badged(text, repository, name):
    """Return a notebook's JSON with its badge under the title."""
    notebook = json.loads(text)
    cell = notebook["cells"][0]
    title, _, story = BADGE.sub("", "".join(cell["source"])).partition("\n\n")
    target = launch(repository, name) if repository else HERE
    said = f"{title}\n\n[![Launch on Binder]({PICTURE})]({target})\n\n{story}"
    cell["source"] = said if isinstance(cell["source"], str) else said.splitlines(keepends=True)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        found = path.read_text(encoding="utf-8")
        path.write_text(badged(found, address(), path.name), encoding="utf-8")
