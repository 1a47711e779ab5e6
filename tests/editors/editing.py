"""Somebody who writes a file in an editor, and looks at what it offers and shows."""

from dataclasses import dataclass
from typing import Any

from language_server import Json, LanguageServer
from spec_names import FAMILIES

__all__ = ["Editor"]

_ERROR = 1  # the protocol's DiagnosticSeverity
_HEAD = """\
import cio_facade
from cio_facade import AsyncCustomerIO, CustomerIO, Outbox, deliveries, devices, events, messages, objects, people
from cio_facade.events import {families}

cio = CustomerIO("key")
"""


@dataclass(frozen=True)
class Editor:
    """Somebody who writes a file, with the cursor where the text says ``|``."""

    server: LanguageServer

    def completions(self, text: str) -> list[Json]:
        """What is offered at the cursor."""
        told = self._ask("completion", text)
        return list(told["items"] if isinstance(told, dict) else told)

    def names(self, text: str) -> set[str]:
        """The names that are offered at the cursor, but for what is private."""
        return {item["label"] for item in self.completions(text) if not item["label"].startswith("_")}

    def keywords(self, text: str) -> set[str]:
        """The keyword arguments that are offered at the cursor."""
        return {name.removesuffix("=") for name in self.names(text) if name.endswith("=")}

    def told_of(self, item: Json) -> str:
        """What the editor shows beside one thing that is offered."""
        told = self.server.ask("completionItem/resolve", item)
        return " ".join(told["documentation"]["value"].split())

    def hover(self, text: str) -> str:
        """What is shown for the word at the cursor."""
        told = self._ask("hover", text)
        return " ".join(told["contents"]["value"].split()) if told else ""

    def problems(self, text: str) -> list[str]:
        """What is underlined."""
        uri, _ = self._write(text)
        found = [told for told in self.server.diagnostics(uri) if told["severity"] == _ERROR]
        return [told["message"] for told in found]

    def _ask(self, what: str, text: str) -> Any:
        uri, position = self._write(text)
        return self.server.ask(f"textDocument/{what}", {"textDocument": {"uri": uri}, "position": position})

    def _write(self, text: str) -> tuple[str, dict[str, int]]:
        whole = _HEAD.format(families=", ".join(FAMILIES)) + text + "\n"
        before, _, after = whole.partition("|")
        uri = self.server.open("ours.py", before + after)
        line = before.count("\n")
        return uri, {"line": line, "character": len(before) - before.rfind("\n") - 1}
