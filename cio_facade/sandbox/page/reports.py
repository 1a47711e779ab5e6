"""What was reported of deliveries, and of content in apps and pages."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cio_facade.sandbox.page.views import View, latest, paged

__all__ = ["routes"]

_COUNTED: Final = 50_000
_MOST_KINDS: Final = 30

_REPORTS: Final = "SELECT * FROM {table} WHERE :before IS NULL OR id < :before ORDER BY id DESC LIMIT :limit"
_KINDS: Final = """
SELECT {column} AS kind, count(*) AS reports FROM (SELECT {column} FROM {table} ORDER BY id DESC LIMIT :counted)
GROUP BY {column} ORDER BY reports DESC, kind LIMIT :limit
"""
_TABLES: Final = {"delivery": ("delivery_reports", "metric"), "content": ("content_reports", "action_type")}


def routes(view: View) -> list[BaseRoute]:
    """Make the routes of reports."""

    def show(request: Request) -> Response:
        asked = request.query_params.get("type", "")
        kind = asked if asked in _TABLES else next(iter(_TABLES))
        table, column = _TABLES[kind]
        seen = latest(view.read, table)
        if answer := view.unchanged(request, seen):
            return answer
        before = view.number(request, "before")
        told = {"before": before, "limit": view.page + 1}
        rows, more = paged(view.read(_REPORTS.format(table=table), told), view.page)
        kinds = view.read(_KINDS.format(table=table, column=column), {"counted": _COUNTED, "limit": _MOST_KINDS})
        return view.show(
            request,
            "reports.html",
            kind=kind,
            rows=rows,
            kinds=kinds,
            counted=_COUNTED,
            next={"before": str(rows[-1]["id"])} if more else None,
            first=before is None,
            seen=seen,
        )

    return [Route("/reports", show)]
