"""The files of the page that are the same for everybody: style, scripts, the icon. Read once; they are small."""

import hashlib
from pathlib import Path
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

__all__ = ["Assets"]

_FOLDER: Final = Path(__file__).parent / "static"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
# The address of a file changes with its content, so that a browser may keep it.
_KEPT: Final = {"Cache-Control": "max-age=600, immutable", "X-Content-Type-Options": "nosniff"}


class _Asset(NamedTuple):
    content: bytes
    type: str
    version: str


class Assets:
    """The files of a folder.

    Parameters
    ----------
    folder : Path
        What is in it, and in the folders in it, is served to anybody.
    """

    def __init__(self, folder: Path = _FOLDER) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): _read(path)
            for path in sorted(folder.rglob("*"))
            if path.suffix in _TYPES
        }

    def address(self, name: str) -> str:
        """Give the address of a file by its name, such as ``vendor/htmx.min.js``."""
        return f"/static/{name}?{self._files[name].version}"

    def routes(self) -> list[BaseRoute]:
        """Make the routes: the files', and the one that browsers try unasked."""
        return [Route("/static/{name:path}", self._serve), Route("/favicon.ico", self._icon)]

    async def _serve(self, request: Request) -> Response:
        return self._answer(request.path_params["name"])

    async def _icon(self, request: Request) -> Response:  # noqa: ARG002 - Starlette's signature
        return self._answer("icon.svg")

    def _answer(self, name: str) -> Response:
        asset = self._files.get(name)
        if asset is None:
            return Response("there is no such file", 404)
        return Response(asset.content, media_type=asset.type, headers=_KEPT)


def _read(path: Path) -> _Asset:
    content = path.read_bytes()
    return _Asset(content, _TYPES[path.suffix], hashlib.sha256(content).hexdigest()[:12])
