"""Reads what a document's text announces of events: their names in tables, their families, and the headings above."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from scripts.importer.reading import Reading

SMALL_WORDS = {"a", "an", "and", "as", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"}
"""Words that a name does not capitalise unless it starts with them."""

HEADING = re.compile(r"^(?P<level>#+)\s*(?P<text>.+?)\s*$")
MENTION = re.compile(r"schemaRef=\"#/components/schemas/(?P<key>[^\"]+)\"")
ROW = re.compile(r"^\|\s*(?P<first>[^|]+?)\s*\|(?P<rest>.*)\|\s*$")
NAMES = re.compile(r"`([^`]+)`")
OF_EVENTS = re.compile(r"\bevents?\b", re.IGNORECASE)
MANY_EVENTS = re.compile(r"\bevents\b", re.IGNORECASE)
FAMILY = re.compile(r"(?P<name>.+?)\s+(?:event schemas?|events?|event schema definitions?)", re.IGNORECASE)
HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def capitalised(name: str) -> str:
    """Return an event's name with the capitals that all names have.

    >>> capitalised("Seat booked Again")
    'Seat Booked Again'
    >>> capitalised("seat_given_to_friend")
    'Seat Given to Friend'
    """
    words = re.split(r"[\s_]+", name.strip())
    return " ".join(
        word.lower() if index and word.lower() in SMALL_WORDS else word[:1].upper() + word[1:]
        for index, word in enumerate(words)
    )


def words_of(key: str) -> str:
    """Return the name that a component's key gives.

    >>> words_of("SeatGivenToFriend")
    'Seat Given to Friend'
    """
    return capitalised(HUMP.sub("_", key))


def key_of(name: str) -> str:
    """Return a name as components' keys are written, to compare by.

    >>> key_of("Seat Given to Friend")
    'seat_given_to_friend'
    """
    return re.sub(r"[^a-z0-9]+", "_", HUMP.sub("_", name).lower()).strip("_")


def family_in(heading: str) -> str | None:
    """Return what a heading or a table's row says of a family, None for a heading that names something else."""
    match = FAMILY.fullmatch(heading)
    return match["name"] if match else None


def family_of(label: str, reading: Reading) -> str:
    """Return the family that a heading or a table's row stands for."""
    for called in (label, family_in(label) or label):
        if called.lower() in reading.families:
            return reading.families[called.lower()]
    return key_of(family_in(label) or label)


@dataclass(frozen=True, slots=True)
class Announced:
    """What a document's text says of events.

    Attributes
    ----------
    families : dict of str to str
        Family of each name in the text's tables, by the name as it is written; empty where the table says none.
    names : set of str
        Those of them that stand in a table of events, by its header or the heading right above it.
    headings : dict of str to list of str
        Headings above the first mention of a component, outermost first, by the component's key.
    """

    families: dict[str, str] = field(default_factory=dict[str, str])
    names: set[str] = field(default_factory=set[str])
    headings: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    @classmethod
    def of(cls, text: str, reading: Reading, known: Collection[str] = ()) -> "Announced":
        """Read a text.

        Parameters
        ----------
        text : str
            The document's description.
        reading : Reading
            What families are called.
        known : collection of str
            Families that there are: of a table whose rows name none, a heading above may name one of them.
        """
        found = cls()
        alone: dict[str, str] = {}
        for line, headings, header in _lines(text):
            for mention in MENTION.finditer(line):
                found.headings.setdefault(mention["key"], headings)
            if not (row := ROW.match(line)):
                continue
            of_events = bool(OF_EVENTS.search(header) or MANY_EVENTS.search((headings or [""])[-1]))
            # A row is a family and its events, or one event and what is to be said of it.
            if own := NAMES.findall(row["first"]):
                listed, families = (own, alone) if of_events else ([], alone)
                above = (family_of(heading, reading) for heading in reversed(headings))
                family = next((family for family in above if family in known), "")
            else:
                listed, families = NAMES.findall(row["rest"]), found.families
                family = family_of(row["first"], reading)
            for name in listed:
                families.setdefault(name, family)
            found.names.update(listed if of_events else ())
        for name, family in alone.items():
            found.families.setdefault(name, family)
        return found


def _lines(text: str) -> Iterator[tuple[str, list[str], str]]:
    """Yield each line that is no heading, the headings above it, and the header of the table that it stands in."""
    above: list[tuple[int, str]] = []
    header = ""
    for line in text.splitlines():
        if heading := HEADING.match(line):
            level = len(heading["level"])
            above = [*((deep, words) for deep, words in above if deep < level), (level, heading["text"])]
            header = ""
            continue
        header = (header or line) if line.startswith("|") else ""
        yield line, [words for _, words in above], header
