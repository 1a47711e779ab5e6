"""From a schema's error to a problem in words that name the field and never its value."""

from collections.abc import Iterator, Sequence

from jsonschema_rs import ValidationError, ValidationErrorKind

from cio_facade.sandbox.records import Problem

__all__ = ["describe", "listed"]

Kind = ValidationErrorKind

# A field's path is made of names that the sender chose: long ones are cut.
_LONGEST_PATH = 200
_MOST_OPTIONS = 10


def describe(error: ValidationError) -> Problem:
    """Tell a schema's error as a problem of the call."""
    match error.kind:
        case Kind.AnyOf(context=branches) | Kind.OneOfNotValid(context=branches):
            return _alternatives(error, branches)
        case Kind.Required(property=name):
            return _problem(error, "is required", name)
        case _:
            return _problem(error, _rule(error.kind))


def _rule(kind: ValidationErrorKind) -> str:  # noqa: PLR0911 - one line a keyword
    match kind:
        case Kind.Type(types=types):
            return f"must be of type {listed(types)}"
        case Kind.Enum(options=options):
            return (
                f"must be one of {listed(options)}"
                if len(options) <= _MOST_OPTIONS
                else "is none of the values allowed"
            )
        case Kind.Constant(expected_value=value):
            return f"must be {value}"
        case Kind.MinLength(limit=limit):
            return "must not be empty" if limit == 1 else f"must have at least {limit} characters"
        case Kind.MaxLength(limit=limit):
            return f"must have at most {limit} characters"
        case Kind.Format(format=name):
            return f"must be a valid {name}"
        case _:
            return f"breaks the rule {kind.name} of the specification"


def _alternatives(error: ValidationError, branches: Sequence[Sequence[ValidationError]]) -> Problem:
    """Name the fields of which one is missing; where none is, tell the error that lies deepest."""
    missing = list(dict.fromkeys(path for branch in branches for path in _missing(branch)))
    if missing:
        return Problem(400, error.kind.name, f"needs {listed(missing)}", missing[0])
    inner = [nested for branch in branches for nested in branch]
    if not inner:
        return _problem(error, "fits none of the forms allowed")
    return describe(max(inner, key=lambda nested: len(nested.instance_path)))


def _missing(branch: Sequence[ValidationError]) -> Iterator[str]:
    for error in branch:
        match error.kind:
            case Kind.Required(property=name):
                yield _path(error, name)
                return
            case _:
                pass


def _problem(error: ValidationError, message: str, *names: str) -> Problem:
    return Problem(400, error.kind.name, message, _path(error, *names))


def _path(error: ValidationError, *names: str) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in (*error.instance_path, *names))
    return "".join(steps).removeprefix(".")[:_LONGEST_PATH]


def listed(values: Sequence[object]) -> str:
    """Join values into a phrase: a, b or c."""
    *first, last = map(str, values)
    return f"{', '.join(first)} or {last}" if first else last
