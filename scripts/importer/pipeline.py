"""The passes in their order, from the vendor's files to the canonical document."""

from collections.abc import Sequence

from scripts.importer.bodies import bodies
from scripts.importer.combine import combine
from scripts.importer.contained import batchable, contained
from scripts.importer.document import Json
from scripts.importer.events import events
from scripts.importer.finish import finish
from scripts.importer.hoist import hoist
from scripts.importer.limits import limits
from scripts.importer.merge import merge
from scripts.importer.prune import prune
from scripts.importer.reading import Reading
from scripts.importer.reref import reref
from scripts.importer.tidy import tidy


def normal(document: Json, reading: Reading | None = None, committed: Json | None = None) -> Json:
    """Return one file's document in normal form: merged, events marked, components still under the file's keys."""
    found = merge(reref(bodies(tidy(document))))
    if reading:
        found = events(limits(found, reading), reading, committed)
    return contained(found)


def united(documents: Sequence[Json], committed: Json | None = None) -> Json:
    """Return the canonical document of files in normal form, the newest first."""
    return finish(batchable(hoist(prune(combine(documents)), committed)))


def canonical(document: Json, reading: Reading | None = None, committed: Json | None = None) -> Json:
    """Return the canonical document of one file.

    Parameters
    ----------
    document : dict
        As it was read.
    reading : Reading, optional
        What the API's documents mean; without it there are no events and no limits.
    committed : dict, optional
        Canonical; what it calls things, they are still called.
    """
    return united([normal(document, reading, committed)], committed)
