"""What an editor offers while one types: asked of pyright's language server, which is what Pylance is made of.

Needs pyright's language server with its Node (``pip install 'pyright[nodejs]'``, part of the extra ``dev``).
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).parents[2]
_SERVER = Path(sys.executable).with_name("pyright-langserver")
_LIMIT = 60
_SETTINGS = {"python": {"pythonPath": sys.executable}}

pytestmark = pytest.mark.skipif(not _SERVER.exists(), reason=f"needs pyright's language server: no {_SERVER}")


class Editor:
    """As much of an editor as it takes to ask for completions."""

    def __init__(self, server: subprocess.Popen[bytes]) -> None:
        assert server.stdin is not None
        assert server.stdout is not None
        self._to, self._from = server.stdin, server.stdout
        self._number = 0
        folder = {"uri": _ROOT.as_uri(), "name": "project"}
        able = {"workspace": {"configuration": True}}
        self._ask("initialize", processId=None, capabilities=able, rootUri=folder["uri"], workspaceFolders=[folder])
        self._say("initialized")

    def offers(self, code: str) -> set[str]:
        """What is offered at the end of the code."""
        self._number += 1
        uri = (_ROOT / f"completion_{self._number}.py").as_uri()
        document = {"uri": uri, "languageId": "python", "version": 1, "text": code}
        self._say("textDocument/didOpen", textDocument=document)
        lines = code.split("\n")
        place = {"line": len(lines) - 1, "character": len(lines[-1])}
        found = self._ask("textDocument/completion", textDocument={"uri": uri}, position=place)
        return {item["label"] for item in found["items"]}

    def _ask(self, method: str, **params: Any) -> Any:
        self._number += 1
        number = self._number
        self._write({"id": number, "method": method, "params": params})
        while True:
            message = self._read()
            if message.get("id") == number and "method" not in message:
                return message["result"]
            if "id" in message:  # the server's own questions, about settings: where the packages are, else the defaults
                items = message["params"].get("items", [])
                self._write({"id": message["id"], "result": [_SETTINGS.get(item.get("section")) for item in items]})

    def _say(self, method: str, **params: Any) -> None:
        self._write({"method": method, "params": params})

    def _write(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._to.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._to.flush()

    def _read(self) -> dict[str, Any]:
        length = 0
        while line := self._from.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        assert length, "the language server has ended"
        return dict(json.loads(self._from.read(length)))


@pytest.fixture(scope="module")
def editor() -> Iterator[Editor]:
    server = subprocess.Popen([str(_SERVER), "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT)
    limit = threading.Timer(_LIMIT, server.kill)
    limit.start()
    try:
        yield Editor(server)
    finally:
        limit.cancel()
        server.kill()
        server.communicate()


@pytest.mark.parametrize(
    ("code", "offered"),
    [
        ("import cio_facade\ncio_facade.", {"CustomerIO", "AsyncCustomerIO", "events", "people", "ValidationError"}),
        ("from cio_facade import events\nevents.", {"ecommerce", "email", "mobile", "video", "live_chat", "ab_test"}),
        ("from cio_facade.events import ecommerce\necommerce.", {"OrderCompleted", "ProductViewed", "Product"}),
        ("from cio_facade import events\nevents.ecommerce.", {"OrderCompleted", "ProductViewed", "Product"}),
        (
            "from cio_facade.events import ecommerce\necommerce.OrderCompleted(",
            {"order_id=", "total=", "currency=", "products="},
        ),
        ("from cio_facade import CustomerIO\nCustomerIO('key').", {"track", "identify", "send", "send_many", "close"}),
        ("from cio_facade import CustomerIO\nCustomerIO('key').track('u1', 'e', ", {"timestamp=", "anonymous_id="}),
        ("from cio_facade import devices\ndevices.register('u1', 'token', ", {"'ios'", "'android'"}),
    ],
    ids=lambda value: value.rsplit("\n")[-1] if isinstance(value, str) else "",
)
def test_an_editor_offers(code: str, offered: set[str], editor: Editor) -> None:
    assert offered <= editor.offers(code)
