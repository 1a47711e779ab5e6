"""Faults on demand, for people: what goes wrong, a form to change it, and the last requests that were struck."""

from typing import Final
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from cio_facade.sandbox import bodies
from cio_facade.sandbox.faults import Faults
from cio_facade.sandbox.page.views import MANY, View, latest
from cio_facade.sandbox.records import Refusal

__all__ = ["routes"]

_PATH: Final = "/faults"
# Few requests are struck, and no index holds them: only the last ones are looked through.
_STRUCK: Final = f"""
SELECT id, time, path, status, verdict, fault FROM requests
WHERE fault IS NOT NULL AND id > (SELECT coalesce(max(id), 0) FROM requests) - {MANY}
ORDER BY id DESC LIMIT ?
"""  # noqa: S608 - a number of ours


def routes(view: View, faults: Faults) -> list[BaseRoute]:
    """Make the routes of the faults on demand.

    Parameters
    ----------
    view : View
    faults : Faults
        What is shown and set.
    """

    def show(request: Request, status: int = 200, rules: str | None = None, problem: str | None = None) -> Response:
        written = "\n".join(faults) if rules is None else rules
        seen = latest(view.read, "requests")
        struck = view.read(_STRUCK, (view.page,))
        return view.show(
            request,
            "faults.html",
            status,
            rules=written,
            seed=faults.seed,
            problem=problem,
            struck=struck,
            seen=seen,
        )

    def look(request: Request) -> Response:
        return view.unchanged(request, latest(view.read, "requests")) or show(request)

    async def change(request: Request) -> Response:
        rules = ""
        try:
            form = await _form(request, view.rules.call_bytes)
            rules = form.get("rules", "")
            lines = [line for line in rules.split("\n") if line.strip()]
            faults.set(*lines, seed=_whole(form.get("seed", "")))
        except (Refusal, ClientDisconnect):
            return await run_in_threadpool(show, request, 400, problem="the form could not be read")
        except ValueError as error:
            return await run_in_threadpool(show, request, 400, rules=rules, problem=str(error))
        return RedirectResponse(_PATH, 303)

    return [Route(_PATH, look, methods=["GET"]), Route(_PATH, change, methods=["POST"])]


async def _form(request: Request, largest: int) -> dict[str, str]:
    text = await bodies.read(request.stream(), "", largest)
    fields = parse_qs(text.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[-1].replace("\r\n", "\n").strip() for name, values in fields.items()}


def _whole(text: str) -> int | None:
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise ValueError("the seed must be a whole number") from None
