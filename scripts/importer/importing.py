"""One import: what the vendor's files and the committed document make together, and what of it is new."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from scripts.importer.changes import Change, changes
from scripts.importer.combine import LIMITS, topics
from scripts.importer.document import MARK, Json, SourceError, event_names, schemas_of
from scripts.importer.events import UNMET
from scripts.importer.fidelity import Loss, Rule, Source
from scripts.importer.finish import finish, ordered
from scripts.importer.keep import in_order, keep_everything, keep_unspoken
from scripts.importer.overlay import Action, Overlay
from scripts.importer.pipeline import normal, united
from scripts.importer.prose import Prose
from scripts.importer.prune import prune
from scripts.importer.reading import Reading
from scripts.importer.references import check_references
from scripts.importer.tidy import tidy
from scripts.importer.unread import unread

Fact = TypeVar("Fact")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an API besides its documents. Each part may be absent."""

    reading: Reading | None = None
    overlay: Overlay | None = None
    prose: Prose | None = None

    @classmethod
    def read(cls, folder: Path) -> "Facts":
        """Read the files of a folder.

        Raises
        ------
        SourceError
            One of them is not as it should be; the message names it.
        """
        return cls(
            _read(folder / "reading.yaml", Reading.read),
            _read(folder / "overlay.yaml", Overlay.read),
            _read(folder / "prose.yaml", Prose.read),
        )


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """What became of the facts of one file.

    Attributes
    ----------
    lost : tuple of Loss
        What the file says and the canonical document does not, for no reason that is stated. There must be none.
    otherwise : tuple of Loss
        What the document says otherwise by the overlay, or because what the file no longer has was kept.
    explained : dict of Rule to int
        How often each rule of reading applied.
    compared : dict of str to int
        How much was compared.
    unread : tuple of str
        Components that neither a path nor an event is made of.
    """

    lost: tuple[Loss, ...]
    otherwise: tuple[Loss, ...]
    explained: Mapping[Rule, int]
    compared: Mapping[str, int]
    unread: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Import:
    """What an import makes.

    Attributes
    ----------
    spec : dict
        The canonical document, to be written.
    changes : tuple of Change
        What the vendor's files change in the committed document.
    kept : frozenset of Change
        Those of them that were not made: what the files no longer have is still in the document.
    unspoken : tuple of str
        What the files do not speak of, such as ``events.email`` or ``x-limits.callBytes``: it stays as it was.
    unmet : tuple of str
        Events that a file's text names and no file has a schema of.
    undescribed : tuple of str
        What has no description of ours yet.
    needless : tuple of Action
        Corrections that the files have made themselves.
    fidelity : dict of str to Faithfulness
        What became of each file's facts.
    """

    spec: Json
    changes: tuple[Change, ...]
    kept: frozenset[Change]
    unspoken: tuple[str, ...]
    unmet: tuple[str, ...]
    undescribed: tuple[str, ...]
    needless: tuple[Action, ...]
    fidelity: Mapping[str, Faithfulness]


def import_documents(documents: Mapping[str, Json], committed: Json, facts: Facts, *, pruned: bool = False) -> Import:
    """Import the vendor's files.

    Parameters
    ----------
    documents : dict of str to dict
        As they were read, by the names of their files, the newest first.
    committed : dict
        The canonical document so far; empty when there is none.
    facts : Facts
        What people know of the API.
    pruned : bool
        Whether what the files no longer have goes.

    Raises
    ------
    SourceError
        A file cannot be taken (the message names it), they describe another API, or a correction no longer applies.
    """
    before = tidy(committed) if committed else {}
    read = [_normal(name, document, facts.reading, before) for name, document in documents.items()]
    new = united(read, before)
    _refuse_another_api(", ".join(documents), new, before)
    kept = keep_everything(new, before)
    gone = keep_unspoken(new, before)
    # The document to be written must take every correction; the other one only says what the files are silent about.
    spec = _checked(_completed(gone if pruned else kept, before, facts, strict=True), before)
    alone = spec if pruned else _completed(gone, before, facts, strict=False)
    found, made = frozenset(changes(committed, alone)), frozenset(changes(committed, spec))
    return Import(
        spec=spec,
        changes=tuple(sorted(found | made)),
        kept=found - made,
        unspoken=tuple(sorted((topics(before) - topics(new) - {LIMITS}) | _unread_limits(new, before, facts.reading))),
        unmet=tuple(sorted({name for document in read for name in document.get(UNMET, ())} - {*_events_of(spec)})),
        undescribed=tuple(facts.prose.missing(spec)) if facts.prose else (),
        fidelity=dict(_fidelity(documents, read, new, spec)),
        needless=() if _is_ours(documents.values()) else tuple(facts.overlay.idle(new) if facts.overlay else ()),
    )


def _read(path: Path, reader: Callable[[Path], Fact]) -> Fact | None:
    if not path.exists():
        return None
    try:
        return reader(path)
    except SourceError as error:
        raise SourceError(f"{path}: {error}") from error


def _normal(name: str, document: Json, reading: Reading | None, committed: Json) -> Json:
    try:
        return normal(document, reading, committed)
    except SourceError as error:
        raise SourceError(f"{name}: {error}") from error


def _fidelity(
    documents: Mapping[str, Json], normals: Sequence[Json], new: Json, spec: Json
) -> Iterator[tuple[str, Faithfulness]]:
    """Compare each file, in what it is believed in, with the document of the files alone and with the final one."""
    spoken: set[str] = set()
    for (name, document), normal_form in zip(documents.items(), normals, strict=True):
        believed = topics(normal_form) - spoken
        spoken |= believed
        believable: Json = document if "paths" in believed else {**document, "paths": {}}
        source = Source(believable)
        sources = {
            mark["name"]: mark.get("source", key)
            for key, schema in schemas_of(normal_form).items()
            if (mark := schema.get(MARK)) and f"events.{mark['family']}" in believed
        }
        alone, found = (source.compare(made, _components(made, sources)) for made in (new, spec))
        yield (
            name,
            Faithfulness(
                lost=alone.losses,
                otherwise=tuple(loss for loss in found.losses if loss not in alone.losses),
                explained=found.explained,
                compared=found.compared,
                unread=unread(believable, _components(spec, sources).values()),
            ),
        )


def _components(document: Json, sources: Mapping[str, str]) -> dict[str, str]:
    return {
        key: sources[mark["name"]]
        for key, schema in schemas_of(document).items()
        if (mark := schema.get(MARK)) and mark["name"] in sources
    }


def _refuse_another_api(names: str, new: Json, committed: Json) -> None:
    ours, theirs = committed.get("paths", {}), new.get("paths", {})
    if ours and theirs and not ours.keys() & theirs.keys():
        raise SourceError(f"{names}: this is another API: no path is in common with the committed spec")
    if not topics(new):
        raise SourceError(f"{names}: nothing to import: there are no paths and no events")


def _completed(document: Json, before: Json, facts: Facts, *, strict: bool) -> Json:
    found = document
    if facts.overlay:
        try:
            found = facts.overlay.apply(document, strict=strict)
        except SourceError as error:
            raise SourceError(f"overlay.yaml: {error}") from error
    found = finish(prune(in_order(found, before)))
    return ordered(facts.prose.describe(found)) if facts.prose else found


def _checked(spec: Json, before: Json) -> Json:
    """Return what is to be written, unless the next import or generation could not take it.

    Raises
    ------
    SourceError
        A reference leads nowhere, or a server has no region although the servers so far have one.
    """
    check_references(spec)
    if all("x-region" in server for server in before.get("servers", [{}])):
        for server in spec.get("servers", []):
            if "x-region" not in server:
                raise SourceError(f"servers: {server.get('url')} has no region: name it in overlay.yaml (x-region)")
    return spec


def _events_of(document: Json) -> Iterator[str]:
    for schema in schemas_of(document).values():
        yield from event_names(schema)


def _unread_limits(new: Json, before: Json, reading: Reading | None) -> set[str]:
    """Return the limits that a sentence used to state, and that no sentence of the files does."""
    stated = {name for limit in (reading.limits if reading else ()) for name in limit.pattern.groupindex}
    first = {name.partition("__")[0] for name in stated}
    return {f"{LIMITS}.{name}" for name in first if name in before.get(LIMITS, {}) and name not in new.get(LIMITS, {})}


def _is_ours(documents: Iterable[Json]) -> bool:
    """Tell whether a document is canonical already: it has taken every correction."""
    return any(MARK in schema for document in documents for schema in schemas_of(document).values())
