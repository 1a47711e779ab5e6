"""Parameters and answers that several operations have: components under the names that the committed document has."""

from collections import defaultdict

from scripts.importer.document import Json
from scripts.importer.naming import pascal
from scripts.importer.values import text_of


class SharedParts:
    """Components of other kinds than schemas, as they are put together.

    Parameters
    ----------
    committed : dict
        Canonical; what it calls a part in one place, a part of the same content is called anywhere.
    """

    def __init__(self, committed: Json) -> None:
        self._committed: Json = committed.get("components", {})
        self._known: dict[str, dict[str, str]] = defaultdict(dict)
        self._new: dict[str, dict[str, str]] = defaultdict(dict)
        self.parts: dict[str, dict[str, Json]] = defaultdict(dict)

    def forget(self) -> None:
        """Keep the names that were learned, and no part."""
        self.parts.clear()

    def put(self, kind: str, source: Json, node: Json, known: Json | None, name: str) -> Json:
        """Return the reference to a part among the components; the part itself where no name is free for it.

        Parameters
        ----------
        kind : str
            ``parameters`` or ``responses``.
        source, node : dict
            The part as it was, by which its like are recognised, and as it is to be.
        known : dict or None
            What the committed document has in the same place.
        name : str
            What it is called if nothing has a name for it; empty for a part that stays where it is.
        """
        content = text_of(source)
        kept = (known or {}).get("$ref", "").rpartition("/")[2]
        if kept:
            self._known[kind].setdefault(content, kept)
        elif name:
            self._new[kind].setdefault(content, pascal(name))
        theirs: Json = self._committed.get(kind, {})
        for wanted in (kept, self._known[kind].get(content, ""), self._new[kind].get(content, "")):
            # A name of the committed document is free for what it was learned from, and for nothing else.
            free = node if wanted in self._known[kind].values() else theirs.get(wanted, node)
            if wanted and self.parts[kind].get(wanted, free) == node:
                self.parts[kind][wanted] = node
                return {"$ref": f"#/components/{kind}/{wanted}"}
        return node
