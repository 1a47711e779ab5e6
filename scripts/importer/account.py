"""What there is to say of an import: its changes, and what is left for people to do."""

from collections.abc import Iterable

from scripts.importer import report
from scripts.importer.document import Json
from scripts.importer.importing import Import
from scripts.importer.report import Section


def text(found: Import) -> str:
    """Return the report for people, as Markdown."""
    notes = (
        *(
            Section(f"Otherwise than in {name}, for a stated reason", tuple(map(str, faith.otherwise)))
            for name, faith in found.fidelity.items()
        ),
        Section("Not described yet", _code(found.undescribed)),
        Section("Not in these files, and left as it was", _code(found.unspoken)),
        Section("Corrections that the files no longer need", tuple(map(str, found.needless))),
    )
    said = [part for part in notes if part.lines]
    changes = report.text(found.changes, kept=found.kept)
    return f"{changes}\n{report.render(said)}" if said else changes


def entry(found: Import) -> str:
    """Return what was changed for callers, as lists for the changelog; empty when nothing was."""
    made = report.sections([change for change in found.changes if change not in found.kept])
    return report.render(made).replace("### ", "#### ") if made else ""


def as_json(found: Import) -> Json:
    """Return the report for programs."""
    return {
        **report.as_json(found.changes, kept=found.kept),
        "fidelity": {
            name: {
                "lost": [str(loss) for loss in faith.lost],
                "otherwise": [str(loss) for loss in faith.otherwise],
                "explained": dict(sorted((rule.name.lower(), times) for rule, times in faith.explained.items())),
                "compared": dict(faith.compared),
                "unread": list(faith.unread),
            }
            for name, faith in found.fidelity.items()
        },
        "undescribed": list(found.undescribed),
        "unspoken": list(found.unspoken),
        "needless": [str(action) for action in found.needless],
    }


def lost(found: Import) -> list[str]:
    """Return a line for each thing that a file says and the document does not, for no stated reason."""
    return [f"{name}: would be lost: {loss}" for name, faith in found.fidelity.items() for loss in faith.lost]


def exit_code(found: Import) -> int:
    """Return the exit code of ``--check``."""
    return report.exit_code(found.changes)


def _code(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"`{name}`" for name in names)
