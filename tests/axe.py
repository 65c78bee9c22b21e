"""axe-core, the accessibility rules of the field, asked about one part of a page."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe


def violations(page, selector):
    """Return what axe-core finds within an element, one line per rule and place."""
    options = {"resultTypes": ["violations"]}
    found = Axe().run(page, context={"include": [[selector]]}, options=options).response
    return [
        f"{rule['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def checked_rules(page, selector):
    """Return the rules that had something to look at, by whatever outcome."""
    options = {"resultTypes": ["passes", "violations", "incomplete"]}
    found = Axe().run(page, context={"include": [[selector]]}, options=options).response
    return {rule["id"] for kind in ("passes", "violations") for rule in found[kind]}
