"""What there is to say of an import: its changes, and what is left for people to do."""

from scripts.importer.document import Json
from scripts.importer.importing import Faithfulness, Import
from scripts.importer.report import EXIT_CODES, Section, code, listed, render, sections, verdict


def text(found: Import) -> str:
    """Return the report for people, as Markdown."""
    notes = (
        Section("Named in the text, without a schema", tuple(map(code, found.unmet))),
        Section("Not described yet", tuple(map(code, found.undescribed))),
        Section("Not in these files, and left as it was", tuple(map(code, found.unspoken))),
        Section("Corrections that the files no longer need", tuple(map(str, found.needless))),
        Section("Fidelity", tuple(_faith(name, faith) for name, faith in found.fidelity.items())),
    )
    said = [part for part in notes if part.lines]
    changes = render(sections(found.changes, kept=found.kept))
    return f"{changes}\n{render(said)}" if said else changes


def _faith(name: str, faith: Faithfulness) -> str:
    said = (
        f"{code(name)}: {faith.compared.get('members', 0)} members in {faith.compared.get('operations', 0)} operations"
    )
    events = f" and {faith.compared['events']} events" if faith.compared.get("events") else ""
    otherwise = f", {len(faith.otherwise)} facts otherwise for reasons in overlay.yaml" if faith.otherwise else ""
    return f"{said}{events} compared, {len(faith.lost) or 'nothing'} lost{otherwise}"


def entry(found: Import) -> str:
    """Return what was changed for callers, as lists for the changelog; empty when nothing was."""
    made = sections([change for change in found.changes if change not in found.kept])
    return render(made).replace("### ", "#### ") if made else ""


def as_json(found: Import) -> Json:
    """Return the report for programs."""
    return {
        **listed(found.changes, kept=found.kept),
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
        "unmet": list(found.unmet),
        "undescribed": list(found.undescribed),
        "unspoken": list(found.unspoken),
        "needless": [str(action) for action in found.needless],
    }


def lost(found: Import) -> list[str]:
    """Return a line for each thing that a file says and the document does not, for no stated reason."""
    return [f"{name}: would be lost: {loss}" for name, faith in found.fidelity.items() for loss in faith.lost]


def exit_code(found: Import) -> int:
    """Return the exit code of ``--check``."""
    return EXIT_CODES[verdict(found.changes)]
