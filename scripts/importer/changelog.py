"""Writes the change report into the changelog, under what is not released yet."""

import re

HEADING = "### The API"

RELEASE = re.compile(r"^## (?P<title>.*)$", re.MULTILINE)


def with_report(changelog: str, lists: str) -> str:
    """Return the changelog with the lists of a report under its unreleased version.

    A version that is unreleased says so in its heading; without one, ``[Unreleased]`` is put above the newest.
    Lists that stand there already are not added again.

    Parameters
    ----------
    changelog : str
        Markdown; versions are headings of the second level, the newest first.
    lists : str
        What changed, as Markdown without headings above the fourth level. Empty changes nothing.
    """
    entry = f"{HEADING}\n\n{lists.strip()}\n"
    if not lists.strip() or entry.strip() in changelog:
        return changelog
    first = RELEASE.search(changelog)
    if first is None:
        return f"{changelog.rstrip()}\n\n## [Unreleased]\n\n{entry}"
    if "unreleased" not in first["title"].lower():
        return f"{changelog[: first.start()]}## [Unreleased]\n\n{entry}\n{changelog[first.start() :]}"
    following = RELEASE.search(changelog, first.end())
    end = following.start() if following else len(changelog)
    rest = changelog[end:]
    return f"{changelog[:end].rstrip()}\n\n{entry}" + (f"\n{rest}" if rest else "")
