"""What the server answers: the status, and one of the three forms in which the API words its errors."""

from collections.abc import Sequence
from typing import Any

from cio_facade.sandbox.records import Problem

__all__ = ["body", "status"]

# What permissive mode passes over in silence. Wrong addresses and too many requests are told in either mode.
_SILENCED = frozenset({400, 401, 413})
# Errors told in one answer: a client needs the first, a batch may have a thousand.
_MOST_ERRORS = 20


def status(problems: Sequence[Problem], *, strict: bool) -> int:
    """Choose the status: 200 without a problem, else that of the gravest, unless permissive mode keeps it to itself."""
    gravest = max((problem.status for problem in problems), default=200)
    return 200 if gravest in _SILENCED and not strict else gravest


def body(status: int, problems: Sequence[Problem]) -> dict[str, Any]:
    """Word the answer.

    Problems of fields are a list of reason, field and message; problems of a body as a whole are a list of sentences;
    all else is one sentence.
    """
    if status == 200:
        return {}
    told = problems[:_MOST_ERRORS]
    if any(problem.place for problem in told):
        return {
            "errors": [
                {"reason": problem.reason, "field": problem.place, "message": problem.message} for problem in told
            ]
        }
    if status == 400:
        return {"meta": {"errors": [problem.message for problem in told]}}
    return {"meta": {"error": told[0].message}}
