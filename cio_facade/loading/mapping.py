"""What a caller says of a load: which column becomes what, in arguments, on the command line or in a YAML file.

The words of a mapping, ``column=target``:

======================  ================================================================================
``uid=user_id``         an argument of the call: an id, ``timestamp``, ``event``, ``name``, ``token`` ...
``tier=traits.plan``    a trait; ``properties.`` and ``attributes.`` likewise, whichever the call has
``ip=context.ip``       something in the context; dots lead further in: ``context.device.model``
``payload=properties``  all of the properties: a struct, a map or JSON; other columns are laid on it
``oid=order_id``        what the spec names, without saying where it is
``note=``               not sent
======================  ================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeGuard

import attrs

from cio_facade.errors import ValidationError
from cio_facade.loading.kinds import did_you_mean, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Given", "Nulls", "Wishes", "read_pairs", "read_yaml", "wishes_of"]

Nulls = Literal["skip", "send"]
Given: TypeAlias = "Mapping[str, str | None] | str | PathLike[str] | Sequence[str] | None"
"""Column to target; or a YAML file; or texts as on the command line, each ``column=target`` or a YAML file."""

_JOINED: Final = frozenset(("map", "types"))
_YAML: Final = (".yaml", ".yml")


@attrs.frozen(kw_only=True)
class Wishes:
    """What the caller said of a load. Made by `wishes_of`.

    Attributes
    ----------
    as_ : str
        What rows become.
    map : mapping of str to str
        Column to target; an empty one is not sent.
    only : bool or tuple of str
        Whether columns that are not in the mapping stay away from traits and properties; or the only ones that do not.
    identify_by : str or None
        What a row must have, to say who it is about.
    event : str or None
        The event's name, the same for all rows.
    nulls : {"skip", "send"}
        Whether an attribute of an empty cell is left out, or sent as null.
    types : mapping of str to str
        Column to DuckDB type, for files that do not tell.
    encoding : str or None
        Of a text file.
    """

    as_: str
    map: Mapping[str, str] = attrs.field(factory=dict[str, str])
    only: bool | tuple[str, ...] = False
    identify_by: str | None = None
    event: str | None = None
    nulls: Nulls = "skip"
    types: Mapping[str, str] = attrs.field(factory=dict[str, str])
    encoding: str | None = None

    def describe(self) -> dict[str, Any]:
        """Give it as JSON has it, the same for all ways of saying the same; what was not said is left out.

        Examples
        --------
        >>> wishes_of("Identify", {"tier": "traits.plan"}).describe()
        {'as': 'identify', 'map': {'tier': 'traits.plan'}}
        """
        said = {
            "map": dict(sorted(self.map.items())),
            "only": self.only if isinstance(self.only, bool) else sorted(self.only),
            "identify_by": self.identify_by,
            "event": self.event,
            "nulls": None if self.nulls == "skip" else self.nulls,
            "types": dict(sorted(self.types.items())),
            "encoding": self.encoding,
        }
        return {"as": kind_of(self.as_).name, **{name: value for name, value in said.items() if value}}


def wishes_of(
    as_: str,
    mapping: Given = None,
    *,
    only: Sequence[str] | bool | None = None,
    identify_by: str | None = None,
    event: str | None = None,
    nulls: Nulls | None = None,
    types: Mapping[str, str] | None = None,
    encoding: str | None = None,
) -> Wishes:
    """Put together what was said by arguments and in files: arguments win, and of files and texts the later ones.

    Raises
    ------
    ValidationError
        There is no such kind; a file is not there, or says what nobody understands.

    Examples
    --------
    >>> wishes_of("identify", ["tier=traits.plan", "note="]).map
    {'tier': 'traits.plan', 'note': ''}
    """
    kind_of(as_)
    said: dict[str, Any] = {}
    for one in _parts(mapping):
        for name in one.keys() & _JOINED:
            one[name] = {**said.get(name, {}), **one[name]}
        said |= one
    given = {"only": only, "identify_by": identify_by, "event": event, "nulls": nulls, "encoding": encoding}
    said |= {name: value for name, value in given.items() if value is not None}
    said["types"] = {**said.get("types", {}), **(types or {})}
    return Wishes(as_=as_, **_checked(said, "mapping"))


def read_pairs(texts: Iterable[str]) -> dict[str, str]:
    """Read ``column=target``; a column's own name may hold the sign.

    Raises
    ------
    ValidationError
        A text is not of that form.

    Examples
    --------
    >>> read_pairs(["uid=user_id", "a=b=traits.c"])
    {'uid': 'user_id', 'a=b': 'traits.c'}
    """
    pairs: dict[str, str] = {}
    for text in texts:
        column, found, target = text.rpartition("=")
        if not found or not column:
            raise ValidationError(field="map", problem=f"{text!r} is not column=target, such as tier=traits.plan")
        pairs[column.strip()] = target.strip()
    return pairs


def read_yaml(path: str | PathLike[str]) -> dict[str, Any]:
    """Read a mapping file; its keys are the attributes of `Wishes`.

    ::

        map:
          tier: traits.plan
          note:                # not sent
        only: [name, email]
        types: {zip: VARCHAR}

    Raises
    ------
    ValidationError
        The file is not there, is not YAML, or has a key that is not known.
    """
    import yaml  # noqa: PLC0415  an extra, and only for those who have such a file

    where = fspath(path)
    try:
        said = yaml.safe_load(Path(path).read_text("utf-8"))
    except OSError as error:
        raise ValidationError(field="mapping", problem=f"{where} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f", line {mark.line + 1}"
        raise ValidationError(field="mapping", problem=f"{where} is not YAML{line}") from None
    if said is None:
        return {}
    if not _is_mapping(said):
        raise ValidationError(field="mapping", problem=f"{where} must have keys such as map: and only:")
    return _checked(said, where)


def _parts(mapping: Given) -> Iterable[dict[str, Any]]:
    if mapping is None:
        return
    if isinstance(mapping, Mapping):
        yield {"map": _pairs(mapping, "mapping")}
        return
    for text in [mapping] if isinstance(mapping, (str, PathLike)) else mapping:
        name = fspath(text)
        if isinstance(text, str) and "=" in text and not name.lower().endswith(_YAML):
            yield {"map": read_pairs([text])}
        else:
            yield read_yaml(text)


def _checked(said: Mapping[Any, Any], where: str) -> dict[str, Any]:
    """Bring each to its form, or say which is of none."""
    checked: dict[str, Any] = {}
    for name, value in said.items():
        if name in ("map", "types"):
            checked[name] = _pairs(value, f"{where}: {name}")
        elif name == "only":
            checked[name] = _only(value, where)
        elif name == "nulls":
            if value not in ("skip", "send"):
                raise ValidationError(field=f"{where}: nulls", problem="must be 'skip' or 'send'")
            checked[name] = value
        elif name in ("identify_by", "event", "encoding"):
            if value is not None and not (isinstance(value, str) and value.strip()):
                raise ValidationError(field=f"{where}: {name}", problem="must be text")
            checked[name] = value
        else:
            known = [field.name for field in attrs.fields(Wishes) if field.name != "as_"]
            hint = did_you_mean(str(name), known, f"; known are {', '.join(known)}")
            raise ValidationError(field=where, problem=f"there is no key {name!r}{hint}")
    return checked


def _only(value: Any, where: str) -> bool | tuple[str, ...]:
    if value is None or isinstance(value, bool):
        return bool(value)
    names: Sequence[Any] = [value] if isinstance(value, str) else value if _is_sequence(value) else ()
    if not names or not all(isinstance(name, str) for name in names):
        raise ValidationError(field=f"{where}: only", problem="must be a list of columns, or true")
    return tuple(names)


def _pairs(value: Any, where: str) -> dict[str, str]:
    """Read column to text; None is as good as empty."""
    if value is None:
        return {}
    if not _is_mapping(value):
        raise ValidationError(field=where, problem="must give columns a target each, such as tier: traits.plan")
    for name, text in value.items():
        if not isinstance(name, str) or not (text is None or isinstance(text, str)):
            raise ValidationError(field=where, problem=f"{name!r} and its target must be text; put them in quotes")
    return {name: (text or "").strip() for name, text in value.items()}


def _is_mapping(value: Any) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, Mapping)


def _is_sequence(value: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence)
